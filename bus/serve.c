/* serve.c - the road every request walks, from its octets to its one answer.
 *
 * A step either lets the call go on or ends it with a fault. The order is a security decision:
 * who asks is known before what is asked is looked at.
 */
#include "bus/actor_inside.h"

#include "bus/clock.h"
#include "bus/log.h"
#include "bus/request.h"

/* ---- the steps ---- */

static bool read_body(struct call *call, struct fault *fault)
{
    struct job *job = call->job;

    if (job->is_broken)
        return fault_set(fault, FAULT_broken_msgpack, "a body is a header and one message");
    if (!envelope_read(message_text(&job->message), &call->envelope, fault))
        return false;
    if (call->envelope.kind != ENVELOPE_REQUEST)
        return fault_set(fault, FAULT_broken_msgpack, "not a request");
    return true;
}

/* A text of the header as a string that lives as long as the call; NULL when absent. */
static const char *keep(struct call *call, struct text text)
{
    return text.size ? arena_text(call->arena, text).at : NULL;
}

static bool read_header(struct call *call, struct fault *fault)
{
    struct job *job = call->job;
    struct header *header = &call->header;

    if (job->has_header &&
        !header_read(message_text(&job->header), call->arena, header, fault)) {
        *header = (struct header){0};   /* not to be read */
        return false;
    }
    call->request_id = keep(call, header->request_id);
    if (!call->request_id) {
        uuid_make(call->own_request_id);
        call->request_id = call->own_request_id;
    }
    if (!job->has_header)
        return true;
    call->traceparent = keep(call, header->traceparent);
    call->idempotency_key = keep(call, header->idempotency_key);
    if (header->principal && trust_is_trusted(header))
        call->user = keep(call, header->principal->user);
    else if (header->caller)
        call->user = keep(call, header->caller->name);
    call->deadline_ms = job->received_ms + (int64_t)header->time_left_ms;
    return true;
}

static bool find_method(struct call *call, struct fault *fault)
{
    const struct actor *actor = call->loop->actor;
    const struct actor_method *row = built_in_find(call->envelope.method);

    for (size_t i = 0; !row && i < actor->method_count; i++) {
        if (!text_is(call->envelope.method, actor->methods[i].method->name))
            continue;
        row = &actor->methods[i];
        call->counter = &call->loop->counters[i];
    }
    if (!row)
        return fault_set(fault, FAULT_no_such_method, "%s has no method '%.*s'", actor->name,
                         call->envelope.method.size < 64 ? (int)call->envelope.method.size : 64,
                         call->envelope.method.at);
    call->method = row->method;
    call->handle = row->handle;
    if (!call->job->has_header)
        call->deadline_ms = call->job->received_ms + lane_deadline_ms(call->method->lane);
    return true;
}

static bool check_time(struct call *call, struct fault *fault)
{
    if (clock_left_ms(call->deadline_ms) == 0)
        return fault_set(fault, FAULT_timed_out, "its time was up before it began");
    if (atomic_load(&call->loop->is_cancelled))
        return fault_set(fault, FAULT_interrupted, "the service is stopping");
    return true;
}

static bool check_trust(struct call *call, struct fault *fault)
{
    return trust_allows(call->method->scope, &call->header, fault);
}

/* Every broken rule goes back to the caller, not only the first. */
static void attach_violations(struct call *call, const struct violation_list *list)
{
    struct failure *failure = arena_take(call->arena, sizeof *failure);
    struct violation *details = arena_take(call->arena, sizeof *details * VIOLATIONS_MAX);

    if (!failure || !details || list->count == 0)
        return;
    memcpy(details, list->at, sizeof *details * list->count);
    failure->details.at = details;
    failure->details.count = list->count;
    call->attached = failure;
}

static bool decode_request(struct call *call, struct fault *fault)
{
    bool is_checked = call->header.principal || call->method->scope == SCOPE_INTERNAL;
    struct violation_list list = {.count = 0};

    call->request = arena_take(call->arena, call->method->request->size);
    call->reply = arena_take(call->arena, call->method->reply->size);
    if (!call->request || !call->reply)
        return fault_set(fault, FAULT_internal, "no memory for a call");
    if (message_decode(call->method->request, call->envelope.params,
                       is_checked ? LENIENT : STRICT, call->arena, call->request, &list, fault))
        return true;
    attach_violations(call, &list);
    return false;
}

static bool run_handler(struct call *call, struct fault *fault)
{
    call->begun_us = clock_now_us();
    bool done = call->handle(call, call->request, call->reply, fault);
    if (call->counter)
        atomic_fetch_add(&call->counter->busy_us, (uint64_t)(clock_now_us() - call->begun_us));
    if (done || fault->kind != FAULT_NONE)
        return done;
    return fault_set(fault, FAULT_internal, "%s failed and did not say why", call->method->name);
}

static bool encode_reply(struct call *call, struct fault *fault)
{
    uint64_t largest = call->loop->bus->bus_message_bytes_max;

    if (!message_encode(call->method->reply, call->reply, &call->result, fault))
        return fault_while(fault, "the reply of %s", call->method->name);
    return request_fits(call->result.size, largest, fault) ||
           fault_set(fault, FAULT_too_large, "the answer is larger than %llu octets",
                     (unsigned long long)largest);
}

typedef bool step(struct call *call, struct fault *fault);

static step *const steps[] = {
    read_body,                  /* first: it gives the number to answer to */
    read_header,
    find_method,
    check_time,                 /* nobody waits for what is late */
    check_trust,                /* before a stranger's parameters cost anything */
    decode_request,
    run_handler,
    encode_reply,
};

/* ---- the answer ---- */

static void write_failure(struct call *call, uint32_t msgid, const struct fault *fault,
                          msgpack_sbuffer *out)
{
    struct failure failure = {
        .name = text_from(fault_name(fault->kind)),
        .retry_ms = fault->retry_ms,
    };
    bool may_tell = fault_may_tell(fault->kind) || trust_is_trusted(&call->header);

    if (may_tell && fault->reason[0])
        failure.reason = text_from(fault->reason);
    if (call->attached) {
        failure.details = call->attached->details;
        failure.log = call->attached->log;
        failure.diff = call->attached->diff;
    }
    if (envelope_write_failure(msgid, &failure, out))
        return;
    msgpack_sbuffer_clear(out);         /* what was attached breaks its table */
    envelope_write_fault(msgid, fault, out);
}

static void send_answer(struct call *call, const struct fault *fault)
{
    struct job *job = call->job;
    uint32_t msgid = call->envelope.method.at ? call->envelope.msgid : job->msgid;
    msgpack_sbuffer body;

    msgpack_sbuffer_init(&body);
    if (fault->kind == FAULT_NONE) {
        struct text result = {call->result.data ? call->result.data : "", call->result.size};
        if (!envelope_write_result(msgid, result, &body))
            msgpack_sbuffer_clear(&body);
    } else {
        write_failure(call, msgid, fault, &body);
    }
    outbox_put(&call->loop->outbox, answer_new(job, &body, true));
    msgpack_sbuffer_destroy(&body);
}

static enum log_level level_of(const struct call *call, const struct fault *fault)
{
    if (fault->kind == FAULT_internal)
        return LOG_WARN;
    if (fault->kind != FAULT_NONE || (call->method && call->method->lane != LANE_QUICK))
        return LOG_INFO;
    return LOG_DEBUG;
}

static void log_ended(const struct call *call, const struct fault *fault)
{
    struct text method = call->envelope.method;
    int64_t ms = clock_now_ms() - call->job->received_ms;

    if (method.size > 64)
        method.size = 64;
    log_line(level_of(call, fault), call->request_id,
             "call_ended method=%.*s user=%s ms=%lld outcome=%s%s%s%s", (int)method.size,
             method.at ? method.at : "", call->user ? call->user : "-", (long long)ms,
             fault->kind == FAULT_NONE ? "ok" : fault_name(fault->kind),
             fault->reason[0] ? " reason=\"" : "", fault->reason, fault->reason[0] ? "\"" : "");
}

static void count_ended(struct call *call, const struct fault *fault)
{
    if (!call->counter)
        return;
    atomic_fetch_add(&call->counter->calls, 1);
    if (fault->kind != FAULT_NONE)
        atomic_fetch_add(&call->counter->failures, 1);
}

/* ---- the walk ---- */

static void call_begin(struct call *call, struct loop *loop, struct bus_client **client,
                       struct job *job)
{
    memset(call, 0, sizeof *call);
    call->loop = loop;
    call->client = client;
    call->job = job;
    call->deadline_ms = job->received_ms + lane_deadline_ms(LANE_QUICK);
    call->arena = arena_new(CALL_OCTETS_MAX);
    call->request_id = "-";
    msgpack_sbuffer_init(&call->result);
}

static void call_end(struct call *call, const struct fault *fault)
{
    log_ended(call, fault);
    count_ended(call, fault);
    send_answer(call, fault);
    msgpack_sbuffer_destroy(&call->result);
    arena_free(call->arena);
    job_free(call->job);
}

static bool walk(struct call *call, struct fault *fault)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (!steps[i](call, fault))
            return false;
    return true;
}

void serve(struct loop *loop, struct bus_client **client, struct job *job)
{
    struct fault fault = {FAULT_NONE, 0, ""};
    struct call call;
    bool is_done = false;

    call_begin(&call, loop, client, job);
    if (job->generation != atomic_load(&job->registration->generation)) {
        fault_set(&fault, FAULT_cancelled, "its broker is gone");   /* and may send it again */
    } else if (!call.arena) {
        fault_set(&fault, FAULT_internal, "no memory for a call");
    } else {
        is_done = walk(&call, &fault);
    }
    if (is_done)        /* a handler may have passed over faults on its way */
        fault = (struct fault){FAULT_NONE, 0, ""};
    call_end(&call, &fault);
}

void serve_refusal(struct loop *loop, struct job *job, const struct fault *fault)
{
    struct call call;

    call_begin(&call, loop, NULL, job);
    call_end(&call, fault);
}
