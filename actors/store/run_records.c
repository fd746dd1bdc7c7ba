/* run_records.c - how each run of an app went, kept after everything of it is gone. */
#include "actors/store/runs.h"

/* ---- keeping ---- */

static bool prune(const struct work *work, struct text app_id, struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_run_records_prune);

    query_text(&query, app_id);
    query_number(&query, RUN_RECORDS_KEPT_MAX);
    return query_run(&query, fault);
}

static bool put(const struct work *work, const struct ended_request *request,
                const struct run_record *record, struct text octets, struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_run_record_put);

    query_text(&query, request->app_id);
    query_text(&query, request->run_id);
    query_number(&query, record->started_at);
    query_number(&query, record->end->ended_at ? record->end->ended_at : work->now_ms);
    query_octets(&query, octets);
    return query_run(&query, fault);
}

/* Of a run that never began it is known when it ended. */
static int64_t began_at(const struct work *work, const struct run_end *end)
{
    return end->started_at ? end->started_at : end->ended_at ? end->ended_at : work->now_ms;
}

bool run_record_put(const struct work *work, const struct ended_request *request, bool *is_new,
                    struct fault *fault)
{
    OWNED(buffer) msgpack_sbuffer octets = {0};
    const struct run_record record = {
        .run_id = request->run_id, .version = request->version, .node = request->node,
        .level = request->level, .started_at = began_at(work, request->end),
        .end = request->end,
    };

    if (!message_encode(&run_record_message, &record, &octets, fault) ||
        !put(work, request, &record, buffer_text(&octets), fault))
        return false;
    *is_new = sqlite3_changes(work->connection->db) == 1;
    return !*is_new || prune(work, request->app_id, fault);
}

/* ---- reading ---- */

static bool add_present(const struct work *work, const struct app_state *state, struct text app_id,
                        struct run_record *out, uint32_t *count, struct fault *fault)
{
    const struct run *run = NULL;

    if (state->status != app_status_running)
        return true;
    if (!run_load(work, state->run_id, app_id, &run, fault))
        return false;
    if (run)
        out[(*count)++] = (struct run_record){.run_id = run->run_id, .version = run->version,
                                              .node = run->node, .started_at = run->started_at};
    return true;
}

static bool add_past(const struct work *work, const struct runs_request *request,
                     struct run_record *out, uint32_t *count, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_run_records_get);
    bool row = false;

    query_text(&query, request->app_id);
    query_number(&query, (int64_t)request->limit);
    for (;;) {
        if (!query_next(&query, &row, fault))
            return false;
        if (!row)
            return true;
        struct text packed = column_octets(&query, 0, work->arena);
        if (!packed.at)
            return work_has_memory(work, fault);
        if (!message_decode(&run_record_message, packed, LENIENT, work->arena, &out[*count], NULL,
                            fault))
            return fault_while(fault, "run record");
        (*count)++;
    }
}

bool store_runs(const struct work *work, const struct runs_request *request,
                struct runs_reply *reply, struct fault *fault)
{
    struct run_record *runs = arena_take(work->arena, (request->limit + 1) * sizeof *runs);
    struct app_state state;
    uint32_t count = 0;

    if (!runs)
        return work_has_memory(work, fault);
    if (!app_state_need(work, request->app_id, &state, fault))
        return false;
    if (!work->is_admin && !text_is(state.owner, work->user))
        return fault_set(fault, FAULT_app_not_found, "no app of that id for this user");
    if (!add_present(work, &state, request->app_id, runs, &count, fault) ||
        !add_past(work, request, runs, &count, fault))
        return false;
    reply->runs.at = runs;
    reply->runs.count = count;
    return work_has_memory(work, fault);
}
