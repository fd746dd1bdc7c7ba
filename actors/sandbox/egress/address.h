/* address.h - may an app's connection end at this address?
 *
 * The question is asked of the very address that is connected to, after the name was resolved once:
 * what a name resolves to later does not matter.
 *
 * Owns:     nothing; plain values.
 * Borrows:  everything, during the call.
 * Fails as: malformed (ranges that are none).
 * Threads:  any.
 */
#ifndef ISEKAI_SANDBOX_EGRESS_ADDRESS_H
#define ISEKAI_SANDBOX_EGRESS_ADDRESS_H

#include <sys/socket.h>

#include "schemas/fault.h"

enum { RANGES_MAX = 32 };

struct range { int family; unsigned bits; uint8_t octets[16]; };
struct ranges { struct range at[RANGES_MAX]; size_t count; };

/* "127.0.0.1/32,fd00::/8"; "" is none. */
bool ranges_read(const char *text, struct ranges *out, struct fault *fault);
bool ranges_hold(const struct ranges *ranges, const struct sockaddr *address);

/* In the public network, by ranges.def. */
bool address_is_public(const struct sockaddr *address);

#endif
