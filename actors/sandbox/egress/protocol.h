/* protocol.h - what the sandbox and the proxy of one app say to each other.
 *
 * Over one SOCK_SEQPACKET pair. To the proxy: all grants, each time they change. From it: each
 * attempt. The sandbox believes nothing of it: a message of another size is passed over, and a host
 * is read again. When the sandbox's end is closed the proxy ends, and all connections with it.
 */
#ifndef ISEKAI_SANDBOX_EGRESS_PROTOCOL_H
#define ISEKAI_SANDBOX_EGRESS_PROTOCOL_H

#include <stddef.h>

#include "schemas/host.h"

/* The descriptors it is started with, beside 0, 1 (nothing) and 2 (our log). */
enum { EGRESS_FD_CONTROL = 3, EGRESS_FD_LISTENER = 4, EGRESS_FD_COUNT = 5 };

enum {
    EGRESS_GRANTS_MAX = 32,
    EGRESS_REASON_SIZE = 512,
};

struct egress_allowed { char host[HOST_SIZE]; uint16_t port; };

struct egress_grants { uint32_t count; struct egress_allowed at[EGRESS_GRANTS_MAX]; };

/* What came of an attempt; schemas/sandbox.def has the same words. */
enum egress_end {
    EGRESS_CONNECTED = 1,
    EGRESS_DENIED,              /* not granted */
    EGRESS_PRIVATE,             /* granted, but it is no public address */
    EGRESS_UNRESOLVED,
    EGRESS_UNREACHABLE,
};

struct egress_report { char host[HOST_SIZE]; uint16_t port; uint16_t end; };

/* argv[1..] of isekai-egress. */
enum egress_argument {
    EGRESS_ARG_APP = 1,         /* the app's id, for what the app is told */
    EGRESS_ARG_CONNECTIONS,     /* at once, at most */
    EGRESS_ARG_IDLE_MS,
    EGRESS_ARG_RANGES,          /* private addresses that are allowed */
    EGRESS_ARG_HOSTS,           /* name=address, comma separated */
    EGRESS_ARG_COUNT
};

#endif
