/* client.c - one thread asks and waits: a DEALER per broker, one call at a time.
 *
 * A request is sent once. When its connection breaks before the answer, nobody can tell whether
 * it was done, so the caller hears `unavailable` and decides.
 */
#include "bus/client.h"

#include <stdlib.h>

#include "bus/brokers.h"
#include "bus/clock.h"
#include "bus/envelope.h"
#include "bus/request.h"

struct bus_client {
    struct brokers brokers;
    uint32_t msgid;             /* the last one given */
    int stop_fd;
    struct frames answer;       /* the last one; *reply and failure point into it */
    struct text failure;
};

/* One exchange under way: the answer to what is waited for. */
struct exchange {
    struct link *link;
    const struct ask *ask;      /* NULL: a raw one, told by its service alone */
    const char *service;
    uint32_t msgid;
    int64_t deadline_ms;
};

struct bus_client *bus_client_new(const struct bus_settings *bus, struct fault *fault)
{
    struct bus_client *self = calloc(1, sizeof *self);

    if (!self) {
        fault_set(fault, FAULT_internal, "no memory for a client");
        return NULL;
    }
    self->stop_fd = -1;
    if (brokers_open(&self->brokers, bus, fault))
        return self;
    free(self);
    return NULL;
}

void bus_client_free(struct bus_client *self)
{
    if (!self)
        return;
    brokers_close(&self->brokers);
    frames_clear(&self->answer);
    free(self);
}

void bus_client_stop_on(struct bus_client *self, int fd)
{
    self->stop_fd = fd;
}

/* ---- one exchange ---- */

static bool lost(struct bus_client *self, struct fault *fault)
{
    fault_set(fault, FAULT_unavailable, "the connection to the broker was lost");
    brokers_turn(&self->brokers);
    return fault_retry_after(fault, LINK_CONNECT_MS);
}

/* Hand the frames to a connected broker; once one has taken them, no other gets them. */
static bool deliver(struct bus_client *self, struct exchange *exchange, struct frames *frames,
                    struct fault *fault)
{
    int64_t until_ms = clock_now_ms() + LINK_CONNECT_MS;

    if (until_ms > exchange->deadline_ms)
        until_ms = exchange->deadline_ms;
    for (;;) {
        struct link *link = brokers_find(&self->brokers, until_ms, self->stop_fd, fault);
        exchange->link = link;
        if (!link)
            return false;
        if (frames_send(link->socket, frames))
            return true;
        int64_t left_ms = clock_left_ms(until_ms);
        if (left_ms == 0) {
            fault_set(fault, FAULT_unavailable, "the broker takes no requests");
            return fault_retry_after(fault, LINK_CONNECT_MS);
        }
        zmq_pollitem_t items[2] = {{.socket = link->socket, .events = ZMQ_POLLOUT},
                                   {.socket = link->monitor, .events = ZMQ_POLLIN}};
        zmq_poll(items, 2, (long)left_ms);
    }
}

/* Is the message in self->answer the end of this exchange? Progress is passed on here. */
static bool is_awaited(struct bus_client *self, const struct exchange *exchange,
                       struct envelope *envelope)
{
    struct text service;
    struct fault ignored;
    size_t body;
    enum answer_kind kind = answer_kind(&self->answer, &service, &body);

    if (kind == ANSWER_NONE)
        return false;
    if (!exchange->ask)
        return kind == ANSWER_FINAL && text_is(service, exchange->service);
    if (!envelope_read(frames_text(&self->answer, body), envelope, &ignored) ||
        envelope->msgid != exchange->msgid)
        return false;                   /* late: of a call given up before */
    if (kind == ANSWER_PARTIAL && envelope->kind == ENVELOPE_PROGRESS)
        answer_tell_progress(exchange->ask, envelope);
    return kind == ANSWER_FINAL && envelope->kind == ENVELOPE_ANSWER;
}

/* Wait for the answer of `exchange`; it stays in self->answer. */
static bool await(struct bus_client *self, const struct exchange *exchange,
                  struct envelope *envelope, struct fault *fault)
{
    struct link *link = exchange->link;
    uint32_t losses = link->losses;
    int64_t left_ms;

    while ((left_ms = clock_left_ms(exchange->deadline_ms)) > 0) {
        if (frames_receive(link->socket, &self->answer)) {
            if (is_awaited(self, exchange, envelope))
                return true;
            frames_clear(&self->answer);
            continue;
        }
        if (link->losses != losses)
            return lost(self, fault);
        zmq_pollitem_t items[3] = {{.socket = link->socket, .events = ZMQ_POLLIN},
                                   {.socket = link->monitor, .events = ZMQ_POLLIN},
                                   {.fd = self->stop_fd, .events = ZMQ_POLLIN}};
        zmq_poll(items, self->stop_fd >= 0 ? 3 : 2, (long)left_ms);
        link_update(link);
        if (stop_is_asked(&items[2], fault))
            return false;
    }
    brokers_turn(&self->brokers);
    return fault_set(fault, FAULT_timed_out, "'%s' did not answer in time", exchange->service);
}

static void forget_answer(struct bus_client *self)
{
    frames_clear(&self->answer);
    self->failure = (struct text){NULL, 0};
}

static bool has_time(const struct exchange *exchange, struct fault *fault)
{
    return clock_left_ms(exchange->deadline_ms) > 0 ||
           fault_set(fault, FAULT_timed_out, "no time was left to ask '%s'", exchange->service);
}

static bool run_exchange(struct bus_client *self, struct exchange *exchange, struct frames *frames,
                         struct envelope *envelope, struct fault *fault)
{
    bool answered = deliver(self, exchange, frames, fault) &&
                    await(self, exchange, envelope, fault);

    frames_clear(frames);
    return answered;
}

/* ---- the public verbs ---- */

bool bus_client_ask_packed(struct bus_client *self, const struct ask *ask, struct text request,
                           struct text *reply, struct fault *fault)
{
    struct exchange exchange = {
        .ask = ask,
        .service = ask->service ? ask->service : ask->method->service,
        .msgid = ++self->msgid,
        .deadline_ms = ask->deadline_ms,
    };
    struct frames frames = {.count = 0};
    struct envelope envelope;

    forget_answer(self);
    int64_t left_ms = clock_left_ms(ask->deadline_ms);
    return has_time(&exchange, fault) &&
           request_write(ask, exchange.msgid, left_ms, request, self->brokers.message_bytes_max,
                         &frames, fault) &&
           run_exchange(self, &exchange, &frames, &envelope, fault) &&
           answer_read(&envelope, reply, &self->failure, fault);
}

static bool ask_struct(struct bus_client *self, const struct ask *ask, const void *request,
                       struct arena *arena, void *reply, msgpack_sbuffer *buffer,
                       struct fault *fault)
{
    struct text result;

    forget_answer(self);
    if (!message_encode(ask->method->request, request, buffer, fault))
        return fault_while(fault, "%s", ask->method->name);
    struct text packed = {buffer->data ? buffer->data : "", buffer->size};
    if (!bus_client_ask_packed(self, ask, packed, &result, fault))
        return false;
    /* The reply outlives the answer's frame. */
    struct text kept = {arena_copy(arena, result.at, result.size), result.size};
    if (!kept.at)
        return fault_set(fault, FAULT_too_large, "%s: no room for its answer", ask->method->name);
    if (message_decode(ask->method->reply, kept, LENIENT, arena, reply, NULL, fault))
        return true;
    fault_while(fault, "the answer of %s", ask->method->name);
    fault->kind = FAULT_internal;
    return false;
}

bool bus_client_ask(struct bus_client *self, const struct ask *ask, const void *request,
                    struct arena *arena, void *reply, struct fault *fault)
{
    msgpack_sbuffer buffer;

    msgpack_sbuffer_init(&buffer);
    bool answered = ask_struct(self, ask, request, arena, reply, &buffer, fault);
    msgpack_sbuffer_destroy(&buffer);
    return answered;
}

const struct failure *bus_client_failure(struct bus_client *self, struct arena *arena)
{
    struct fault ignored;

    if (self->failure.size == 0)
        return NULL;
    struct text kept = {arena_copy(arena, self->failure.at, self->failure.size),
                        self->failure.size};
    struct failure *failure = arena_take(arena, sizeof *failure);
    if (kept.at && failure &&
        message_decode(&failure_message, kept, LENIENT, arena, failure, NULL, &ignored))
        return failure;
    return NULL;
}

bool bus_client_ask_raw(struct bus_client *self, const char *service, struct text body,
                        int64_t deadline_ms, struct text *reply, struct fault *fault)
{
    struct exchange exchange = {.service = service, .deadline_ms = deadline_ms};
    struct frames frames = {.count = 0};
    struct envelope unused;

    forget_answer(self);
    if (!request_fits(body.size, self->brokers.message_bytes_max, fault) ||
        !has_time(&exchange, fault))
        return false;
    request_write_raw(service, body, &frames);
    if (run_exchange(self, &exchange, &frames, &unused, fault)) {
        *reply = frames_text(&self->answer, self->answer.count - 1);
        return true;
    }
    /* It has no number: on a new connection no late answer can be taken for another's. */
    if (exchange.link)
        brokers_renew(&self->brokers, (size_t)(exchange.link - self->brokers.links));
    return false;
}
