/* operations.c - who holds which operation, and how far it has come. */
#include "actors/store/operations.h"

#include "actors/store/apps.h"
#include "actors/store/secrets.h"
#include "actors/store/versions.h"

enum { CLAIM_MAX = 100 };

/* Columns of operation_get and its kin. */
enum {
    OPERATION_ID, OPERATION_USER, OPERATION_APP_ID, OPERATION_KIND, OPERATION_STEP,
    OPERATION_OWNER, OPERATION_VERSION, OPERATION_RUN_ID, OPERATION_CREATED_AT,
    OPERATION_LEASE_UNTIL, OPERATION_DIGEST, OPERATION_FAILURE, OPERATION_RESULT,
};

/* ---- rows ---- */

static bool failure_from_row(const struct work *work, struct query *query,
                             const struct failure **out, struct fault *fault)
{
    struct text packed = column_octets(query, OPERATION_FAILURE, work->arena);

    *out = NULL;
    if (!packed.at)
        return true;
    struct failure *failure = arena_take(work->arena, sizeof *failure);
    if (!failure)
        return work_has_memory(work, fault);
    *out = failure;
    return message_decode(&failure_message, packed, LENIENT, work->arena, failure, NULL, fault);
}

static bool result_from_row(const struct work *work, struct query *query,
                            const struct operation_result **out, struct fault *fault)
{
    struct text packed = column_octets(query, OPERATION_RESULT, work->arena);

    *out = NULL;
    if (!packed.at)
        return true;
    struct operation_result *result = arena_take(work->arena, sizeof *result);
    if (!result)
        return work_has_memory(work, fault);
    *out = result;
    return message_decode(&operation_result_message, packed, LENIENT, work->arena, result, NULL,
                          fault);
}

static bool operation_from_row(const struct work *work, struct query *query,
                               struct operation *out, struct fault *fault)
{
    struct arena *arena = work->arena;

    *out = (struct operation){
        .operation_id = column_text(query, OPERATION_ID, arena),
        .user = column_text(query, OPERATION_USER, arena),
        .app_id = column_text(query, OPERATION_APP_ID, arena),
        .kind = (enum operation_kind)column_choice(query, OPERATION_KIND,
                                                   &operation_kind_choices),
        .step = (enum operation_step)column_choice(query, OPERATION_STEP,
                                                   &operation_step_choices),
        .owner = column_text(query, OPERATION_OWNER, arena),
        .version = (uint64_t)column_number(query, OPERATION_VERSION),
        .run_id = column_text(query, OPERATION_RUN_ID, arena),
        .created_at = column_number(query, OPERATION_CREATED_AT),
        .lease_until = column_number(query, OPERATION_LEASE_UNTIL),
    };
    return failure_from_row(work, query, &out->failure, fault) &&
           result_from_row(work, query, &out->result, fault) && work_has_memory(work, fault);
}

bool operation_load(const struct work *work, struct text operation_id, struct text user,
                    bool *found, struct operation_row *out, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_operation_get);

    query_text(&query, operation_id);
    query_text(&query, user);
    if (!query_next(&query, found, fault))
        return false;
    if (!*found)
        return true;
    out->digest = column_octets(&query, OPERATION_DIGEST, work->arena);
    return operation_from_row(work, &query, &out->public, fault);
}

bool operation_load_open(const struct work *work, struct text app_id,
                         const struct operation **out, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_operation_open);
    bool row = false;

    *out = NULL;
    query_text(&query, app_id);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row)
        return true;
    struct operation *operation = arena_take(work->arena, sizeof *operation);
    if (!operation)
        return work_has_memory(work, fault);
    *out = operation;
    return operation_from_row(work, &query, operation, fault);
}

/* A key is known by its user, but a takeover or a renewal comes from nobody in particular: then
 * the one open operation of that id is meant which the owner holds. */
bool operation_load_held(const struct work *work, struct text operation_id, struct text owner,
                         struct operation *out, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_operation_held);
    bool row = false, second = false;

    query_text(&query, operation_id);
    query_text(&query, owner);
    query_string(&query, work->user);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row)
        return fault_set(fault, FAULT_conflict, "the operation is not held by this owner");
    if (!operation_from_row(work, &query, out, fault))
        return false;
    if (text_is(out->user, work->user))
        return true;
    if (!query_next(&query, &second, fault))
        return false;
    bool other_is_open = second && column_choice(&query, OPERATION_STEP, &operation_step_choices)
                                   != operation_step_ended;
    return !other_is_open || fault_set(fault, FAULT_conflict, "two users have this operation id");
}

/* ---- advance ---- */

/* The same operation asked twice replaces what it stored. */
static bool store_content(const struct work *work, const struct advance_request *request,
                          struct operation *operation, struct fault *fault)
{
    int64_t number = (int64_t)operation->version;

    if (number == 0 && !version_next(work, operation->app_id, &number, fault))
        return false;
    operation->version = (uint64_t)number;
    return version_put(work, operation->app_id, number, request->new_version, fault);
}

static bool save_step(const struct work *work, const struct operation *operation,
                      struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_operation_advance);

    query_text(&query, operation->operation_id);
    query_text(&query, operation->user);
    query_string(&query, choice_name(&operation_step_choices, operation->step));
    query_number(&query, (int64_t)operation->version);
    query_text(&query, operation->run_id);
    query_number(&query, operation->lease_until);
    return query_run(&query, fault);
}

static bool check_step(const struct advance_request *request, struct fault *fault)
{
    if (request->step == operation_step_ended)
        return fault_set(fault, FAULT_malformed, "step: only finish ends an operation");
    if (request->new_version && request->step != operation_step_stored)
        return fault_set(fault, FAULT_malformed, "newVersion: only with step stored");
    if (request->secrets.count > 0 && (request->step != operation_step_stored || !request->run_id.at))
        return fault_set(fault, FAULT_malformed, "secrets: only with step stored and a runId");
    return true;
}

bool store_advance(const struct work *work, const struct advance_request *request,
                   struct advance_reply *reply, struct fault *fault)
{
    struct operation operation;

    if (!check_step(request, fault) ||
        !operation_load_held(work, request->operation_id, request->owner, &operation, fault))
        return false;
    if (operation.step == operation_step_ended)
        return fault_set(fault, FAULT_conflict, "the operation has ended");
    if (request->new_version && !store_content(work, request, &operation, fault))
        return false;
    if (request->secrets.count > 0 && !secrets_stage(work, &operation, request, fault))
        return false;
    if (request->node.at && !place_put(work, operation.app_id, request->node, fault))
        return false;
    if (request->step > operation.step)         /* steps never go back */
        operation.step = request->step;
    if (request->run_id.at)
        operation.run_id = request->run_id;
    operation.lease_until = work->now_ms + (int64_t)request->lease_ms;
    reply->version = operation.version;
    return save_step(work, &operation, fault);
}

/* ---- claim ---- */

static bool read_expired(const struct work *work, const struct claim_request *request,
                         struct operation *operations, uint32_t *count, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_operation_expired);
    bool row = false;

    query_number(&query, work->now_ms);
    query_number(&query, (int64_t)request->limit);
    while (query_next(&query, &row, fault)) {
        if (!row)
            return true;
        if (!operation_from_row(work, &query, &operations[*count], fault))
            return false;
        (*count)++;
    }
    return false;
}

static bool claim_one(const struct work *work, const struct claim_request *request,
                      struct operation *operation, struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_operation_claim);

    operation->owner = request->owner;
    operation->lease_until = work->now_ms + (int64_t)request->lease_ms;
    query_text(&query, operation->operation_id);
    query_text(&query, operation->user);
    query_text(&query, operation->owner);
    query_number(&query, operation->lease_until);
    return query_run(&query, fault);
}

bool store_claim(const struct work *work, const struct claim_request *request,
                 struct claim_reply *reply, struct fault *fault)
{
    struct operation *operations = arena_take(work->arena, CLAIM_MAX * sizeof *operations);

    if (!operations)
        return work_has_memory(work, fault);
    reply->operations.at = operations;
    if (!read_expired(work, request, operations, &reply->operations.count, fault))
        return false;
    for (uint32_t i = 0; i < reply->operations.count; i++)
        if (!claim_one(work, request, &operations[i], fault))
            return false;
    return true;
}
