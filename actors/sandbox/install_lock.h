/* install_lock.h - what is installed, in one name, and whether npm's lock is one that we accept.
 *
 * Borrows:  all, during the call.
 * Fails as: start_failed, naming the package and what to do.
 * Threads:  any.
 */
#ifndef ISEKAI_SANDBOX_INSTALL_LOCK_H
#define ISEKAI_SANDBOX_INSTALL_LOCK_H

#include <stdint.h>

#include "schemas/fault.h"
#include "schemas/text.h"

enum { INSTALL_KEY_SIZE = 65, LOCK_OCTETS_MAX = 8 << 20 };

/* `dependencies` is canonical: sorted, compact JSON. The same key, the same tree: the first one that
 * was installed for it. */
void install_key(struct text dependencies, const char *registry, const char *kind,
                 char out[INSTALL_KEY_SIZE]);

/* Every package comes from below `origin` and carries its integrity, or came within one that does;
 * none is a link; there are at most packages_max. */
bool install_lock_check(struct text lock, const char *origin, uint64_t packages_max,
                        uint32_t *packages, struct fault *fault);

/* What a lock is, for the audit log; packages 0: it cannot be read. */
struct install_sum { uint32_t packages; char digest[INSTALL_KEY_SIZE]; };
void install_lock_sum(struct text lock, struct install_sum *out);

#endif
