/* tree_give.c - a tree becomes another user's, entry by entry, with a descriptor per level. */
#include "actors/sandbox/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/owned.h"

struct gift {
    uid_t owner;
    uint32_t entries_left;
    DIR *levels[TREE_GIVE_DEPTH_MAX];
    size_t depth;
};

static bool enter(struct gift *gift, int parent, const char *name, struct fault *fault)
{
    OWNED(fd) int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (gift->depth == TREE_GIVE_DEPTH_MAX)
        return fault_set(fault, FAULT_too_large, "the files are nested too deeply");
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir)
        return tree_fault(fault, "open a directory");
    (void) fd_take(&fd);                /* the stream's now */
    gift->levels[gift->depth++] = dir;
    return true;
}

static bool is_directory(int parent, const struct dirent *entry)
{
    struct stat about;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(parent, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(about.st_mode);
}

static bool give(struct gift *gift, int parent, const struct dirent *entry, struct fault *fault)
{
    if (gift->entries_left-- == 0)
        return fault_set(fault, FAULT_too_large, "the files are too many");
    if (gift->owner != 0 && fchownat(parent, entry->d_name, gift->owner, (gid_t)gift->owner,
                                     AT_SYMLINK_NOFOLLOW) < 0)
        return tree_fault(fault, "fchownat");
    return !is_directory(parent, entry) || enter(gift, parent, entry->d_name, fault);
}

bool tree_give(int dir, uid_t owner, const struct tree_bounds *bounds, struct fault *fault)
{
    struct gift gift = {.owner = owner, .entries_left = bounds->entries_max};
    bool given = enter(&gift, dir, ".", fault);

    while (given && gift.depth > 0) {
        DIR *level = gift.levels[gift.depth - 1];
        const struct dirent *entry = readdir(level);
        if (!entry)
            (void) closedir(gift.levels[--gift.depth]);
        else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            given = give(&gift, dirfd(level), entry, fault);
    }
    while (gift.depth > 0)
        (void) closedir(gift.levels[--gift.depth]);
    return given;
}
