/* runs.c - which start of an app runs where, and what became of it. */
#include "actors/store/runs.h"

#include <inttypes.h>
#include <sodium.h>

#include "actors/store/operations.h"
#include "actors/store/outbox.h"

bool run_from_row(const struct work *work, struct query *query, const struct run **out,
                  struct fault *fault)
{
    struct text config = column_octets(query, RUN_CONFIG, work->arena);
    struct run_config *asked = arena_take(work->arena, sizeof *asked);
    struct run *run = arena_take(work->arena, sizeof *run);

    if (!run || !asked)
        return work_has_memory(work, fault);
    if (config.at && !message_decode(&run_config_message, config, LENIENT, work->arena, asked,
                                     NULL, fault))
        return fault_while(fault, "run config");
    *run = (struct run){
        .run_id = column_text(query, RUN_ID, work->arena),
        .app_id = column_text(query, RUN_APP_ID, work->arena),
        .version = (uint64_t)column_number(query, RUN_VERSION),
        .node = column_text(query, RUN_NODE, work->arena),
        .gateway = column_text(query, RUN_GATEWAY, work->arena),
        .url = column_text(query, RUN_URL, work->arena),
        .port = (uint64_t)column_number(query, RUN_PORT),
        .started_at = column_number(query, RUN_STARTED_AT),
        .config = config.at ? asked : NULL,
    };
    *out = run;
    return work_has_memory(work, fault);
}

bool run_load(const struct work *work, struct text run_id, struct text app_id,
              const struct run **out, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_run_get);
    bool row = false;

    *out = NULL;
    if (!run_id.at)
        return true;
    query_text(&query, run_id);
    query_text(&query, app_id);
    return query_next(&query, &row, fault) &&
           (!row || run_from_row(work, &query, out, fault));
}

static bool prune(const struct work *work, enum statement statement, const struct run *run,
                  struct fault *fault)
{
    struct query query = query_of(work->connection, statement);

    query_text(&query, run->app_id);
    query_text(&query, run->run_id);
    query_number(&query, RUNS_KEPT_MAX);
    return query_run(&query, fault);
}

bool run_put(const struct work *work, const struct run *run, struct fault *fault)
{
    OWNED(buffer) msgpack_sbuffer config = {0};

    if (run->config && !message_encode(&run_config_message, run->config, &config, fault))
        return fault_while(fault, "run config");
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_run_put);
    query_text(&query, run->run_id);
    query_text(&query, run->app_id);
    query_number(&query, (int64_t)run->version);
    query_text(&query, run->node);
    query_text(&query, run->gateway);
    query_text(&query, run->url);
    query_number(&query, (int64_t)run->port);
    query_number(&query, run->started_at);
    query_octets(&query, buffer_text(&config));
    return query_run(&query, fault) && prune(work, STATEMENT_runs_prune, run, fault) &&
           prune(work, STATEMENT_run_ends_prune, run, fault);
}

/* ---- ends ---- */

/* The one rule for what an end does to its app. Nothing that ended is started again unasked: an
 * app that crashes would be started for ever. */
static void end_state(struct app_state *state, enum app_status status, struct text error)
{
    state->status = status;
    state->desire = app_desire_stopped;
    state->error = status == app_status_error ? error : (struct text){0};
}

bool run_apply_end(const struct work *work, struct text app_id, struct app_state *state,
                   struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_run_end_get);
    bool row = false;

    if (state->status != app_status_running || !state->run_id.at)
        return true;
    query_text(&query, state->run_id);
    query_text(&query, app_id);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row)
        return true;
    end_state(state, (enum app_status)column_choice(&query, 0, &app_status_choices),
              column_text(&query, 1, work->arena));
    return work_has_memory(work, fault);
}

static bool put_end(const struct work *work, const struct ended_request *request,
                    struct text how, struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_run_end_put);

    query_text(&query, request->run_id);
    query_text(&query, request->app_id);
    query_string(&query, choice_name(&app_status_choices, request->status));
    query_text(&query, request->error);
    query_number(&query, work->now_ms);
    query_octets(&query, how);
    return query_run(&query, fault);
}

static void pack_string(msgpack_packer *packer, struct text string)
{
    msgpack_pack_str(packer, string.size);
    msgpack_pack_str_body(packer, string.at, string.size);
}

/* {runId, status, error?, end: {...}} */
static struct text pack_detail(const struct ended_request *request, struct text how,
                               msgpack_sbuffer *out)
{
    const char *status = choice_name(&app_status_choices, request->status);
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, request->error.at ? 4 : 3);
    pack_string(&packer, TEXT_OF("runId"));
    pack_string(&packer, request->run_id);
    pack_string(&packer, TEXT_OF("status"));
    pack_string(&packer, text_from(status));
    if (request->error.at) {
        pack_string(&packer, TEXT_OF("error"));
        pack_string(&packer, request->error);
    }
    pack_string(&packer, TEXT_OF("end"));
    (void) msgpack_sbuffer_write(out, how.at, how.size);
    return buffer_text(out);
}

/* The id follows from the run's and its beginning, so that an end told twice is recorded once, whatever the store
 * still remembers. */
static struct text end_event_id(const struct work *work, const struct ended_request *request)
{
    struct text life = arena_print(work->arena, "%" PRId64 " %.*s", request->end->started_at,
                                   TEXT_ARGS(request->run_id));
    unsigned char hash[16];
    char hex[sizeof hash * 2 + 1];

    (void) crypto_generichash(hash, sizeof hash, (const unsigned char *)life.at, life.size, NULL,
                              0);
    (void) sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    return arena_print(work->arena, "run-ended-%s", hex);
}

static bool record_end(const struct work *work, const struct ended_request *request,
                       struct text how, struct fault *fault)
{
    OWNED(buffer) msgpack_sbuffer detail = {0};
    struct audit_event event = {
        .event_id = end_event_id(work, request),
        .at = request->end->ended_at ? request->end->ended_at : work->now_ms,
        .kind = TEXT_OF("run_ended"),
        .app_id = request->app_id,
        .request_id = text_from(work->request_id),
        .detail = pack_detail(request, how, &detail),
    };

    return work_has_memory(work, fault) && outbox_add(work, &event, 1, fault);
}

/* A run that was stopped because an operation asked for it: what the app is then, its finish
 * tells. */
static bool is_asked_for(const struct work *work, const struct ended_request *request, bool *out,
                         struct fault *fault)
{
    const struct operation *open = NULL;

    *out = false;
    if (request->end->reason != end_reason_stopped)
        return true;
    if (!operation_load_open(work, request->app_id, &open, fault))
        return false;
    *out = open != NULL;
    return true;
}

static bool apply_ended(const struct work *work, const struct ended_request *request,
                        struct app_state *state, struct fault *fault)
{
    bool asked_for = false;

    if (state->status != app_status_running || !text_equals(state->run_id, request->run_id))
        return true;
    if (!is_asked_for(work, request, &asked_for, fault) || asked_for)
        return asked_for;
    end_state(state, request->status, request->error);
    return app_state_save(work, request->app_id, state, fault);
}

/* What an app wrote is its user's, and no fact for the audit log. */
static bool encode_audited(const struct run_end *end, msgpack_sbuffer *out, struct fault *fault)
{
    struct run_end audited = *end;

    audited.last_lines.count = 0;
    return message_encode(&run_end_message, &audited, out, fault);
}

/* An end of an app that is no more is only audited. */
bool store_ended(const struct work *work, const struct ended_request *request,
                 struct nothing *reply, struct fault *fault)
{
    OWNED(buffer) msgpack_sbuffer how = {0};
    struct app_state state;
    bool found = false, is_new = true;

    (void) reply;
    if (request->status == app_status_running || request->status == app_status_generating)
        return fault_set(fault, FAULT_malformed, "status of an ended run: sleeping, stopped or "
                         "error");
    if (!encode_audited(request->end, &how, fault) ||
        !app_state_load(work, request->app_id, &found, &state, fault))
        return false;
    if (found && !run_record_put(work, request, &is_new, fault))
        return false;
    if (found && !request->is_record &&
        !(put_end(work, request, buffer_text(&how), fault) &&
          apply_ended(work, request, &state, fault)))
        return false;
    return !is_new || record_end(work, request, buffer_text(&how), fault);
}
