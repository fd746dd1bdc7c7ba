/* proxy.h - the way out of one app: HTTP CONNECT on a UNIX socket, to what is granted and nothing else.
 *
 * A thread per connection, at most connections_max. It reads the head, asks the grants, resolves the
 * name once, connects to an address that it has looked at (address.h), says how that came out, and
 * carries octets until both sides have ended or nothing moves any more. A grant that is taken back
 * ends its connections at once.
 *
 * Owns:     struct proxy owns its connections; proxy_new() takes neither descriptor over.
 * Borrows:  the options, control and listener, until proxy_free().
 * Units:    milliseconds.
 * Fails as: internal.
 * Threads:  one calls new, run, free. proxy_run() returns when the other end of control is closed, or
 *           when somebody comes while what names are resolved by was exchanged; proxy_free() waits for
 *           the connections, which may still be resolving.
 */
#ifndef ISEKAI_SANDBOX_EGRESS_PROXY_H
#define ISEKAI_SANDBOX_EGRESS_PROXY_H

#include "actors/sandbox/egress/address.h"
#include "actors/sandbox/egress/protocol.h"
#include "actors/sandbox/egress/resolver_files.h"

enum {
    HEAD_MS = 10000,                /* for the whole head */
    DIAL_MS = 10000,                /* to connect, all addresses together */
    ADDRESSES_TRIED_MAX = 8,
    TUNNEL_OCTETS = 16384,          /* under way in each direction */
    CONNECTIONS_MAX = 1024,
    ACCEPTS_PER_SECOND = 100,       /* above a burst of as many, an app waits */
};

struct proxy_options {
    const char *app_id, *hosts;     /* hosts: "name=address,..." known beside DNS */
    size_t connections_max;
    int idle_ms;
    struct ranges allowed;          /* addresses that are no public ones, and may be reached */
    const struct resolver_files *files;     /* what it resolves by; NULL: all that is there */
};

struct proxy;

struct proxy *proxy_new(const struct proxy_options *options, int control, int listener,
                        struct fault *fault);
/* False: what it resolves by was exchanged, and another process has to take over. */
bool proxy_run(struct proxy *self);
void proxy_free(struct proxy *self);

#endif
