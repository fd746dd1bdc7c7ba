/* installs.h - the dependencies of apps that no module of the host meets: installed once, kept for all.
 *
 *   <data>/runtime/installed/{key}/    readable by all, changed by nobody
 *       node_modules/                  /app/node_modules of every cage that asked for this
 *       package-lock.json              npm's lock: each package, from where, with its integrity
 *       octets                         what it takes, for the bound of all
 *
 * One tree per content: the key is a hash of what package.json asks for, the registry and what Node.js
 * is built for. npm makes it in a cage of its own (install_npm.h), in two steps: first the lock alone,
 * which is checked before any package is fetched, then `npm ci`, which holds each to its
 * integrity. Scripts of packages never run. The tree is copied from there as files without links, and
 * gets its name when it is whole and on the disk; from then on it needs no network. It lies below
 * /app, in front of the host's modules, so that both are found and neither is resolved through the other:
 * npm has put into it all that its packages need.
 *
 * A tree is in use as long as a version of an app names it (locks.h). What no app uses is removed, the
 * longest unused first, when all together are more than INSTALL_CACHE_MB.
 *
 * Owns:     its directory and list. installs_free() when nobody installs.
 * Borrows:  the parts, for its life; the order, during the call.
 * Units:    octets; clock_now_ms().
 * Fails as: start_failed (and *failure has npm's last lines), unproven, timed_out, conflict,
 *           disk_full, malformed (a setting), not_found (a file of a setting), internal.
 * Threads:  any may install; who asks for what is being installed waits for it. At most
 *           INSTALLS_AT_ONCE go on at a time.
 */
#ifndef ISEKAI_SANDBOX_INSTALLS_H
#define ISEKAI_SANDBOX_INSTALLS_H

#include "actors/sandbox/disk_quota.h"
#include "actors/sandbox/egress.h"
#include "actors/sandbox/install_lock.h"
#include "actors/sandbox/prover.h"
#include "actors/sandbox/sweeper.h"
#include "actors/sandbox/workspace.h"
#include "bus/ids.h"

enum {
    INSTALLS_AT_ONCE = 2,
    INSTALL_LINES_TOLD = 30,
    INSTALL_EVENTS_MAX = 64,        /* that wait for the audit log; the oldest goes */
    INSTALL_USER_SIZE = 4 * 100 + 1,        /* characters, as octets */
    INSTALL_REQUEST_SIZE = 4 * 64 + 1,
    INSTALL_ERROR_SIZE = 3 * 200 + 1,       /* a fault's reason, of which a wrong octet becomes three */
};

struct installs;

struct installs_parts {
    struct workspace *workspace;
    const struct cage_host *host;
    const struct cgroups *cgroups;
    const struct egress_host *egress;
    struct disk_quota *quota;       /* NULL: none */
    struct prover *prover;
    struct sweeper *sweeper;
    const struct sandbox_settings *settings;
};

struct install_order {
    const char *app_id;
    const char *user, *request_id;  /* who asked, for the audit log; "": nobody did */
    int app;                        /* its directory */
    uint64_t version;
    uid_t uid;
    struct text dependencies;       /* canonical: needs.h */
    int64_t deadline_ms;
    bool (*is_unwanted)(void *of);  /* asked now and then: shall it be given up? */
    void *of;
    struct arena *arena;            /* for *failure */
    struct failure *failure;
};

/* Call it when no cage runs: what an earlier life left half made is removed. */
struct installs *installs_new(const struct installs_parts *parts, struct fault *fault);
void installs_free(struct installs *self);          /* NULL is welcome */

bool installs_is_on(const struct installs *self);

/* The tree for these dependencies, installed if it is not there, and in use by the version from now on. */
bool installs_ensure(struct installs *self, const struct install_order *order,
                     char key[INSTALL_KEY_SIZE], struct fault *fault);
/* Only if it is there: nothing is installed. */
bool installs_find(struct installs *self, struct text dependencies, char key[INSTALL_KEY_SIZE],
                   struct fault *fault);

/* What a version of an app got, or why not: once for each time that npm ran for it, and once when it
 * found a tree that it did not have yet. */
struct install_event {
    char event_id[UUID_SIZE];
    char app_id[APP_ID_SIZE], user[INSTALL_USER_SIZE], request_id[INSTALL_REQUEST_SIZE];
    uint64_t version;
    enum install_outcome outcome;
    struct install_sum sum;         /* digest "": there is no lock */
    int64_t at_wall_ms, took_ms;
    char error[INSTALL_ERROR_SIZE]; /* why, when it failed */
};

/* The oldest that waits; false: none. It stays until it is forgotten. */
bool installs_next_event(struct installs *self, struct install_event *out);
void installs_forget_event(struct installs *self, const char *event_id);

/* How often one was made, found or failed: for isekai.stats, as actor.h says; at most `room` rows. */
uint32_t installs_counters(struct installs *self, struct count_of *out, uint32_t room);

#endif
