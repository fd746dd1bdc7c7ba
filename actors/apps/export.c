/* export.c - an archive of an app: the store says what it is and checks the owner, the sandbox of its host
 * packs it with its data, and the audit log has it before anybody can read it. Its id ends in the host's
 * name, so that who reads it is led there.
 */
#include "actors/apps/place.h"
#include "bus/clock.h"
#include "bus/ids.h"

static bool ask_sandbox(struct call *call, struct text node, const struct method *method,
                        const void *request, void *reply, struct fault *fault)
{
    return place_ask(call, node, method, lane_deadline_ms(method->lane), request, reply, fault);
}

/* An app that has run nowhere has no data: any host can pack it. */
static bool find_host(struct call *call, struct text app_id, struct text *node, struct fault *fault)
{
    struct place_reply place;

    if (!place_find(call, app_id, &place, fault))
        return false;
    *node = place.node;
    return place.node.at || place_choose(call, node, fault);
}

static bool pack(struct call *call, const struct export_request *in, struct text node,
                 struct export_reply *out, struct fault *fault)
{
    const struct app_ref ref = {.app_id = in->app_id};
    struct app app;
    struct egress_list egress;

    if (!apps_find_own(call, in->app_id, &app, fault) ||
        !call_ask(call, &method_store_egress, &ref, &egress, fault))
        return false;
    const struct pack_request request = {
        .app = &app,
        .user = text_from(call_user(call)),
        .format = in->format.at ? in->format : TEXT_OF("tar.gz"),
        .data = in->data ? in->data : export_data_on,
        .egress = &egress,
    };
    return ask_sandbox(call, node, &method_sandbox_pack, &request, out, fault);
}

static bool pack_detail(const struct export_request *in, const struct export_reply *archive,
                        msgpack_sbuffer *out, struct fault *fault)
{
    const struct export_detail detail = {
        .format = in->format.at ? in->format : TEXT_OF("tar.gz"),
        .data = in->data ? in->data : export_data_on,
        .octets = archive->octets,
    };

    return message_encode(&export_detail_message, &detail, out, fault);
}

static bool record(struct call *call, const struct export_request *in,
                   const struct export_reply *archive, struct fault *fault)
{
    char event_id[UUID_SIZE];
    msgpack_sbuffer detail;
    struct checkpoint ignored;

    uuid_make(event_id);
    msgpack_sbuffer_init(&detail);
    bool recorded = pack_detail(in, archive, &detail, fault);
    const struct audit_event event = {
        .event_id = text_from(event_id),
        .at = clock_wall_ms(),
        .kind = TEXT_OF("app_exported"),
        .user = text_from(call_user(call)),
        .app_id = in->app_id,
        .request_id = text_from(*call_request_id(call) ? call_request_id(call) : NULL),
        .detail = {detail.data, detail.size},
    };
    const struct append_request request = {.events = {&event, 1}};
    recorded = recorded && call_ask(call, &method_audit_append, &request, &ignored, fault);
    msgpack_sbuffer_destroy(&detail);
    return recorded;
}

/* ---- its id ---- */

static bool split_id(struct text id, struct text *export_id, struct text *node, struct fault *fault)
{
    const char *dot = id.size > 0 ? memchr(id.at, '.', id.size) : NULL;

    if (!dot)
        return fault_set(fault, FAULT_export_not_found, "no such archive");
    *export_id = (struct text){id.at, (size_t)(dot - id.at)};
    *node = (struct text){dot + 1, id.size - export_id->size - 1};
    return text_is_node(*node) || fault_set(fault, FAULT_export_not_found, "no such archive");
}

static struct pack_read_request named(struct call *call, struct text app_id, struct text export_id)
{
    return (struct pack_read_request){.app_id = app_id, .export_id = export_id,
                                      .user = text_from(call_user(call))};
}

/* ---- methods ---- */

static bool end(struct call *call, struct text app_id, struct text id, struct text node,
                struct fault *fault)
{
    const struct pack_read_request request = named(call, app_id, id);
    struct nothing done;

    return ask_sandbox(call, node, &method_sandbox_pack_end, &request, &done, fault);
}

/* No archive without its record. */
bool apps_export(struct call *call, const struct export_request *in, struct export_reply *out,
                 struct fault *fault)
{
    struct text node = {0};
    struct fault ignored;

    if (!find_host(call, in->app_id, &node, fault) || !pack(call, in, node, out, fault))
        return false;
    struct text id = out->export_id;
    out->export_id = arena_print(call_arena(call), "%.*s.%.*s", TEXT_ARGS(id), TEXT_ARGS(node));
    if (out->export_id.at ? record(call, in, out, fault)
                          : fault_set(fault, FAULT_internal, "no memory for an export"))
        return true;
    (void) end(call, in->app_id, id, node, &ignored);
    return false;
}

/* The sandbox gives it to nobody but the user it was made for, whom the store had let. */
bool apps_export_read(struct call *call, const struct export_piece_request *in,
                      struct export_piece *out, struct fault *fault)
{
    struct text id = {0}, node = {0};

    if (!split_id(in->export_id, &id, &node, fault))
        return false;
    struct pack_read_request request = named(call, in->app_id, id);
    request.offset = in->offset;
    return ask_sandbox(call, node, &method_sandbox_pack_read, &request, out, fault);
}

bool apps_export_end(struct call *call, const struct export_ref *in, struct nothing *out,
                     struct fault *fault)
{
    struct text id = {0}, node = {0};

    *out = (struct nothing){0};
    return split_id(in->export_id, &id, &node, fault) && end(call, in->app_id, id, node, fault);
}
