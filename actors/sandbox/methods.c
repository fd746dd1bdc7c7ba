/* methods.c - the sandbox's front door: which name calls which function. */
#include <stdio.h>

#include "actors/sandbox/sandbox.h"

bool sandbox_reveal(struct call *call, struct text app_id, struct text run_id,
                    struct secrets **out, struct fault *fault)
{
    const struct reveal_request request = {.app_id = app_id, .run_id = run_id};
    struct reveal_reply reply;

    *out = NULL;
    arena_wipe(call_arena(call));       /* the answer lies there */
    return call_ask(call, &method_store_reveal, &request, &reply, fault) &&
           secrets_new(&reply, out, fault);
}

static bool call_start(struct call *call, const struct start_request *in, struct run_state *out,
                       struct fault *fault)
{
    struct failure *failure = arena_take(call_arena(call), sizeof *failure);
    struct secrets *secrets;

    if (!failure)
        return fault_set(fault, FAULT_internal, "no memory to start an app");
    if (!sandbox_reveal(call, in->app_id, in->run_id, &secrets, fault))
        return fault_while(fault, "the app's secrets");
    if (!sandbox_recover(call_self(call), call, in->app_id, fault)) {
        secrets_drop(&secrets);
        return false;
    }
    bool started = sandbox_start(call_self(call), in, secrets, call, call_deadline_ms(call),
                                 call_arena(call), out, failure, fault);
    secrets_drop(&secrets);
    if (!started && failure->log.count > 0)
        call_attach(call, failure);
    return started;
}

static bool call_stop(struct call *call, const struct app_ref *in, struct run_state *out,
                      struct fault *fault)
{
    return sandbox_stop(call_self(call), in->app_id, call_deadline_ms(call), call_arena(call), out,
                        fault);
}

static bool call_remove(struct call *call, const struct app_ref *in, struct nothing *out,
                        struct fault *fault)
{
    *out = (struct nothing){0};
    return sandbox_remove(call_self(call), in->app_id, call_deadline_ms(call), fault);
}

static bool call_get(struct call *call, const struct app_ref *in, struct run_state *out,
                     struct fault *fault)
{
    return sandbox_get(call_self(call), in->app_id, call_arena(call), out, fault);
}

static bool call_list(struct call *call, const struct nothing *in, struct run_list *out,
                      struct fault *fault)
{
    (void) in;
    return sandbox_list(call_self(call), call_arena(call), out, fault);
}

static bool call_logs(struct call *call, const struct logs_request *in, struct logs_reply *out,
                      struct fault *fault)
{
    return sandbox_logs(call_self(call), in, call_arena(call), out, fault);
}

static bool call_allow(struct call *call, const struct allow_request *in, struct nothing *out,
                       struct fault *fault)
{
    *out = (struct nothing){0};
    return sandbox_allow(call_self(call), in->app_id, in->egress, fault);
}

static bool call_tried(struct call *call, const struct app_ref *in, struct egress_attempts *out,
                       struct fault *fault)
{
    return sandbox_tried(call_self(call), in->app_id, call_arena(call), out, fault);
}

static bool call_pack(struct call *call, const struct pack_request *in, struct export_reply *out,
                      struct fault *fault)
{
    return sandbox_pack(call_self(call), in, call_deadline_ms(call), call_arena(call), out, fault);
}

static struct export_key key_of(const struct pack_read_request *in)
{
    return (struct export_key){in->app_id, in->export_id, in->user};
}

static bool call_pack_read(struct call *call, const struct pack_read_request *in,
                           struct export_piece *out, struct fault *fault)
{
    const struct sandbox *self = call_self(call);
    const struct export_key key = key_of(in);

    return exports_read(self->exports, &key, in->offset, call_arena(call), &out->octets, fault);
}

static bool call_pack_end(struct call *call, const struct pack_read_request *in,
                          struct nothing *out, struct fault *fault)
{
    const struct sandbox *self = call_self(call);
    const struct export_key key = key_of(in);

    (void) fault;
    *out = (struct nothing){0};
    exports_end(self->exports, &key);
    return true;
}

static bool call_proof(struct call *call, const struct nothing *in, struct proof_report *out,
                       struct fault *fault)
{
    (void) in;
    return sandbox_proof(call_self(call), call_arena(call), out, fault);
}

/* A thunk per method stands between, so that no function pointer is ever cast. A method of the
 * contract without a function above does not compile; one that has no row cannot be called. */
#define SANDBOX_METHOD(name, scope, lane, retry, request_, reply_, doc)                   \
    static bool thunk_##name(struct call *call, const void *request, void *reply,         \
                             struct fault *fault)                                         \
    {                                                                                     \
        return call_##name(call, (const struct request_ *)request, (struct reply_ *)reply, \
                           fault);                                                        \
    }
#include "schemas/contract.def"

const struct actor_method sandbox_methods[] = {
#define SANDBOX_METHOD(name, scope, lane, retry, request, reply, doc) \
    {&method_sandbox_##name, thunk_##name},
#include "schemas/contract.def"
};
const size_t sandbox_method_count = sizeof sandbox_methods / sizeof *sandbox_methods;

bool sandbox_healthy(void *self_, char level[200])
{
    struct sandbox *self = self_;

    char proven[PROVER_WORDS_SIZE];
    struct fault ignored;

    prover_describe(self->prover, proven);
    (void) snprintf(level, LEVEL_SIZE, "%.66s, %.44s%.86s", self->level, proven, self->missing);
    return supervisor_is_well(self->supervisor) && prover_allows(self->prover, &ignored);
}

uint32_t sandbox_counters(void *self_, struct arena *arena, struct count_of *out)
{
    struct sandbox *self = self_;

    uint32_t count = supervisor_counters(self->supervisor, arena, out);
    count += prover_counters(self->prover, arena, out + count, ACTOR_COUNTERS_MAX - count);
    return count + installs_counters(self->installs, out + count, ACTOR_COUNTERS_MAX - count);
}
