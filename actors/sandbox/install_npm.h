/* install_npm.h - npm once, in a cage of its own.
 *
 * It is the cage of apps, with npm in the app's place: the app's uid, the same filter, a cgroup of its
 * own, /app and /data of the install alone. Its way out is an isekai-egress that is granted the
 * registry's host and nothing else. Nobody can connect to it.
 *
 * Borrows:  the order, during the call.
 * Units:    clock_now_ms().
 * Fails as: start_failed (npm failed, or a bound was reached, which is named), timed_out (the caller's
 *           time, not npm's, was up), conflict (is_unwanted said so), disk_full, internal.
 * Threads:  any, and it waits there.
 */
#ifndef ISEKAI_SANDBOX_INSTALL_NPM_H
#define ISEKAI_SANDBOX_INSTALL_NPM_H

#include "actors/sandbox/egress.h"
#include "actors/sandbox/install_host.h"

enum {
    NPM_WORDS_MAX = 32,
    NPM_SAID_OCTETS = 8192,         /* the last it has said */
};

struct npm_order {
    const struct install_host *install;
    const struct cage_host *host;
    const struct cgroups *cgroups;
    const struct egress_host *egress;
    const char *name, *app_id;      /* of its cgroup and socket: nobody else's; for the log */
    const char *app_path, *data_path;
    int app, data;                  /* the same, open */
    uid_t uid;
    const char *const *words;       /* npm's own, to a NULL */
    int64_t deadline_ms, caller_deadline_ms;
    bool (*is_unwanted)(void *of);
    void *of;
};

struct npm_said { char at[NPM_SAID_OCTETS]; size_t size; };

bool npm_run(const struct npm_order *order, struct npm_said *said, struct fault *fault);

#endif
