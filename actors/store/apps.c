/* apps.c - read an app; keep its row. */
#include "actors/store/apps.h"

#include "actors/store/egress.h"
#include "actors/store/operations.h"
#include "actors/store/runs.h"
#include "actors/store/versions.h"

bool work_has_memory(const struct work *work, struct fault *fault)
{
    return !arena_is_exhausted(work->arena) ||
           fault_set(fault, FAULT_internal, "the answer is larger than a request's memory");
}

bool app_may_be_seen(const struct work *work, struct text owner)
{
    return work->is_admin || text_is(owner, work->user);
}

/* ---- one row ---- */

static bool metadata_from_row(const struct work *work, struct query *query, struct app *app,
                              struct fault *fault)
{
    struct text packed = column_octets(query, APP_METADATA, work->arena);
    bool is_broken = app->status == app_status_error && !column_is_null(query, APP_ERROR);

    if (!packed.at && !is_broken)
        return true;
    struct app_metadata *metadata = arena_take(work->arena, sizeof *metadata);
    if (!metadata)
        return work_has_memory(work, fault);
    if (packed.at && !message_decode(&app_metadata_message, packed, LENIENT, work->arena,
                                     metadata, NULL, fault))
        return fault_while(fault, "metadata");
    metadata->error = is_broken ? column_text(query, APP_ERROR, work->arena) : (struct text){0};
    app->metadata = metadata;
    return true;
}

static bool code_from_row(const struct work *work, struct query *query, struct app *app,
                          struct fault *fault)
{
    struct text packed = column_octets(query, APP_FILES, work->arena);

    if (!packed.at)
        return true;
    struct app_code *code = arena_take(work->arena, sizeof *code);
    if (!code)
        return work_has_memory(work, fault);
    app->code = code;
    return message_decode(&app_code_message, packed, LENIENT, work->arena, code, NULL, fault) ||
           fault_while(fault, "files");
}

bool app_from_row(const struct work *work, struct query *query, struct app *app,
                         struct fault *fault)
{
    struct arena *arena = work->arena;

    *app = (struct app){
        .id = column_text(query, APP_ID_, arena),
        .name = column_text(query, APP_NAME, arena),
        .prompt = column_text(query, APP_PROMPT, arena),
        .status = (enum app_status)column_choice(query, APP_STATUS, &app_status_choices),
        .version = (uint64_t)column_number(query, APP_VERSION),
        .created_at = column_number(query, APP_CREATED_AT),
        .updated_at = column_number(query, APP_UPDATED_AT),
    };
    if (app->status == app_status_running || app->status == app_status_sleeping)
        app->preview_url = column_text(query, APP_URL, arena);
    return metadata_from_row(work, query, app, fault) &&
           code_from_row(work, query, app, fault) && work_has_memory(work, fault);
}

/* ---- get, find ---- */

bool store_get(const struct work *work, const struct app_ref *request, struct app *reply,
               struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_app_get);
    bool row = false;

    query_text(&query, request->app_id);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row || !app_may_be_seen(work, column_text(&query, APP_OWNER, work->arena)))
        return fault_set(fault, FAULT_app_not_found, "no app of that id for this user");
    return app_from_row(work, &query, reply, fault);
}

static bool load_row(const struct work *work, struct text app_id, struct stored_app *out,
                     struct text *run_id, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_app_get);
    struct app *app = arena_take(work->arena, sizeof *app);
    bool row = false;

    if (!app)
        return work_has_memory(work, fault);
    query_text(&query, app_id);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row)
        return fault_set(fault, FAULT_app_not_found, "no app of that id");
    out->app = app;
    out->owner = column_text(&query, APP_OWNER, work->arena);
    out->desire = (enum app_desire)column_choice(&query, APP_DESIRE, &app_desire_choices);
    *run_id = column_text(&query, APP_RUN_ID, work->arena);
    return app_from_row(work, &query, app, fault);
}

static bool load_node(const struct work *work, struct text app_id, struct text *node,
                      struct fault *fault)
{
    struct place_reply place;
    struct text owner;

    if (!place_load(work, app_id, &place, &owner, fault))
        return false;
    *node = place.node;
    return true;
}

bool stored_app_load(const struct work *work, struct text app_id, struct stored_app *out,
                     struct fault *fault)
{
    struct text run_id = {0};

    return load_node(work, app_id, &out->node, fault) &&
           load_row(work, app_id, out, &run_id, fault) &&
           run_load(work, run_id, app_id, &out->run, fault) &&
           operation_load_open(work, app_id, &out->operation, fault) &&
           egress_load(work, app_id, &out->egress, fault);
}

bool app_load(const struct work *work, struct text app_id, struct app *out, struct fault *fault)
{
    struct stored_app stored = {0};
    struct text run_id = {0};

    if (!load_row(work, app_id, &stored, &run_id, fault))
        return false;
    *out = *stored.app;
    return true;
}

bool store_find(const struct work *work, const struct app_ref *request, struct stored_app *reply,
                struct fault *fault)
{
    return stored_app_load(work, request->app_id, reply, fault);
}

/* ---- route ---- */

bool store_route(const struct work *work, const struct route_request *request,
                 struct route_reply *reply, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_app_route);
    bool row = false;

    query_text(&query, request->label);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row)
        return fault_set(fault, FAULT_app_not_found, "no app has this label");
    reply->app_id = column_text(&query, 0, work->arena);
    reply->name = column_text(&query, 1, work->arena);
    reply->status = (enum app_status)column_choice(&query, 2, &app_status_choices);
    if (reply->status == app_status_error)
        reply->error = column_text(&query, 3, work->arena);
    reply->node = column_text(&query, 4, work->arena);
    reply->gateway = column_text(&query, 5, work->arena);
    reply->version = (uint64_t)column_number(&query, 6);
    return work_has_memory(work, fault);
}

/* ---- rows, for the other nouns ---- */

bool app_state_load(const struct work *work, struct text app_id, bool *found,
                    struct app_state *out, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_app_state);

    query_text(&query, app_id);
    if (!query_next(&query, found, fault))
        return false;
    if (!*found)
        return true;
    *out = (struct app_state){
        .owner = column_text(&query, 0, work->arena),
        .name = column_text(&query, 1, work->arena),
        .status = (enum app_status)column_choice(&query, 2, &app_status_choices),
        .desire = (enum app_desire)column_choice(&query, 3, &app_desire_choices),
        .error = column_text(&query, 4, work->arena),
        .version = column_number(&query, 5),
        .run_id = column_text(&query, 6, work->arena),
        .updated_at = column_number(&query, 7),
    };
    return work_has_memory(work, fault);
}

bool app_state_need(const struct work *work, struct text app_id, struct app_state *out,
                    struct fault *fault)
{
    bool found = false;

    if (!app_state_load(work, app_id, &found, out, fault))
        return false;
    return found || fault_set(fault, FAULT_app_not_found, "no app of that id");
}

bool app_state_save(const struct work *work, struct text app_id, struct app_state *state,
                    struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_app_save);

    state->updated_at = work->now_ms > state->updated_at ? work->now_ms : state->updated_at + 1;
    query_text(&query, app_id);
    query_text(&query, state->name);
    query_string(&query, choice_name(&app_status_choices, state->status));
    query_string(&query, choice_name(&app_desire_choices, state->desire));
    query_text(&query, state->error);
    query_number(&query, state->version);
    query_text(&query, state->run_id);
    query_number(&query, state->updated_at);
    return query_run(&query, fault);
}

static bool label_is_taken(const struct work *work, const char *label, bool *taken,
                           struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_label_taken);

    query_string(&query, label);
    return query_next(&query, taken, fault);
}

bool app_insert(const struct work *work, const struct begin_request *request,
                struct fault *fault)
{
    char label[APP_LABEL_SIZE];
    bool taken = false;

    text_app_label(request->app_id, label);
    if (!label_is_taken(work, label, &taken, fault))
        return false;
    if (taken)
        return fault_set(fault, FAULT_conflict, "another app has the preview address of this id");
    struct query query = query_of(work->connection, STATEMENT_app_insert);
    query_text(&query, request->app_id);
    query_string(&query, label);
    query_text(&query, request->user);
    query_text(&query, request->name.at ? request->name : TEXT_OF(""));
    query_text(&query, request->prompt.at ? request->prompt : TEXT_OF(""));
    query_number(&query, work->now_ms);
    return query_run(&query, fault);
}

bool app_delete(const struct work *work, struct text app_id, struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_app_delete);

    query_text(&query, app_id);
    return query_run(&query, fault);
}
