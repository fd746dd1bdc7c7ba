/* relay.h - carries each connection of the app's UNIX socket to its port, both ways.
 *
 * A connection that comes before the app listens is held, not refused: one trial connection at
 * a time finds out when it does, then all held ones go on. An end of file goes through in each
 * direction on its own. A slow reader stops its writer: at most RELAY_OCTETS_MAX octets wait
 * per direction, and idle connections hold no buffer.
 *
 * Owns:     the listener and every connection; relay_free() closes them.
 * Units:    milliseconds on CLOCK_MONOTONIC.
 * Bounds:   RELAY_CONNECTIONS_MAX at once; further ones wait in the listener's backlog.
 * One thread. Events come from the caller's epoll, whose data pointers below are the relay's.
 */
#ifndef ISEKAI_SANDBOX_INIT_RELAY_H
#define ISEKAI_SANDBOX_INIT_RELAY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RELAY_CONNECTIONS_MAX = 512,
    RELAY_OCTETS_MAX = 65536,
    RELAY_RETRY_FIRST_MS = 1,
    RELAY_RETRY_LAST_MS = 25,
    RELAY_RETRY_PART = 32,          /* a pause is this part of the wait so far, within the two above */
    RELAY_HOLD_LATER_MS = 2000,     /* for an app that has listened before and does not now */
};

struct relay;

/* NULL: no memory, or no pipe. It serves nobody before relay_serve(), once, which takes over the listener. */
struct relay *relay_new(int epoll, int64_t hold_ms);
void relay_serve(struct relay *self, int listener, uint16_t port);
void relay_free(struct relay *self);                    /* NULL is welcome */

void relay_handle(struct relay *self, void *data, uint32_t events, int64_t now_ms);
void relay_tick(struct relay *self, int64_t now_ms);    /* after each turn of the loop */
int64_t relay_next_ms(const struct relay *self);        /* when to tick again; INT64_MAX: no need */
void relay_refuse_new(struct relay *self);              /* leaves them in the backlog */
void relay_finish(struct relay *self);          /* the app has ended: deliver what it said */
bool relay_is_idle(const struct relay *self);           /* no connection is open */
bool relay_is_answered(const struct relay *self);       /* nobody waits for the app's next octets */
uint64_t relay_octets(const struct relay *self);        /* carried so far, both ways */

#endif
