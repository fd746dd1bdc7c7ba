/* pipe.h - many threads, one pipelined DEALER: how the gateway's HTTP threads ask.
 *
 * HTTP threads hand requests to one thread that owns a DEALER per broker, and wait on their slot
 * until the answer or the deadline. A late answer names a generation of its slot that is over, and
 * is dropped.
 *
 * Owns:     the pipe owns its thread, its sockets and its slots.
 * Borrows:  `request` during the call.
 * Gives:    true or false, *reply may own octets, which `result` and `failure` point into: free it
 *           with pipe_reply_free() either way.
 * Units:    ask->deadline_ms is clock_now_ms(), absolute.
 * Fails as: bus/client.h, and overloaded when PIPE_SLOTS calls are under way.
 * Threads:  pipe_ask() from any thread; new and free from one.
 */
#ifndef ISEKAI_BUS_PIPE_H
#define ISEKAI_BUS_PIPE_H

#include "bus/client.h"

enum { PIPE_SLOTS = 4096 };

struct pipe;
struct pipe_reply {
    struct text result;         /* MessagePack of the method's reply */
    struct text failure;        /* MessagePack of a failure when pipe_ask() gave false and the
                                 * actor said more than the fault holds; else absent */
    void *owner_;
};

struct pipe *pipe_new(const struct bus_settings *bus, struct fault *fault);
void pipe_free(struct pipe *self);
bool pipe_ask(struct pipe *self, const struct ask *ask, struct text request,
              struct pipe_reply *reply, struct fault *fault);
void pipe_reply_free(struct pipe_reply *reply);     /* safe on a zeroed one */

#endif
