/* egress.c - what apps may reach: rows by host and port, and a revision that rises with each change. */
#include "actors/store/egress.h"

#include "actors/store/apps.h"
#include "actors/store/outbox.h"
#include "bus/ids.h"
#include "schemas/host.h"

/* ---- reading ---- */

static bool load_revision(const struct work *work, struct text app_id, bool *found, uint64_t *out,
                          struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_egress_revision);

    query_text(&query, app_id);
    if (!query_next(&query, found, fault))
        return false;
    *out = *found ? (uint64_t)column_number(&query, 0) : 0;
    return true;
}

static bool load_rows(const struct work *work, struct text app_id, struct egress_list *out,
                      struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_egress_get);
    struct egress_grant *grants = arena_take(work->arena, EGRESS_ROWS_MAX * sizeof *grants);
    bool row = false;

    if (!grants)
        return work_has_memory(work, fault);
    out->grants.at = grants;
    query_text(&query, app_id);
    while (query_next(&query, &row, fault)) {
        if (!row || out->grants.count == EGRESS_ROWS_MAX)
            return work_has_memory(work, fault);
        grants[out->grants.count++] = (struct egress_grant){
            .host = column_text(&query, 0, work->arena),
            .port = (uint64_t)column_number(&query, 1),
            .granted_at = column_number(&query, 2),
        };
    }
    return false;
}

bool egress_load(const struct work *work, struct text app_id, const struct egress_list **out,
                 struct fault *fault)
{
    struct egress_list *list = arena_take(work->arena, sizeof *list);
    bool found = false;

    *out = NULL;
    if (!list)
        return work_has_memory(work, fault);
    *list = (struct egress_list){.revision = 0};
    if (!load_revision(work, app_id, &found, &list->revision, fault) ||
        (found && !load_rows(work, app_id, list, fault)))
        return false;
    *out = found ? list : NULL;
    return true;
}

static bool check_owner(const struct work *work, struct text app_id, struct fault *fault)
{
    struct app_state state;

    if (!app_state_need(work, app_id, &state, fault))
        return false;
    return work->is_admin || text_is(state.owner, work->user) ||
           fault_set(fault, FAULT_app_not_found, "no app of that id for this user");
}

bool store_egress(const struct work *work, const struct app_ref *request, struct egress_list *reply,
                  struct fault *fault)
{
    const struct egress_list *list = NULL;

    if (!check_owner(work, request->app_id, fault) ||
        !egress_load(work, request->app_id, &list, fault))
        return false;
    *reply = *list;
    return true;
}

/* ---- changing ---- */

static bool revise(const struct work *work, struct text app_id, struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_egress_revise);

    query_text(&query, app_id);
    query_number(&query, work->now_ms);
    return query_run(&query, fault);
}

static bool record(const struct work *work, const char *kind, const struct egress_request *request,
                   const char *host, struct fault *fault)
{
    OWNED(buffer) msgpack_sbuffer detail = {0};
    const struct egress_grant what = {.host = text_from(host), .port = request->port};
    char id[UUID_SIZE];

    if (!message_encode(&egress_grant_message, &what, &detail, fault))
        return fault_while(fault, "detail");
    uuid_make(id);
    const struct audit_event event = {
        .event_id = text_from(id),
        .at = work->now_ms,
        .kind = text_from(kind),
        .user = text_from(work->user),
        .app_id = request->app_id,
        .request_id = text_from(work->request_id),
        .detail = buffer_text(&detail),
    };
    return outbox_add(work, &event, 1, fault);
}

/* A second time it changes nothing, and is not recorded. */
static bool change(const struct work *work, enum statement statement, const char *kind,
                   const struct egress_request *request, struct fault *fault)
{
    struct query query = query_of(work->connection, statement);
    char host[HOST_SIZE];

    if (!host_pattern_read(request->host, host))
        return fault_set(fault, FAULT_malformed, "host");
    query_text(&query, request->app_id);
    query_string(&query, host);
    query_number(&query, (int64_t)request->port);
    if (statement == STATEMENT_egress_put)
        query_number(&query, work->now_ms);
    if (!query_run(&query, fault))
        return false;
    if (sqlite3_changes(work->connection->db) == 0)
        return true;
    return revise(work, request->app_id, fault) && record(work, kind, request, host, fault);
}

static bool is_granted(const struct egress_list *list, const struct egress_request *request)
{
    char host[HOST_SIZE];

    for (uint32_t i = 0; host_pattern_read(request->host, host) && i < list->grants.count; i++)
        if (text_is(list->grants.at[i].host, host) && list->grants.at[i].port == request->port)
            return true;
    return false;
}

bool store_egress_grant(const struct work *work, const struct egress_request *request,
                        struct egress_list *reply, struct fault *fault)
{
    const struct app_ref app = {.app_id = request->app_id};

    if (!store_egress(work, &app, reply, fault))
        return false;
    if (reply->grants.count == EGRESS_ROWS_MAX && !is_granted(reply, request))
        return fault_set(fault, FAULT_conflict, "an app may reach %d hosts and ports; revoke one "
                         "first", EGRESS_ROWS_MAX);
    return change(work, STATEMENT_egress_put, "egress_granted", request, fault) &&
           store_egress(work, &app, reply, fault);
}

bool store_egress_revoke(const struct work *work, const struct egress_request *request,
                         struct egress_list *reply, struct fault *fault)
{
    const struct app_ref app = {.app_id = request->app_id};

    return check_owner(work, request->app_id, fault) &&
           change(work, STATEMENT_egress_delete, "egress_revoked", request, fault) &&
           store_egress(work, &app, reply, fault);
}
