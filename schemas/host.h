/* host.h - the name of a peer in the network, as apps ask for it and as grants allow it.
 *
 * A host is a DNS name of labels of [a-z0-9_-], or an IPv4 or IPv6 address in its one written form.
 * What a resolver might take for an address in another form (0x7f.1, 2130706433) is no host: names
 * must not end in a number. A pattern is a host, or `*.` before a name of two labels or more.
 *
 * Borrows:  everything, during the call.
 * Gives:    `out` in lower case, without a dot at the end, NUL-terminated.
 * Threads:  any.
 */
#ifndef ISEKAI_SCHEMAS_HOST_H
#define ISEKAI_SCHEMAS_HOST_H

#include "schemas/text.h"

enum { HOST_SIZE = 254 };       /* 253 octets at most, and a NUL */

bool host_read(struct text text, char out[HOST_SIZE]);
bool host_pattern_read(struct text text, char out[HOST_SIZE]);

/* Is `host` what `pattern` allows? Both as read above. `*.` stands for one label or more. */
bool host_is_covered(const char *host, const char *pattern);

/* An address, not a name. IPv6 without brackets. */
bool host_is_address(const char *host);

#endif
