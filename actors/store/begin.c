/* begin.c - may this change begin? Every refusal of a change that is not made yet is here. */
#include "actors/store/apps.h"
#include "actors/store/operations.h"

enum { IN_FLIGHT_RETRY_MS = 1000, BUSY_RETRY_MS_MIN = 250, BUSY_RETRY_MS_MAX = 5000 };

static bool answer_known(const struct begin_request *request, const struct operation_row *known,
                         struct operation *operation, struct fault *fault)
{
    if (!text_equals(known->digest, request->digest))
        return fault_set(fault, FAULT_key_reused, "the key came with another request");
    if (known->public.step != operation_step_ended) {
        (void) fault_set(fault, FAULT_in_flight, "the operation is still open");
        return fault_retry_after(fault, IN_FLIGHT_RETRY_MS);
    }
    *operation = known->public;
    return true;
}

static bool makes_its_app(enum operation_kind kind)
{
    return kind == operation_kind_generate || kind == operation_kind_execute;
}

/* Somebody else's app does not exist for this user. */
static bool check_app(const struct work *work, const struct begin_request *request, bool found,
                      const struct app_state *state, struct fault *fault)
{
    if (found && request->kind == operation_kind_generate)
        return fault_set(fault, FAULT_conflict, "an app of this id exists");
    if (!found && !makes_its_app(request->kind))
        return fault_set(fault, FAULT_app_not_found, "no app of that id");
    if (found && !work->is_admin && !text_equals(state->owner, request->user))
        return fault_set(fault, FAULT_app_not_found, "the app is another user's");
    return true;
}

static bool check_not_busy(const struct work *work, const struct begin_request *request,
                           struct fault *fault)
{
    const struct operation *open = NULL;

    if (!operation_load_open(work, request->app_id, &open, fault))
        return false;
    if (!open)
        return true;
    int64_t left = open->lease_until - work->now_ms;
    int64_t wait = left < BUSY_RETRY_MS_MIN ? BUSY_RETRY_MS_MIN
                 : left > BUSY_RETRY_MS_MAX ? BUSY_RETRY_MS_MAX : left;
    (void) fault_set(fault, FAULT_busy, "operation %s is open",
                     choice_name(&operation_kind_choices, open->kind));
    return fault_retry_after(fault, (uint32_t)wait);
}

static bool check_version(const struct begin_request *request, int64_t version,
                          struct fault *fault)
{
    return request->if_version == 0 || (int64_t)request->if_version == version ||
           fault_set(fault, FAULT_precondition, "the app has version %lld", (long long)version);
}

static bool insert_operation(const struct work *work, const struct begin_request *request,
                             struct operation *operation, struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_operation_insert);

    *operation = (struct operation){
        .operation_id = request->operation_id,
        .app_id = request->app_id,
        .kind = request->kind,
        .step = operation_step_begun,
        .owner = request->owner,
        .created_at = work->now_ms,
        .lease_until = work->now_ms + (int64_t)request->lease_ms,
        .user = request->user,
    };
    query_text(&query, request->operation_id);
    query_text(&query, request->user);
    query_text(&query, request->app_id);
    query_string(&query, choice_name(&operation_kind_choices, request->kind));
    query_text(&query, request->owner);
    query_octets(&query, request->digest);
    query_number(&query, operation->created_at);
    query_number(&query, operation->lease_until);
    return query_run(&query, fault);
}

static bool load_app_before(const struct work *work, const struct begin_request *request,
                            struct begin_reply *reply, struct fault *fault)
{
    struct stored_app *app = arena_take(work->arena, sizeof *app);

    if (!app)
        return work_has_memory(work, fault);
    reply->app = app;
    return stored_app_load(work, request->app_id, app, fault);
}

static bool begin_new(const struct work *work, const struct begin_request *request,
                      struct operation *operation, struct begin_reply *reply,
                      struct fault *fault)
{
    struct app_state state = {0};
    bool found = false;

    if (!app_state_load(work, request->app_id, &found, &state, fault) ||
        !check_app(work, request, found, &state, fault) ||
        !check_not_busy(work, request, fault) ||
        !check_version(request, state.version, fault))
        return false;
    if (found ? !load_app_before(work, request, reply, fault) : !app_insert(work, request, fault))
        return false;
    reply->created = true;
    return insert_operation(work, request, operation, fault);
}

/* A digest of secrets is kept so that it says nothing of them. */
static bool blind(const struct work *work, struct begin_request *request, struct fault *fault)
{
    unsigned char *digest = arena_take(work->arena, DIGEST_OCTETS);

    if (request->kind != operation_kind_set_secrets)
        return true;
    if (!digest)
        return work_has_memory(work, fault);
    keys_blind(work->keys, request->digest, digest);
    request->digest = (struct text){(char *)digest, DIGEST_OCTETS};
    return true;
}

static bool begin(const struct work *work, const struct begin_request *request,
                  struct begin_reply *reply, struct fault *fault)
{
    struct operation *operation = arena_take(work->arena, sizeof *operation);
    struct operation_row known;
    bool found = false;

    if (!operation)
        return work_has_memory(work, fault);
    reply->operation = operation;
    if (!operation_load(work, request->operation_id, request->user, &found, &known, fault))
        return false;
    if (found)
        return answer_known(request, &known, operation, fault);
    return begin_new(work, request, operation, reply, fault);
}

bool store_begin(const struct work *work, const struct begin_request *request,
                 struct begin_reply *reply, struct fault *fault)
{
    struct begin_request kept = *request;

    return blind(work, &kept, fault) && begin(work, &kept, reply, fault);
}
