/* cage_try.h - does this host let us build cages? Found out before anybody asks for an app.
 *
 * An empty cage is built as those of apps are, and taken down again when its process 1 has spoken. A
 * host that refuses (no user namespaces for ordinary users, a container's seccomp profile) is
 * told by bubblewrap's own words and by what an operator may do about it.
 *
 * Units:    a few ten milliseconds; CAGE_TRY_MS at the most.
 * Fails as: forbidden (refused), timed_out, internal.
 * Threads:  as cage.h says.
 */
#ifndef ISEKAI_SANDBOX_CAGE_TRY_H
#define ISEKAI_SANDBOX_CAGE_TRY_H

#include <sys/types.h>

#include "actors/sandbox/cage_host.h"

enum { CAGE_TRY_MS = 10000 };

/* uid 0: as who we are. */
bool cage_try(const struct cage_host *host, uid_t uid, struct fault *fault);

#endif
