/* change.c - the steps of an operation; see change.h. */
#include "actors/apps/change.h"

#include <sodium.h>

#include "bus/clock.h"

/* Longer than an app may take to start and the one before it to stop, within the call's time. */
enum { START_WAIT_MS = 120000, TELLS_MAX = 3 };

static struct text digest_of(struct call *call, enum operation_kind kind)
{
    crypto_generichash_state state;
    unsigned char *digest = arena_take(call_arena(call), 32);
    const struct text packed = call_packed(call);
    const unsigned char octet = (unsigned char)kind;

    if (!digest)
        return (struct text){0};
    crypto_generichash_init(&state, NULL, 0, 32);
    crypto_generichash_update(&state, &octet, 1);
    crypto_generichash_update(&state, (const unsigned char *)packed.at, packed.size);
    crypto_generichash_final(&state, digest, 32);
    return (struct text){(char *)digest, 32};
}

/* A key belongs to its user: two users may pick the same one. No id that is made begins with k. */
static void name_operation(struct change *self)
{
    const char *key = call_idempotency_key(self->call);
    const char *user = call_user(self->call);
    unsigned char hash[16];
    crypto_generichash_state state;

    uuid_make(self->run_id);
    if (!key) {
        uuid_make(self->operation_id);
        return;
    }
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)user, strlen(user) + 1);
    crypto_generichash_update(&state, (const unsigned char *)key, strlen(key));
    crypto_generichash_final(&state, hash, sizeof hash);
    self->operation_id[0] = 'k';
    (void) sodium_bin2hex(self->operation_id + 1, sizeof self->operation_id - 1, hash, sizeof hash);
}

static bool has_key(const struct change *self)
{
    return self->operation_id[0] == 'k';
}

static bool replay(struct change *self, struct fault *fault)
{
    const struct failure *failure = self->operation->failure;

    self->replayed = true;
    self->app_id = self->operation->app_id;
    if (!failure && !self->operation->result)
        return fault_set(fault, FAULT_app_not_found, "the app was removed since");
    if (!failure) {
        self->result = *self->operation->result;
        return true;
    }
    call_attach(self->call, failure);
    return fault_set(fault, fault_from_name(failure->name.at, failure->name.size), "%.*s",
                     TEXT_ARGS(failure->reason));
}

void change_adopt(struct change *self, struct call *call, const struct operation *operation)
{
    *self = (struct change){.call = call, .apps = call_self(call), .kind = operation->kind,
                            .app_id = operation->app_id, .version = operation->version,
                            .operation = operation, .held = true};
    (void) text_to_string(operation->operation_id, self->operation_id, sizeof self->operation_id);
    uuid_make(self->run_id);
}

bool change_begin(struct change *self, struct call *call, const struct change_start *start,
                  struct fault *fault)
{
    struct apps *apps = call_self(call);
    struct begin_reply *reply = arena_take(call_arena(call), sizeof *reply);

    *self = (struct change){.call = call, .apps = apps, .kind = start->kind,
                            .app_id = start->app_id};
    name_operation(self);
    const struct begin_request request = {
        .operation_id = text_from(self->operation_id),
        .app_id = start->app_id,
        .kind = start->kind,
        .digest = digest_of(call, start->kind),
        .owner = text_from(call_instance(call)),
        .lease_ms = apps->settings->apps_lease_ms,
        .user = text_from(call_user(call)),
        .name = start->name,
        .prompt = start->prompt,
        .if_version = start->if_version,
    };
    if (!reply || !request.digest.at)
        return fault_set(fault, FAULT_internal, "no memory to begin a change");
    if (!leases_hold(apps->leases, text_from(self->operation_id), start->app_id,
                     call_instance(call), fault))
        return false;
    self->held = true;
    if (!call_ask(call, &method_store_begin, &request, reply, fault)) {
        change_drop(self);
        return false;
    }
    self->operation = reply->operation;
    self->before = reply->app;
    self->node = reply->app ? reply->app->node : (struct text){0};
    if (reply->created)
        return true;
    change_drop(self);
    return replay(self, fault);
}

static bool has_answered(enum fault_kind kind)
{
    return kind != FAULT_unavailable && kind != FAULT_timed_out && kind != FAULT_interrupted &&
           kind != FAULT_cancelled;
}

/* A step refused because somebody else holds the operation: tell it as what it means. */
static bool fail_to_tell(struct fault *fault)
{
    if (fault->kind == FAULT_conflict)
        (void) fault_set(fault, FAULT_interrupted, "another process has taken this change over");
    return false;
}

/* Steps and the end may be told twice, so what was lost on its way is told again: an operation left
 * open is settled only when its lease has run out. */
static bool tell_store(struct change *self, const struct method *method, const void *request,
                       void *reply, struct fault *fault)
{
    for (int tells = 1; !call_ask(self->call, method, request, reply, fault); tells++)
        if (has_answered(fault->kind) || tells == TELLS_MAX || call_is_cancelled(self->call))
            return fail_to_tell(fault);
    return true;
}

static bool advance(struct change *self, enum operation_step step, struct advance_request more,
                    struct fault *fault)
{
    struct advance_reply reply;

    more.operation_id = text_from(self->operation_id);
    more.owner = text_from(call_instance(self->call));
    more.lease_ms = self->apps->settings->apps_lease_ms;
    more.step = step;
    more.run_id = text_from(self->run_id);
    more.node = self->node;
    if (!tell_store(self, &method_store_advance, &more, &reply, fault))
        return false;
    if (more.new_version)
        self->version = reply.version;
    return true;
}

bool change_store(struct change *self, const struct version_content *content, struct fault *fault)
{
    struct fault ignored;

    call_progress(self->call, "storing", NULL);
    /* What runs nowhere yet is given its host in the same step; without one it is kept all the same. */
    if (!self->node.at && !place_choose(self->call, &self->node, &ignored))
        self->node = (struct text){0};
    return advance(self, operation_step_stored, (struct advance_request){.new_version = content},
                   fault);
}

bool change_store_secrets(struct change *self, const struct secret_change *secrets, uint32_t count,
                          struct fault *fault)
{
    call_progress(self->call, "storing", NULL);
    return advance(self, operation_step_stored,
                   (struct advance_request){.secrets = {secrets, count}}, fault);
}

bool change_ask_sandbox(struct change *self, const struct method *method, uint32_t within_ms,
                        const void *request, void *reply, struct fault *fault)
{
    if (place_ask(self->call, self->node, method, within_ms, request, reply, fault))
        return true;
    self->is_unsure = !has_answered(fault->kind);
    return false;
}

bool change_run(struct change *self, uint64_t version, struct files files,
                const struct run_config *config, struct run *run, struct run_state *state,
                struct fault *fault)
{
    const struct start_request request = {
        .app_id = self->app_id,
        .run_id = text_from(self->run_id),
        .version = self->version ? self->version : version,
        .files = files,
        .config = config,
        .egress = self->before ? self->before->egress : NULL,
    };

    call_progress(self->call, "starting", NULL);
    bool is_new = !self->node.at;
    if (is_new && !place_choose(self->call, &self->node, fault))
        return false;
    /* The run's name and its host are written down before it may exist. */
    if ((is_new || !self->version) && !advance(self, operation_step_stored, (struct advance_request){0}, fault))
        return false;
    if (!change_ask_sandbox(self, &method_sandbox_start, START_WAIT_MS, &request, state, fault))
        return false;
    if (!advance(self, operation_step_started, (struct advance_request){0}, fault)) {
        self->is_unsure = true;         /* it runs, and the store does not know */
        return false;
    }
    *run = (struct run){
        .run_id = request.run_id,
        .app_id = self->app_id,
        .version = request.version,
        .node = state->node,
        .gateway = state->gateway,
        .url = state->url,
        .port = state->port,
        .started_at = state->started_at,
        .config = config,
    };
    return true;
}

static const char *event_kind(enum operation_kind kind)
{
    static const char *const kinds[operation_kind_count] = {
        [operation_kind_generate] = "app_generated", [operation_kind_modify] = "app_modified",
        [operation_kind_apply] = "suggestion_applied", [operation_kind_execute] = "app_executed",
        [operation_kind_start] = "app_started", [operation_kind_stop] = "app_stopped",
        [operation_kind_wake] = "app_woken", [operation_kind_remove] = "app_deleted",
        [operation_kind_set_secrets] = "secret_set",
        [operation_kind_remove_secrets] = "secret_removed",
    };
    return kinds[kind];
}

static bool describe(struct change *self, const struct fault *cause, struct audit_event *event,
                     struct fault *fault)
{
    struct arena *arena = call_arena(self->call);
    const struct change_detail detail = {
        .operation_id = text_from(self->operation_id),
        .version = self->version,
        .fault = cause ? text_from(fault_name(cause->kind)) : (struct text){0},
        .reason = cause ? text_from(cause->reason) : (struct text){0},
        .secrets = self->secrets,
    };
    char event_id[UUID_SIZE];
    msgpack_sbuffer packed;

    uuid_make(event_id);
    msgpack_sbuffer_init(&packed);
    bool done = message_encode(&change_detail_message, &detail, &packed, fault);
    *event = (struct audit_event){
        .event_id = arena_text(arena, text_from(event_id)),
        .at = clock_wall_ms(),
        .kind = cause ? TEXT_OF("change_failed") : text_from(event_kind(self->kind)),
        .user = text_from(call_user(self->call)),
        .app_id = self->app_id,
        .request_id = text_from(call_request_id(self->call)),
        .detail = arena_text(arena, (struct text){packed.data, packed.size}),
    };
    msgpack_sbuffer_destroy(&packed);
    if (event->request_id.size == 0)
        event->request_id.at = NULL;
    return done;
}

bool change_finish(struct change *self, struct finish_request more, struct fault *fault)
{
    struct audit_event event;

    if (!describe(self, NULL, &event, fault))
        return false;
    more.keep = has_key(self);
    more.operation_id = text_from(self->operation_id);
    more.owner = text_from(call_instance(self->call));
    more.events.at = &event;
    more.events.count = 1;
    bool done = tell_store(self, &method_store_finish, &more, &self->result, fault);
    change_drop(self);
    return done;
}

bool change_answer(const struct change *self, struct app *out, struct fault *fault)
{
    if (!self->result.app)
        return fault_set(fault, FAULT_internal, "the change ended without its app");
    *out = *self->result.app;
    return true;
}

/* What the caller hears, and hears again: the fault, and what the call that caused it said beside. */
static const struct failure *tell(struct change *self, const struct fault *fault)
{
    struct failure *failure = arena_take(call_arena(self->call), sizeof *failure);
    const struct failure *answered = self->told ? self->told : call_failure(self->call);

    if (!failure)
        return NULL;
    if (answered && text_is(answered->name, fault_name(fault->kind)))
        *failure = *answered;
    failure->name = text_from(fault_name(fault->kind));
    failure->reason = arena_text(call_arena(self->call), text_from(fault->reason));
    failure->retry_ms = fault->retry_ms;
    call_attach(self->call, failure);
    return failure;
}

bool change_fail(struct change *self, struct finish_request more, struct fault *fault)
{
    /* Whoever took the operation over ends it; or it is settled when its lease has run out. */
    if (fault->kind == FAULT_interrupted || self->is_unsure) {
        (void) tell(self, fault);
        change_drop(self);
        return false;
    }
    return change_fail_as(self, more, fault);
}

bool change_fail_as(struct change *self, struct finish_request more, struct fault *fault)
{
    struct operation_result reply;
    struct audit_event event;
    struct fault ignored = {0};

    more.operation_id = text_from(self->operation_id);
    more.owner = text_from(call_instance(self->call));
    more.failure = tell(self, fault);
    if (describe(self, fault, &event, &ignored)) {
        more.events.at = &event;
        more.events.count = 1;
        (void) tell_store(self, &method_store_finish, &more, &reply, &ignored);
    }
    change_drop(self);
    return false;
}

void change_drop(struct change *self)
{
    if (self->held)
        leases_drop(self->apps->leases, self->operation_id);
    self->held = false;
}
