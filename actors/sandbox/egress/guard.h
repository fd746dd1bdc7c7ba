/* guard.h - what the proxy may still do once it has begun: sockets of the Internet, threads, reading.
 *
 * A seccomp filter lets it make no UNIX socket (so it cannot speak to the bus), start no program, write
 * no file, signal and look into nobody. It has no right of its own beyond that of an app's user.
 * Fails as: internal (not installed), forbidden (it runs as root).
 */
#ifndef ISEKAI_SANDBOX_EGRESS_GUARD_H
#define ISEKAI_SANDBOX_EGRESS_GUARD_H

#include "schemas/fault.h"

/* For good, for this thread and all it starts. `descriptors` is how many may be open. */
bool guard_close(size_t descriptors, struct fault *fault);

#endif
