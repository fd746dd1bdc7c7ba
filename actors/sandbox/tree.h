/* tree.h - writing, walking, copying and removing directory trees that an app may have shaped.
 *
 * Every step goes through a descriptor; no link is followed (openat2 with RESOLVE_BENEATH and
 * RESOLVE_NO_SYMLINKS, or O_NOFOLLOW), nothing is changed by path, and neither depth nor number
 * of entries costs stack or descriptors.
 *
 * Borrows:  descriptors, during the call.
 * Units:    octets; `owner` 0 leaves new files to the caller's own uid.
 * Fails as: disk_full, too_large (bounds of a copy), malformed (a path that leads out),
 *           internal. What a failed call has made stays for tree_empty().
 */
#ifndef ISEKAI_SANDBOX_TREE_H
#define ISEKAI_SANDBOX_TREE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "schemas/fault.h"
#include "schemas/text.h"

/* Make `path` with its directories below `root` and fill it. It must not exist. */
bool tree_write(int root, struct text path, struct text content, uid_t owner, struct fault *fault);

enum { TREE_GIVE_DEPTH_MAX = 72 };     /* what apps may have below /data, and more */

struct tree_bounds {
    uint64_t octets_max;
    uint32_t entries_max;
    bool for_everybody;             /* readable by all, and not by the owner alone */
};

/* Who is shown what lies below a directory, a directory before what is in it. Paths are relative to
 * it and borrowed during the call. False from one of them, with a fault, ends the walk. */
struct tree_visitor {
    void *self;
    bool (*directory)(void *self, const char *path, struct fault *fault);
    /* A regular file, open for reading. */
    bool (*file)(void *self, const char *path, int fd, const struct stat *about,
                 struct fault *fault);
    /* Links, sockets, pipes, devices, and what cannot be opened or is nested too deeply for a path. NULL:
     * nobody asks, and too deep is too_large. */
    void (*left_out)(void *self, const char *path, const char *why);
};

/* Show every entry below `root`, which others may be changing; not more than entries_max, or it is
 * too_large. What is gone before it could be opened is passed over. */
bool tree_walk(int root, uint32_t entries_max, const struct tree_visitor *visitor,
               struct fault *fault);

/* Copy directories and regular files of `from` into the empty directory `to`. Links, sockets and
 * devices are left out, which `watcher` is told (NULL: nobody); of a hard-linked file the content is
 * copied. */
struct tree_watcher {
    void *self;
    void (*left_out)(void *self, const char *path, const char *why);
};
bool tree_copy(int from, int to, uid_t owner, const struct tree_bounds *bounds,
               const struct tree_watcher *watcher, struct fault *fault);

/* Make `owner` the owner of every entry below `dir`, links themselves and not what they name; 0:
 * only look. Not more entries than bounds->entries_max nor deeper than TREE_GIVE_DEPTH_MAX, or it
 * is too_large. Nobody may be changing it. */
bool tree_give(int dir, uid_t owner, const struct tree_bounds *bounds, struct fault *fault);

/* Remove everything in `dir`, however deep and whatever its modes. Nobody may be changing it. */
bool tree_empty(int dir, struct fault *fault);

/* Remove `name` in `parent`, whatever it is; true when there is nothing of that name. */
bool tree_remove(int parent, const char *name, struct fault *fault);

/* Open a directory below `root`; -1 and errno. */
int tree_open_directory(int root, const char *path);

/* Open a directory of ours, made if it is not there, of that mode; -1 with a fault. */
int tree_make_directory(int parent, const char *name, mode_t mode, struct fault *fault);

/* Which fault a failed write is: disk_full for a full disk or quota, else internal. */
bool tree_fault(struct fault *fault, const char *doing);

#endif
