/* call.c - what a handler may ask of its call. */
#include "bus/actor_inside.h"

#include "bus/clock.h"

void *call_self(struct call *call)
{
    return call->loop->actor->self;
}

struct arena *call_arena(struct call *call)
{
    return call->arena;
}

int64_t call_deadline_ms(const struct call *call)
{
    return call->deadline_ms;
}

const char *call_request_id(const struct call *call)
{
    return call->request_id;
}

const char *call_idempotency_key(const struct call *call)
{
    return call->idempotency_key;
}

const char *call_instance(const struct call *call)
{
    return call->loop->name;
}

const char *call_user(const struct call *call)
{
    return call->user ? call->user : "";
}

bool call_is_admin(const struct call *call)
{
    struct fault ignored;

    return !call->job || trust_allows(SCOPE_ADMIN, &call->header, &ignored);
}

bool call_is_cancelled(const struct call *call)
{
    return atomic_load(&call->loop->is_cancelled) || clock_left_ms(call->deadline_ms) == 0;
}

struct text call_packed(const struct call *call)
{
    return call->envelope.params;
}

const struct failure *call_failure(const struct call *call)
{
    return call->asked;
}

void call_attach(struct call *call, const struct failure *failure)
{
    call->attached = failure;
}

/* ---- asking others ---- */

/* The thread's own client, made when it is first needed. */
static struct bus_client *client_of(struct call *call, struct fault *fault)
{
    if (!call->client) {
        fault_set(fault, FAULT_internal, "this call may not ask");
        return NULL;
    }
    if (!*call->client) {
        *call->client = bus_client_new(call->loop->bus, fault);
        if (*call->client)
            bus_client_stop_on(*call->client, call->loop->cancel_fd);
    }
    return *call->client;
}

static bool may_ask(const struct call *call, const struct method *method, struct fault *fault)
{
    const char *from = call->loop->actor->name;

    return strcmp(method->actor, "isekai") == 0 || callers_may_ask(from, method->actor) ||
           fault_set(fault, FAULT_internal, "callers.def does not let %s ask %s", from,
                     method->actor);
}

bool call_ask_within(struct call *call, const struct method *method, const char *service,
                     uint32_t within_ms, const void *request, void *reply, struct fault *fault)
{
    int64_t deadline_ms = clock_now_ms() + within_ms;
    struct bus_client *client;

    call->asked = NULL;
    if (!may_ask(call, method, fault) || !(client = client_of(call, fault)))
        return false;
    struct ask ask = {
        .method = method,
        .service = service,
        .deadline_ms = deadline_ms < call->deadline_ms ? deadline_ms : call->deadline_ms,
        .request_id = call->request_id,
        .traceparent = call->traceparent,
        .principal = call->header.principal,
    };
    if (bus_client_ask(client, &ask, request, call->arena, reply, fault))
        return true;
    call->asked = bus_client_failure(client, call->arena);
    return false;
}

bool call_ask(struct call *call, const struct method *method, const void *request, void *reply,
              struct fault *fault)
{
    return call_ask_within(call, method, NULL, lane_deadline_ms(method->lane), request, reply,
                           fault);
}

/* ---- progress ---- */

void call_progress(struct call *call, const char *step, const char *message)
{
    struct progress progress = {
        .step = text_from(step),
        .message = message ? text_from(message) : (struct text){NULL, 0},
    };
    struct answer *answer = NULL;
    msgpack_sbuffer body;

    if (!call->job)
        return;
    msgpack_sbuffer_init(&body);
    if (envelope_write_progress(call->envelope.msgid, &progress, &body))
        answer = answer_new(call->job, &body, /* is_final= */ false);
    if (answer)
        outbox_put(&call->loop->outbox, answer);
    msgpack_sbuffer_destroy(&body);
}
