/* tree_copy.c - copying a tree that an app may be changing; see tree.h. */
#include "actors/sandbox/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>

#include "bus/owned.h"

enum { PIECE_OCTETS = 1 << 20 };

struct copy {
    int to;
    uid_t owner;
    mode_t more;                /* rights beside the owner's */
    uint64_t octets_left;
    const struct tree_watcher *watcher;
    int above;                  /* the directory that was written to last, and its path */
    char above_path[PATH_MAX];
};

static bool too_large(struct fault *fault)
{
    return fault_set(fault, FAULT_too_large, "the files are too many octets");
}

static bool copy_octets(struct copy *copy, int from, int to, struct fault *fault)
{
    for (;;) {
        ssize_t size = sendfile(to, from, NULL, PIECE_OCTETS);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return tree_fault(fault, "copy a file");
        if (size == 0)
            return true;
        if ((uint64_t)size > copy->octets_left)
            return too_large(fault);
        copy->octets_left -= (uint64_t)size;
    }
}

/* Read what the owner reads, enter or execute what the owner may; then it is the owner's. */
static bool give_to(const struct copy *copy, int fd, struct fault *fault)
{
    struct stat about;

    if (copy->more != 0) {
        if (fstat(fd, &about) < 0)
            return tree_fault(fault, "fstat");
        mode_t rights = about.st_mode & 0700;
        if (fchmod(fd, rights | ((rights >> 3 | rights >> 6) & copy->more)) < 0)
            return tree_fault(fault, "fchmod");
    }
    return copy->owner == 0 || fchown(fd, copy->owner, (gid_t)copy->owner) == 0 ||
           tree_fault(fault, "fchown");
}

static bool keep_time(int fd, const struct stat *about, struct fault *fault)
{
    const struct timespec times[2] = {about->st_mtim, about->st_mtim};

    return futimens(fd, times) == 0 || tree_fault(fault, "futimens");
}

/* Entries of one directory come one after another: it is opened once. Gives the entry's own name. */
static const char *open_above(struct copy *copy, const char *path, struct fault *fault)
{
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];

    (void) snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 1,
                    slash ? path : ".");
    if (copy->above < 0 || strcmp(parent, copy->above_path) != 0) {
        fd_drop(&copy->above);
        copy->above = tree_open_directory(copy->to, parent);
        (void) snprintf(copy->above_path, sizeof copy->above_path, "%s", parent);
    }
    if (copy->above >= 0)
        return slash ? slash + 1 : path;
    (void) tree_fault(fault, "open a new directory");
    return NULL;
}

static bool copy_file(void *self, const char *path, int from, const struct stat *about,
                      struct fault *fault)
{
    struct copy *copy = self;

    if ((uint64_t)about->st_size > copy->octets_left)   /* a sparse one would fill the disk first */
        return too_large(fault);
    const char *name = open_above(copy, path, fault);
    if (!name)
        return false;
    OWNED(fd) int to = openat(copy->above, name,
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                              0600 | (about->st_mode & 0111));
    if (to < 0)
        return tree_fault(fault, "create a copy");
    return copy_octets(copy, from, to, fault) && keep_time(to, about, fault) &&
           give_to(copy, to, fault);
}

static bool copy_directory(void *self, const char *path, struct fault *fault)
{
    struct copy *copy = self;

    const char *name = open_above(copy, path, fault);

    if (!name)
        return false;
    if (mkdirat(copy->above, name, 0700) < 0)
        return tree_fault(fault, "mkdir");
    OWNED(fd) int made = openat(copy->above, name,
                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made < 0)
        return tree_fault(fault, "open a new directory");
    return give_to(copy, made, fault);
}

static void tell_left_out(void *self, const char *path, const char *why)
{
    const struct copy *copy = self;

    copy->watcher->left_out(copy->watcher->self, path, why);
}

bool tree_copy(int from, int to, uid_t owner, const struct tree_bounds *bounds,
               const struct tree_watcher *watcher, struct fault *fault)
{
    struct copy copy = {.to = to, .owner = owner, .more = bounds->for_everybody ? 0055 : 0,
                        .octets_left = bounds->octets_max, .watcher = watcher, .above = -1};
    const struct tree_visitor visitor = {.self = &copy, .directory = copy_directory,
                                         .file = copy_file,
                                         .left_out = watcher ? tell_left_out : NULL};

    bool copied = tree_walk(from, bounds->entries_max, &visitor, fault);
    fd_drop(&copy.above);
    return copied;
}
