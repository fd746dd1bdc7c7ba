/* guard.h - what the proxy may still do once it has begun: sockets of the Internet, threads, reading what
 * names are resolved by.
 *
 * A seccomp filter lets it make no UNIX socket (so it cannot speak to the bus), start no program, write
 * no file, signal and look into nobody. It drops every capability; it has no right of its own beyond
 * that of an app's user. Where the kernel has Landlock it opens no file but those of resolver_files.h
 * and, from version 4 on, binds no TCP port.
 * Fails as: internal (not installed), forbidden (it runs as root).
 */
#ifndef ISEKAI_SANDBOX_EGRESS_GUARD_H
#define ISEKAI_SANDBOX_EGRESS_GUARD_H

#include <stddef.h>

#include "actors/sandbox/egress/resolver_files.h"

/* For good, for this thread and all it starts. `descriptors` is how many may be open; *files is what
 * is still in view. */
bool guard_close(size_t descriptors, struct resolver_files *files, struct fault *fault);

#endif
