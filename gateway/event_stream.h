/* event_stream.h - server-sent events to one caller, by the connection's own thread.
 *
 * Source:   WHATWG HTML, "Server-sent events": id, event, data, comments.
 * Borrows:  the exchange, while the stream lasts.
 * Fails as: a write that fails ends the stream: is_over.
 * Threads:  one stream is one thread's; whoever begins one has counted himself in with
 *           metric_enter(), for each holds a thread.
 */
#ifndef ISEKAI_GATEWAY_EVENT_STREAM_H
#define ISEKAI_GATEWAY_EVENT_STREAM_H

#include "gateway/pipeline.h"

struct event_stream {
    struct exchange *exchange;
    int64_t said_ms;
    bool is_over;               /* the caller is gone, or the gateway stops */
};

/* Send the head; a HEAD request is over with it. */
void event_stream_begin(struct event_stream *self, struct exchange *exchange);
void event_stream_say(struct event_stream *self, const char *octets, size_t size);
/* Tell the caller that nothing more will come. */
void event_stream_end(struct event_stream *self);
/* Wait so long; a stream that was quiet for a while gets a comment. */
void event_stream_wait(struct event_stream *self, uint32_t ms);

#endif
