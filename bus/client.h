/* client.h - ask an actor something and wait for the answer; also outside of any actor.
 *
 * Owns:     a bus_client owns its DEALER sockets, one per broker. It belongs to one thread.
 * Borrows:  `request` and the options are read during the call only.
 * Gives:    on true, *reply is the result's MessagePack, owned by the client until its next call.
 * Units:    deadline_ms is clock_now_ms(), absolute; on the wire goes the time left, for two hosts'
 *           clocks have nothing in common.
 * Fails as: timed_out    nobody answered before the deadline
 *           unavailable  no broker can be reached
 *           too_large    the request is over bus_message_bytes_max
 *           interrupted  the descriptor of bus_client_stop_on() became readable
 *           (any other)  what the actor itself answered
 */
#ifndef ISEKAI_BUS_CLIENT_H
#define ISEKAI_BUS_CLIENT_H

#include "bus/settings.h"
#include "schemas/method.h"

struct bus_client;

struct ask {
    const struct method *method;
    const char *service;            /* NULL: the method's own */
    int64_t deadline_ms;
    const char *request_id;         /* NULL: none */
    const char *traceparent;        /* NULL: none */
    const char *idempotency_key;    /* NULL: none */
    const struct principal *principal;      /* NULL: none */
    void (*progress)(void *self, const struct progress *progress);  /* may be NULL */
    void *progress_self;
};

struct bus_client *bus_client_new(const struct bus_settings *bus, struct fault *fault);
void bus_client_free(struct bus_client *self);              /* NULL is welcome */
void bus_client_stop_on(struct bus_client *self, int fd);   /* readable: stop waiting; -1: none */

/* `request` is the MessagePack of the one parameter, a map. */
bool bus_client_ask_packed(struct bus_client *self, const struct ask *ask, struct text request,
                           struct text *reply, struct fault *fault);

/* The same with structs; the reply lives in the arena. */
bool bus_client_ask(struct bus_client *self, const struct ask *ask, const void *request,
                    struct arena *arena, void *reply, struct fault *fault);

/* The last answer's whole failure, decoded in `arena`; NULL when there was none. */
const struct failure *bus_client_failure(struct bus_client *self, struct arena *arena);

/* A call of another kind than the table's: mmi.service and the like. */
bool bus_client_ask_raw(struct bus_client *self, const char *service, struct text body,
                        int64_t deadline_ms, struct text *reply, struct fault *fault);

#endif
