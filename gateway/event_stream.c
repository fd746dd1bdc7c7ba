/* event_stream.c - server-sent events to one caller, by the connection's own thread. */
#include "gateway/event_stream.h"

#include <poll.h>

#include "bus/clock.h"

enum {
    SLICE_MS = 250,                 /* how soon a stopping gateway is noticed */
    COMMENT_MS = 15000,             /* keeps proxies from closing a quiet stream */
};

void event_stream_begin(struct event_stream *self, struct exchange *exchange)
{
    *self = (struct event_stream){.exchange = exchange, .said_ms = clock_now_ms()};
    http_close(exchange->http);
    answer_header(&exchange->answer, "Cache-Control", "no-store");
    answer_header(&exchange->answer, "X-Accel-Buffering", "no");
    answer_with(&exchange->answer, 200, "text/event-stream", (struct text){NULL, 0});
    self->is_over = !answer_send_head(exchange, "") || exchange->is_head;
}

void event_stream_say(struct event_stream *self, const char *octets, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)octets, size};

    self->said_ms = clock_now_ms();
    if (!http_write(self->exchange->http, &part, 1, self->said_ms + ANSWER_MS_MAX))
        self->is_over = true;
}

void event_stream_end(struct event_stream *self)
{
    static const char end[] = "event: end\ndata: {}\n\n";

    event_stream_say(self, end, sizeof end - 1);
    self->is_over = true;
}

void event_stream_wait(struct event_stream *self, uint32_t ms)
{
    int64_t until_ms = clock_now_ms() + ms, left_ms;

    while (!self->is_over && (left_ms = clock_left_ms(until_ms)) > 0) {
        struct pollfd caller = {http_socket(self->exchange->http), POLLIN | POLLRDHUP, 0};

        self->is_over = poll(&caller, 1, left_ms < SLICE_MS ? (int)left_ms : SLICE_MS) != 0 ||
                        http_is_stopping(self->exchange->http);
    }
    if (!self->is_over && clock_now_ms() - self->said_ms > COMMENT_MS)
        event_stream_say(self, ":\n\n", 3);
}
