/* logs_follow.c - an app's log as it grows: the same read as without `follow`, repeated with the
 * cursor of the last line, by the connection's own thread. So a slow reader costs nothing but his
 * thread, and one who comes back goes on where he was (Last-Event-ID).
 */
#include "gateway/logs_follow.h"

#include <stdio.h>

#include "gateway/event_stream.h"
#include "gateway/metrics.h"

enum { LOOK_MS = 1000, ROUND_ARENA_OCTETS = 8 * 1048576 };

struct follower {
    struct exchange *exchange;
    struct logs_request request;
    struct event_stream stream;
};

bool logs_follow_is_asked(struct exchange *exchange, struct text value, struct fault *fault)
{
    exchange->is_follow = value.size == 0 || text_is(value, "true") || text_is(value, "1");
    if (exchange->is_follow || text_is(value, "false") || text_is(value, "0"))
        return true;
    return exchange_violation(exchange, "follow", "query", "Follow must be true or false", fault);
}

static void print_event(const struct log_line *line, msgpack_sbuffer *out)
{
    char id[40];
    int size = snprintf(id, sizeof id, "id: %llu\ndata: ", (unsigned long long)line->seq);

    (void) msgpack_sbuffer_write(out, id, (size_t)size);
    log_line_print(line, out);
    (void) msgpack_sbuffer_write(out, "\n\n", 2);
}

static void say_lines(struct follower *self, const struct logs_reply *reply)
{
    msgpack_sbuffer events;

    msgpack_sbuffer_init(&events);
    for (uint32_t i = 0; i < reply->logs.count; i++) {
        print_event(&reply->logs.at[i], &events);
        self->request.after = reply->logs.at[i].seq;
    }
    if (events.size > 0)
        event_stream_say(&self->stream, events.data, events.size);
    msgpack_sbuffer_destroy(&events);
}

static bool ask_lines(struct follower *self, struct fault *fault)
{
    msgpack_sbuffer packed;

    msgpack_sbuffer_init(&packed);
    bool asked = message_encode(&logs_request_message, &self->request, &packed, fault) &&
                 exchange_ask(self->exchange, &method_apps_logs,
                              (struct text){packed.data, packed.size}, fault);
    msgpack_sbuffer_destroy(&packed);
    return asked;
}

/* One look: what is new since the cursor. */
static bool look(struct follower *self, struct fault *fault)
{
    struct arena *arena = arena_new(ROUND_ARENA_OCTETS);
    struct logs_reply reply;
    bool is_done = arena && ask_lines(self, fault) &&
                   message_decode(&logs_reply_message, self->exchange->reply.result, LENIENT,
                                  arena, &reply, NULL, fault);

    if (is_done && self->exchange->answer.is_sent)
        say_lines(self, &reply);
    arena_free(arena);
    return is_done;
}

static void stream(struct follower *self)
{
    event_stream_begin(&self->stream, self->exchange);
    while (!self->stream.is_over) {
        struct fault fault = {.kind = FAULT_NONE};

        if (!look(self, &fault) && fault_http_status(fault.kind) < 500)
            event_stream_end(&self->stream);
        event_stream_wait(&self->stream, LOOK_MS);
    }
}

bool logs_follow(struct exchange *exchange, struct fault *fault)
{
    struct follower self = {.exchange = exchange,
                            .request = *(const struct logs_request *)exchange->decoded};
    struct text last = request_header(exchange, "last-event-id");
    int64_t seq;

    if (last.at && text_to_count(last, &seq))
        self.request.after = (uint64_t)seq;
    if (!metric_enter(&metric_followers, FOLLOWERS_MAX)) {
        (void) fault_set(fault, FAULT_overloaded, "more than %d followers", FOLLOWERS_MAX);
        return fault_retry_after(fault, 5000);
    }
    bool is_there = look(&self, fault);     /* a refusal is still an ordinary answer */
    if (is_there)
        stream(&self);
    metric_leave(&metric_followers);
    return is_there;
}
