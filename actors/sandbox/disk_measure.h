/* disk_measure.h - how much disk an app holds, however it has shaped its directories.
 *
 * Blocks are counted, not lengths: a sparse file costs what it really takes. Nothing is followed,
 * neither depth nor number of entries costs stack, and a walk ends as soon as it is over a bound.
 * Without root's rights a directory that its owner has shut to itself is opened to it again.
 *
 * Borrows:  descriptors, during the call.
 * Units:    octets; an entry is a file, a directory, a link, a socket.
 * Threads:  any.
 */
#ifndef ISEKAI_SANDBOX_DISK_MEASURE_H
#define ISEKAI_SANDBOX_DISK_MEASURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    DISK_DEPTH_MAX = 64,
    DISK_UNLINKED_MAX = 4096,
    DISK_PIDS_MAX = 8192,
    DISK_LOOKS_MAX = 200000,    /* descriptors and mappings of an app's processes together */
};

struct disk_usage {
    uint64_t octets, entries;
    bool is_hidden;             /* something cannot be counted: too deep, shut again and again, too many */
};

struct disk_bounds {
    uint64_t octets_max, entries_max;
    const atomic_bool *cancelled;       /* NULL: nobody cancels */
};

bool disk_is_over(const struct disk_usage *usage, const struct disk_bounds *bounds);

/* Add what lies below `dir` to `usage`. */
void disk_measure(int dir, const struct disk_bounds *bounds, struct disk_usage *usage);

/* Add the files of `owner` on `device` that have no name any more and are held open, or mapped, by process
 * `top` or one that descends from it. What waits in a socket to be received is not seen. */
void disk_measure_unlinked(pid_t top, dev_t device, uid_t owner, const struct disk_bounds *bounds,
                           struct disk_usage *usage);

#endif
