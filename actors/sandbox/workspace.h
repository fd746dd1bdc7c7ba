/* workspace.h - what is kept of apps on disk, and who owns it.
 *
 *   <data>/runtime/lock              one sandbox per data directory
 *   <data>/runtime/cage/             what every cage sees: isekai/init, isekai/proof,
 *                                    isekai/static.js, etc/
 *   <data>/runtime/modules/          what every app can import; see modules.h
 *   <data>/runtime/installed/        what apps have asked for beside that; see installs.h
 *   <data>/runtime/egress/           a socket for each cage; see egress.h
 *   <data>/runtime/warm/{n}/         ours, 0711
 *       app/ data/                   /app and /data of a warm cage, of a uid that no app has; they
 *                                    become an app's by a rename, and the cage's uid with them
 *   <data>/runtime/proof/            while the cage is proven; see proof_targets.h
 *   <data>/runtime/trash/            on its way out; see sweeper.h
 *   <data>/runtime/apps/{appId}/     ours, 0711
 *       versions/{n}/                the code as given, ours, 0700
 *       data/                        /data of the app, the app's uid, 0700; its owner is how
 *                                    an app's uid is remembered
 *       locks/                       of what is installed for versions; see locks.h
 *       app-{k}/ data-{k}/           /app of one run; /data of a trial, or a copy to export; both of an
 *                                    install
 *       moving/                      what will be data when all of data's entries are in it
 *       log/                         see app_log.h
 *       runs/                        see run_notes.h
 *
 * The app sees app-{k} and data only, and can change nothing above them.
 *
 * Owns:     the lock and four descriptors; workspace_close().
 * Gives:    workspace_app() gives a descriptor the caller closes.
 * Fails as: disk_full, malformed (an appId or path), capacity (no uid is left), internal.
 * Threads:  any; names are never reused within a life, uids are given under a lock.
 */
#ifndef ISEKAI_SANDBOX_WORKSPACE_H
#define ISEKAI_SANDBOX_WORKSPACE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "actors/sandbox/tree.h"
#include "schemas/message.h"

enum {
    WORKSPACE_NAME_SIZE = 32,
    WORKSPACE_APPS_MAX = 100000,
    VERSIONS_KEPT = 3,              /* beside the one that runs */
    DATA_COPY_OCTETS_MAX = 64 << 20,
    DATA_COPY_ENTRIES_MAX = 10000,
    DATA_GIVE_ENTRIES_MAX = 2000,
    EXPORT_ENTRIES_MAX = 200000,
};

struct workspace {
    char path[PATH_MAX];            /* <data>/runtime, absolute */
    int lock, apps, warm, trash;
    bool owns_uids;                 /* root: each app has a uid of its own */
    uid_t uid_first, uid_count;
    unsigned char *uids_taken;      /* one per uid */
    pthread_mutex_t uid_lock;
    _Atomic uint64_t sequence;
};

struct workspace_options { const char *data; uid_t uid_first, uid_count; };

bool workspace_open(struct workspace *out, const struct workspace_options *options,
                    struct fault *fault);
void workspace_close(struct workspace *self);

/* What names this data directory among others on this host: 16 hex digits and a NUL. */
void workspace_tag(const struct workspace *self, char out[17]);

/* The directory of an app, made if `make`; -1 with app_not_found or another fault. */
int workspace_app(struct workspace *self, const char *app_id, bool make, struct fault *fault);
bool workspace_has(struct workspace *self, const char *app_id);

/* The app's own uid (0: none, not root), from its data directory, which is made when absent. */
bool workspace_data(struct workspace *self, int app, uid_t *uid, struct fault *fault);
/* start_failed when the data is more than a run may hold: it would be ended at once, having written
 * some more. */
bool workspace_data_fits(int app, uint64_t disk_mb, uint64_t files, struct fault *fault);
bool workspace_give_uid(struct workspace *self, uid_t *out, struct fault *fault);
void workspace_forget_uid(struct workspace *self, uid_t uid);

/* Put a version down, replacing what has its number. */
bool workspace_put_version(struct workspace *self, int app, uint64_t version, struct files files,
                           struct fault *fault);
bool workspace_has_version(int app, uint64_t version);
/* Remove all but `running` and the newest few. */
void workspace_prune(struct workspace *self, int app, uint64_t running);

/* A fresh copy of a version for one run, the app's own; its name in `out`. `warm`, here and below:
 * in the directory of that warm cage; 0: in a new one. */
bool workspace_copy_version(struct workspace *self, int app, uint64_t version, uid_t uid,
                            uint64_t warm, char out[WORKSPACE_NAME_SIZE], struct fault *fault);
/* A copy of the data for a trial; empty when there is more than the bounds above. */
bool workspace_copy_data(struct workspace *self, int app, uid_t uid, uint64_t warm,
                         char out[WORKSPACE_NAME_SIZE], struct fault *fault);
/* A copy of the data for an archive, ours; `out` is empty when the app has none here. `watcher` hears
 * what is left out. too_large: it is more than `octets_max` or EXPORT_ENTRIES_MAX. */
bool workspace_export_data(struct workspace *self, int app, uint64_t octets_max,
                           const struct tree_watcher *watcher, char out[WORKSPACE_NAME_SIZE],
                           struct fault *fault);
/* The data of an app that has none here: what a tar.gz of it holds, within the bounds of a copy. Data that is
 * there already stays. */
bool workspace_recover_data(struct workspace *self, int app, struct text archive,
                            struct fault *fault);
/* A file without a name, which goes with its last descriptor; -1 with a fault. */
int workspace_file(struct workspace *self, struct fault *fault);
/* Discard such a copy, and with it `lent`, the uid of the warm cage it came from; 0: none. */
bool workspace_discard_data(struct workspace *self, int app, const char *name, uid_t lent,
                            struct fault *fault);

/* A new, empty directory of the app's, of that kind ("app" or "data"), which goes like the others of
 * its kind; -1 with a fault. */
int workspace_make_empty(struct workspace *self, int app, const char *kind, uid_t uid,
                         char out[WORKSPACE_NAME_SIZE], struct fault *fault);

/* ---- warm_files.c: what a warm cage has as /app and /data before it is an app's ---- */

/* They belong to `uid`, which is new; not root: 0. */
bool workspace_make_warm(struct workspace *self, uint64_t number, uid_t *uid, struct fault *fault);
/* What is left of it goes, and its uid unless the data has been given to an app. */
void workspace_drop_warm(struct workspace *self, uint64_t number, uid_t uid);
/* Its `kind`, "app" or "data", becomes `name` of the app. */
bool workspace_take_warm(struct workspace *self, uint64_t number, const char *kind, int app,
                         const char *name, struct fault *fault);
/* Its data becomes the app's: all entries move into it, and belong to its uid, which is the
 * app's from now on. Nobody may be using the app's data. too_large: there are more than
 * DATA_GIVE_ENTRIES_MAX, and nothing was changed. A move that was interrupted is ended by the next
 * workspace_data(). */
bool workspace_give_data(struct workspace *self, int app, uint64_t warm, struct fault *fault);
bool workspace_end_move(struct workspace *self, int app, struct fault *fault);

/* Move something out of sight at once; the sweeper removes it. Nothing of that name: true. */
bool workspace_discard(struct workspace *self, int parent, const char *name, struct fault *fault);
bool workspace_discard_app(struct workspace *self, const char *app_id, struct fault *fault);

/* Every app there is, in no order, through `each`; false from it ends the walk. */
bool workspace_each(struct workspace *self, bool (*each)(void *self, const char *app_id),
                    void *each_self, struct fault *fault);
/* At the start: discard the copies that runs of an earlier life left. */
bool workspace_clear_runs(struct workspace *self, struct fault *fault);
/* And what an earlier life left half made in a directory of ours: all that is named new-. */
void workspace_clear_new(struct workspace *self, int parent);

#endif
