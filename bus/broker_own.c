/* broker_own.c - what the broker answers itself: MMI, and ping, info and stats of `broker`.
 *
 * Source: rfc.zeromq.org 8 (MMI): the body of the answer is a status code, as text.
 */
#include "bus/broker_inside.h"
#include "bus/clock.h"
#include "schemas/method.h"

enum { STATS_ROWS_MAX = 64, STATS_NAME_MAX = 64, OWN_ARENA_OCTETS = 4096 };

#define MMI_PREFIX "mmi."

static bool is_mmi(struct text service)
{
    return service.size >= sizeof MMI_PREFIX - 1 &&
           memcmp(service.at, MMI_PREFIX, sizeof MMI_PREFIX - 1) == 0;
}

bool is_own_name(struct text service)
{
    return is_mmi(service) || text_is(service, BROKER_SERVICE);
}

/* ---- MMI ---- */

static const char *mmi_status(struct broker *self, struct text name)
{
    if (!text_is(self->asked, MMI_PREFIX "service"))
        return "501";
    const struct service *service = service_find(self, name);
    return text_is(name, BROKER_SERVICE) || (service && service->workers > 0) ? "200" : "404";
}

static void answer_mmi(struct broker *self, struct request *request)
{
    struct text name = frame_text(&request->frames[request->frame_count - 1]);
    const char *status = mmi_status(self, name);

    if (answer_begin(self, request, /* is_final= */ true))
        broker_send_octets(self, status, strlen(status), false);
    request_free(self, request);
}

/* ---- ping, info, stats: each encodes its reply into `out` ---- */

static bool ping(struct broker *self, msgpack_sbuffer *out, struct fault *fault)
{
    const struct ping_reply reply = {
        .actor = TEXT_OF(BROKER_SERVICE),
        .instance = text_from(self->instance),
        .ok = true,
    };

    return message_encode(&ping_reply_message, &reply, out, fault);
}

static bool info(struct broker *self, msgpack_sbuffer *out, struct fault *fault);

static void fill_counters(const struct broker *self, struct method_stats *rows, uint32_t *count)
{
#define X(name_, doc) \
    rows[(*count)++] = (struct method_stats){.name = TEXT_OF(BROKER_SERVICE "." #name_), \
                                             .calls = self->counts.name_};
    BROKER_COUNTERS(X)
#undef X
}

/* A service's row: requests handed out, refused, and how long they waited here. */
static void fill_services(const struct broker *self, struct method_stats *rows, uint32_t *count)
{
    const struct service *service;

    TAILQ_FOREACH(service, &self->service_list, all) {
        if (*count == STATS_ROWS_MAX)
            return;
        if (!service->is_known || service->name_size > STATS_NAME_MAX)
            continue;
        rows[(*count)++] = (struct method_stats){
            .name = {service->name, service->name_size},
            .calls = service->sent,
            .failures = service->refused,
            .busy_us = service->waited_us,
        };
    }
}

static bool stats(struct broker *self, msgpack_sbuffer *out, struct fault *fault)
{
    struct method_stats rows[STATS_ROWS_MAX];
    struct stats_reply reply = {
        .actor = TEXT_OF(BROKER_SERVICE),
        .instance = text_from(self->instance),
    };
    uint32_t count = 0;

    fill_counters(self, rows, &count);
    fill_services(self, rows, &count);
    reply.methods.at = rows;
    reply.methods.count = count;
    return message_encode(&stats_reply_message, &reply, out, fault);
}

static const struct own_method {
    const char *name;
    bool (*write)(struct broker *self, msgpack_sbuffer *out, struct fault *fault);
    const char *doc;
} own_methods[] = {
    {"isekai.ping",  ping,  "Whether the broker lives."},
    {"isekai.info",  info,  "What it is and what it answers."},
    {"isekai.stats", stats, "Its counters, and one row for each service."},
};
enum { OWN_METHODS = sizeof own_methods / sizeof *own_methods };

static bool info(struct broker *self, msgpack_sbuffer *out, struct fault *fault)
{
    struct method_info rows[OWN_METHODS];
    struct info_reply reply = {
        .actor = TEXT_OF(BROKER_SERVICE),
        .instance = text_from(self->instance),
        .version = TEXT_OF(ISEKAI_VERSION),
        .started_at = self->started_wall_ms,
    };

    for (size_t i = 0; i < OWN_METHODS; i++)
        rows[i] = (struct method_info){
            .name = text_from(own_methods[i].name),
            .service = TEXT_OF(BROKER_SERVICE),
            .scope = text_from(scope_name(SCOPE_PUBLIC)),
            .doc = text_from(own_methods[i].doc),
        };
    reply.methods.at = rows;
    reply.methods.count = OWN_METHODS;
    return message_encode(&info_reply_message, &reply, out, fault);
}

static const struct own_method *find_own(struct text name)
{
    for (size_t i = 0; i < OWN_METHODS; i++)
        if (text_is(name, own_methods[i].name))
            return &own_methods[i];
    return NULL;
}

static bool check_parameter(struct text params, struct fault *fault)
{
    struct arena *arena = arena_new(OWN_ARENA_OCTETS);
    struct nothing parameter;

    if (!arena)
        return fault_set(fault, FAULT_internal, "no memory");
    bool is_good = message_decode(&nothing_message, params, STRICT, arena, &parameter, NULL, fault);
    arena_free(arena);
    return is_good;
}

static bool write_own(struct broker *self, struct text body, msgpack_sbuffer *result,
                      struct fault *fault)
{
    struct envelope envelope;

    if (!envelope_read(body, &envelope, fault))
        return false;
    if (envelope.kind != ENVELOPE_REQUEST)
        return fault_set(fault, FAULT_broken_msgpack, "not a request");
    const struct own_method *method = find_own(envelope.method);
    if (!method)
        return fault_set(fault, FAULT_no_such_method, "'%.*s'", envelope.method.size < 64 ? (int)envelope.method.size : 64,
                         envelope.method.at);
    return check_parameter(envelope.params, fault) && method->write(self, result, fault);
}

static void answer_broker(struct broker *self, struct request *request)
{
    struct text body = frame_text(&request->frames[request->frame_count - 1]);
    struct fault fault;
    msgpack_sbuffer result;

    msgpack_sbuffer_init(&result);
    if (!write_own(self, body, &result, &fault)) {
        answer_fault(self, request, &fault);
    } else {
        msgpack_sbuffer_clear(&self->scratch);
        if (envelope_write_result(request->msgid, (struct text){result.data, result.size},
                                  &self->scratch) &&
            answer_begin(self, request, /* is_final= */ true))
            broker_send_octets(self, self->scratch.data, self->scratch.size, false);
    }
    msgpack_sbuffer_destroy(&result);
    request_free(self, request);
}

void answer_own(struct broker *self, struct request *request)
{
    if (is_mmi(self->asked))
        answer_mmi(self, request);
    else
        answer_broker(self, request);
}
