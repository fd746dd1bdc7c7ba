/* tree_remove.c - removing a tree of any depth with three descriptors.
 *
 * Whatever directory is found not empty is moved up into the root of the removal under a name
 * of ours and emptied there, so nothing is ever walked deeper than one level.
 */
#include "actors/sandbox/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bus/owned.h"

enum { NAME_SIZE = 32, PASSES_MAX = 1000000 };

struct removal {
    int root;
    unsigned long moved;        /* names given so far */
};

/* Open a directory for reading and changing even when its owner has shut it. */
static int open_directory(int parent, const char *name)
{
    char link[NAME_SIZE];
    OWNED(fd) int path = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat about;

    if (path < 0 || fstat(path, &about) < 0)
        return -1;
    if ((about.st_mode & 0700) != 0700) {
        (void) snprintf(link, sizeof link, "/proc/self/fd/%d", path);
        (void) chmod(link, 0700);       /* the very directory that is open, by its descriptor */
    }
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool move_up(struct removal *removal, int parent, const char *name)
{
    char fresh[NAME_SIZE];

    do
        (void) snprintf(fresh, sizeof fresh, ".isekai-%lu", removal->moved++);
    while (renameat2(parent, name, removal->root, fresh, RENAME_NOREPLACE) < 0 && errno == EEXIST);
    return faccessat(parent, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

static bool is_directory_error(int error)
{
    return error == EISDIR || error == EPERM;
}

/* A file, an empty directory, or a directory that can be moved to the root. */
static bool drop_entry(struct removal *removal, int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    if (!is_directory_error(errno))
        return false;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
        return true;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return false;
    OWNED(fd) int opened = open_directory(parent, name);    /* its own mode decides on moving it */
    return opened >= 0 && move_up(removal, parent, name);
}

typedef bool drop(struct removal *removal, int parent, const char *name);

/* Call `each` for all entries until a pass finds none; false when a pass changes nothing. */
static bool drop_all(struct removal *removal, int directory, drop *each)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    bool found = true, dropped = true;

    if (!dir) {
        fd_drop(&copy);
        return false;
    }
    for (int pass = 0; found && dropped && pass < PASSES_MAX; pass++) {
        struct dirent *entry;
        found = dropped = false;
        while ((entry = readdir(dir))) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            found = true;
            dropped |= each(removal, directory, entry->d_name);
        }
        rewinddir(dir);
    }
    (void) closedir(dir);
    return !found;
}

/* An entry of the root: what is not empty is emptied where it is. */
static bool drop_root_entry(struct removal *removal, int root, const char *name)
{
    if (unlinkat(root, name, 0) == 0 || errno == ENOENT)
        return true;
    if (!is_directory_error(errno))
        return false;
    OWNED(fd) int directory = open_directory(root, name);
    return directory >= 0 && drop_all(removal, directory, drop_entry) &&
           unlinkat(root, name, AT_REMOVEDIR) == 0;
}

bool tree_empty(int dir, struct fault *fault)
{
    struct removal removal = {.root = dir};

    if (drop_all(&removal, dir, drop_root_entry))
        return true;
    return tree_fault(fault, "remove files");
}

bool tree_remove(int parent, const char *name, struct fault *fault)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    OWNED(fd) int directory = open_directory(parent, name);
    if (directory < 0)
        return tree_fault(fault, "open what is to be removed");
    if (!tree_empty(directory, fault))
        return false;
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 || tree_fault(fault, "rmdir");
}
