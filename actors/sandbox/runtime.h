/* runtime.h - what runs the app in its cage: the host's kernel (bwrap), or one of its own (gvisor).
 *
 * Either way bubblewrap builds the cage, isekai-init is process 1 in it, and the cage's uid, cgroup,
 * network and lifeline are the same; so everything that watches and ends a cage knows no runtime.
 * With gvisor isekai-init starts runsc where it would start the app, and isekai-guest, process 1 of
 * what runsc makes, starts the app. A row of the table says what else differs.
 *
 * Why runsc inside of bubblewrap, and not in its place: Debian's version takes no descriptor over its
 * wall but the three standard ones, so a listening socket or a filter cannot be handed in. With
 * --network=host the host it means is the cage, whose network has nothing but its own loopback:
 * isekai-init reaches the app's port there as in any other cage, and nothing has to be framed or
 * relayed twice. Who gets out of gVisor is still in a cage. And it works for ordinary users, whom
 * runsc alone would ask for newuidmap.
 *
 * Gives:    constant rows.
 * Fails as: malformed (no such name), not_found (its program is not installed), internal.
 * Threads:  any.
 */
#ifndef ISEKAI_SANDBOX_RUNTIME_H
#define ISEKAI_SANDBOX_RUNTIME_H

#include <stddef.h>

#include "actors/sandbox/cage_host.h"
#include "actors/sandbox/cgroup.h"
#include "actors/sandbox/limits.h"

struct runtime {
    const char *name;                       /* of SANDBOX_RUNTIME */
    /* Find its programs, and write what its cages see of it below the host's files. */
    bool (*find)(struct cage_host *host, struct fault *fault);
    const char *const *isolation;           /* bubblewrap's arguments that differ, NULL at the end */
    const char *const *command;             /* what isekai-init starts in place of the app, and gives
                                             * the app to; NULL: nothing */
    uint64_t memory_mb, pids;               /* that it takes for itself, beside the app's */
    uint64_t pids_each;                     /* of the host, for each process of the app at most */
    uint64_t open_files;                    /* of its processes, for all of the app's together */
    bool needs_cgroups;                     /* nothing else would limit an app's memory */
    bool has_warm_cages;
    const char *(*what_to_do)(void);        /* when no cage can be built: advice to the operator */
};

const struct runtime *runtime_named(const char *name, struct fault *fault);     /* NULL on failure */

/* What the app's limits are for its cgroup, which the runtime is in too. */
struct group_limits runtime_group_limits(const struct runtime *self, const struct limits *limits);

extern const struct runtime runtime_gvisor;         /* runtime_gvisor.c */

/* Where its cages keep runsc, its bundle and its state: a tmpfs, which the app does not see. */
#define RUNTIME_IN_CAGE "/run"

#endif
