/* connections.h - the sockets under civetweb's connections: how many one address has, how long
 * a body may take to come, how an answer is written without waiting for ever.
 *
 * civetweb 1.15 hides its sockets and knows no limit for any of this: mg_read() waits ten seconds
 * for every octet anew. So each connection's socket is found by its two addresses, and a watch
 * thread shuts the receiving half of those that are past their deadline, which ends mg_read().
 *
 * Owns:     the registry owns its slots and the watch thread; a connection never owns its socket,
 *           civetweb closes it after connection_close().
 * Borrows:  the networks of proxies, whose many connections are not one caller's.
 * Units:    deadlines are clock_now_ms(), absolute.
 * Threads:  new and free from one; a connection belongs to the thread that serves it.
 */
#ifndef ISEKAI_GATEWAY_CONNECTIONS_H
#define ISEKAI_GATEWAY_CONNECTIONS_H

#include <sys/uio.h>

#include "gateway/address.h"

struct connections;
struct connection;

struct connections_options {
    uint32_t connections_max;       /* at once, in all */
    uint32_t address_max;           /* of one address */
    struct address listen_address;
    unsigned listen_port;
    const struct networks *proxies; /* not counted */
};

struct connections *connections_new(const struct connections_options *options,
                                    struct fault *fault);
void connections_free(struct connections *self);            /* NULL is welcome */
uint32_t connections_count(struct connections *self);

/* Take a slot for the socket whose other end is peer:port. NULL when none is free or the
 * socket cannot be told for sure. */
struct connection *connection_open(struct connections *self, const struct address *peer,
                                   unsigned port);
void connection_close(struct connection *self);             /* NULL is welcome */
/* Its address has too many. Those that never send a request are census.h's. */
bool connection_is_over_limit(const struct connection *self);
int  connection_socket(const struct connection *self);          /* to poll and relay, not to keep */
const struct address *connection_peer(const struct connection *self);

/* From now until connection_read_freely() reading ends at the deadline. */
void connection_read_until(struct connection *self, int64_t deadline_ms);
bool connection_read_freely(struct connection *self);       /* false: the deadline had passed */

/* Write all of it or fail: false when the other end is gone or does not read in time. Changes
 * the iovec while it goes. */
bool connection_write(struct connection *self, struct iovec *parts, int count,
                      int64_t deadline_ms);

/* End our half and let what still comes run out for a moment, so that the answer before it is
 * not destroyed by a reset (RFC 9112 section 9.6). */
void connection_linger(struct connection *self);

#endif
