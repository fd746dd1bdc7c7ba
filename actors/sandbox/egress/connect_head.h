/* connect_head.h - the head of a CONNECT request, written by an app: hostile.
 *
 * Only what is needed is understood: `CONNECT host:port HTTP/1.0|1.1`, headers that are tokens, an
 * empty line. All line ends are CRLF. A body is refused.
 *
 * Borrows:  the octets, during the call.
 * Threads:  any.
 */
#ifndef ISEKAI_SANDBOX_EGRESS_CONNECT_HEAD_H
#define ISEKAI_SANDBOX_EGRESS_CONNECT_HEAD_H

#include "schemas/host.h"

enum { CONNECT_HEAD_OCTETS_MAX = 8192 };

enum connect_head { CONNECT_HEAD_READ, CONNECT_HEAD_MORE, CONNECT_HEAD_BROKEN };

struct connect_target { char host[HOST_SIZE]; uint16_t port; };

/* READ: *size octets were the head, *out says where to. MORE: it has no end yet. BROKEN: *why. */
enum connect_head connect_head_read(struct text octets, size_t *size, struct connect_target *out,
                                    const char **why);

/* "host:port", "[IPv6]:port" */
bool connect_target_read(struct text text, struct connect_target *out);

#endif
