/* disk_watch.h - the thread that looks how much disk each running app holds.
 *
 * The host's file system has no quota for apps here, so nothing refuses a write; the watch notices
 * it soon and the supervisor ends the app. It asks the file system for its free space every
 * DISK_LOOK_MS, which costs next to nothing, and looks through all apps when that has shrunk by
 * DISK_STEP_OCTETS or DISK_STEP_FILES, and every DISK_ROUND_MS in any case. After a round it rests
 * DISK_REST times as long as the round took. At full speed, on two cores that others used too, apps
 * came up to 8 MB and 620 files further than they might. Not seen are files without a name that
 * nothing has open: those that are only mapped, or on their way through a socket.
 *
 * Owns:     its thread and duplicates of the descriptors given; disk_watch_free() ends it.
 * Borrows:  `files`, any descriptor on the apps' file system, during disk_watch_new(); `wake`, an
 *           eventfd, for its life: it is written to when an app is over its limits.
 * Fails as: internal.
 * Threads:  any, except new and free.
 */
#ifndef ISEKAI_SANDBOX_DISK_WATCH_H
#define ISEKAI_SANDBOX_DISK_WATCH_H

#include "actors/sandbox/disk_measure.h"
#include "schemas/fault.h"

enum {
    DISK_LOOK_MS = 50,
    DISK_ROUND_MS = 5000,
    DISK_REST = 3,
    DISK_STEP_OCTETS = 4 << 20,
    DISK_STEP_FILES = 500,
};

struct disk_watch;

/* One run: where it may write, what it may hold. */
struct disk_watched {
    uint64_t number;            /* names it; not 0 */
    int app, data;              /* its directories; borrowed, during the call */
    uint64_t octets_max, entries_max;
};

struct disk_watch *disk_watch_new(int files, int wake, struct fault *fault);
void disk_watch_free(struct disk_watch *self);          /* NULL is welcome */

/* It is looked at at once. */
bool disk_watch_add(struct disk_watch *self, const struct disk_watched *what, struct fault *fault);
/* The process that all of the run's processes descend from: files they hold open count too. */
void disk_watch_follow(struct disk_watch *self, uint64_t number, pid_t top);
/* Nothing is said of it from then on. */
void disk_watch_remove(struct disk_watch *self, uint64_t number);

/* A run that was found over its limits and has not been told of yet; false: none. */
bool disk_watch_next_over(struct disk_watch *self, uint64_t *number, struct disk_usage *usage);
/* What a run held when it was last looked at; zero when it never was. */
struct disk_usage disk_watch_last(struct disk_watch *self, uint64_t number);

#endif
