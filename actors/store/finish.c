/* finish.c - the end of an operation: all it changed, its answer and its audit events, or none. */
#include "actors/store/operations.h"
#include "actors/store/outbox.h"
#include "actors/store/runs.h"
#include "actors/store/secrets.h"
#include "actors/store/versions.h"

/* The version that was kept beside the serving one serves now. */
static bool serve_version(const struct work *work, const struct operation *operation,
                          struct app_state *state, struct fault *fault)
{
    if (operation->version == 0)
        return fault_set(fault, FAULT_conflict, "the operation stored no version to serve");
    state->version = (int64_t)operation->version;
    return version_name(work, operation->app_id, state->version, &state->name, fault);
}

static bool drop_version(const struct work *work, const struct operation *operation,
                         const struct app_state *state, struct fault *fault)
{
    int64_t number = (int64_t)operation->version;

    return number == 0 || number == state->version ||
           version_delete(work, operation->app_id, number, fault);
}

static bool switch_version(const struct work *work, const struct finish_request *request,
                           const struct operation *operation, struct app_state *state,
                           struct fault *fault)
{
    return request->serve ? serve_version(work, operation, state, fault)
                          : drop_version(work, operation, state, fault);
}

static bool take_run(const struct work *work, const struct finish_request *request,
                     const struct operation *operation, struct app_state *state,
                     struct fault *fault)
{
    if (!request->run)
        return true;
    if (!text_equals(request->run->app_id, operation->app_id))
        return fault_set(fault, FAULT_conflict, "run: another app's");
    state->run_id = request->run->run_id;
    return run_put(work, request->run, fault);
}

static struct text failure_reason(const struct finish_request *request)
{
    if (!request->failure)
        return (struct text){0};
    return request->failure->reason.at ? request->failure->reason : request->failure->name;
}

/* An app that was only just being made and has nothing to show is an error, with its reason. */
static void set_status(const struct finish_request *request, struct app_state *state)
{
    if (request->status)
        state->status = request->status;
    else if (state->status == app_status_generating)
        state->status = request->failure ? app_status_error : app_status_stopped;
    if (request->desire)
        state->desire = request->desire;
    if (state->status != app_status_error)
        state->error = (struct text){0};
    else if (request->error.at)
        state->error = request->error;
    else if (request->status || !state->error.at)
        state->error = failure_reason(request);
}

static bool change_app(const struct work *work, const struct finish_request *request,
                       const struct operation *operation, struct fault *fault)
{
    struct app_state state;

    if (!app_state_need(work, operation->app_id, &state, fault) ||
        !switch_version(work, request, operation, &state, fault) ||
        !take_run(work, request, operation, &state, fault) ||
        !secrets_settle(work, operation, /* is_done= */ !request->failure, fault))
        return false;
    set_status(request, &state);
    return run_apply_end(work, operation->app_id, &state, fault) &&
           app_state_save(work, operation->app_id, &state, fault);
}

/* Everything goes, but for operations: a key used before must not do its work again. What the
 * others hold of the app goes. */
static bool remove_app(const struct work *work, const struct operation *operation,
                       struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_operations_empty_others);

    query_text(&query, operation->app_id);
    query_text(&query, operation->operation_id);
    query_text(&query, operation->user);
    return query_run(&query, fault) && app_delete(work, operation->app_id, fault);
}

/* What the caller is told: the app as this transaction leaves it. */
static bool tell_result(const struct work *work, const struct finish_request *request,
                        const struct operation *operation, struct operation_result *result,
                        struct fault *fault)
{
    if (request->failure)
        return true;
    result->logs.at = request->logs.at;
    result->logs.count = request->logs.count;
    if (request->remove)
        return true;
    struct app *app = arena_take(work->arena, sizeof *app);
    if (!app)
        return work_has_memory(work, fault);
    result->app = app;
    return app_load(work, operation->app_id, app, fault);
}

static bool end_operation(const struct work *work, const struct finish_request *request,
                          const struct operation *operation,
                          const struct operation_result *told, struct fault *fault)
{
    OWNED(buffer) msgpack_sbuffer failure = {0}, result = {0};

    if (request->failure &&
        !message_encode(&failure_message, request->failure, &failure, fault))
        return fault_while(fault, "failure");
    if (request->keep && !request->failure &&
        !message_encode(&operation_result_message, told, &result, fault))
        return fault_while(fault, "result");
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_operation_end);
    query_text(&query, operation->operation_id);
    query_text(&query, operation->user);
    query_number(&query, work->now_ms);
    query_text(&query, request->run ? request->run->run_id : (struct text){0});
    query_octets(&query, buffer_text(&failure));
    query_octets(&query, buffer_text(&result));
    return query_run(&query, fault);
}

/* This very request, sent again. */
static bool tell_again(const struct work *work, const struct finish_request *request,
                       const struct operation *operation, struct operation_result *reply,
                       struct fault *fault)
{
    if (!operation->result)
        return tell_result(work, request, operation, reply, fault);
    *reply = *operation->result;
    return true;
}

bool store_finish(const struct work *work, const struct finish_request *request,
                  struct operation_result *reply, struct fault *fault)
{
    struct operation operation;

    if (!operation_load_held(work, request->operation_id, request->owner, &operation, fault))
        return false;
    if (operation.step == operation_step_ended)
        return tell_again(work, request, &operation, reply, fault);
    return (request->remove ? remove_app(work, &operation, fault)
                            : change_app(work, request, &operation, fault)) &&
           tell_result(work, request, &operation, reply, fault) &&
           end_operation(work, request, &operation, reply, fault) &&
           outbox_add(work, request->events.at, request->events.count, fault);
}
