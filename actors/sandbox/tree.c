/* tree.c - opening and writing below a directory that an app may have shaped; see tree.h. */
#include "actors/sandbox/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bus/owned.h"

bool tree_fault(struct fault *fault, const char *doing)
{
    bool is_full = errno == ENOSPC || errno == EDQUOT;

    return fault_set(fault, is_full ? FAULT_disk_full : FAULT_internal, "%s: %s", doing,
                     strerror(errno));
}

static int open_beneath(int root, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC | O_NOFOLLOW,
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

int tree_open_directory(int root, const char *path)
{
    return open_beneath(root, path, O_RDONLY | O_DIRECTORY, 0);
}

int tree_make_directory(int parent, const char *name, mode_t mode, struct fault *fault)
{
    if (mkdirat(parent, name, mode) < 0 && errno != EEXIST) {
        (void) tree_fault(fault, "mkdir");
        (void) fault_while(fault, "'%s'", name);
        return -1;
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, mode) < 0) {
        (void) fault_set(fault, FAULT_internal, "directory '%s': %s", name, strerror(errno));
        fd_drop(&fd);
    }
    return fd;
}

static bool give_to(int fd, uid_t owner, struct fault *fault)
{
    if (owner == 0 || fchown(fd, owner, (gid_t)owner) == 0)
        return true;
    return tree_fault(fault, "fchown");
}

/* ---- writing ---- */

static bool make_directory(int root, const char *path, uid_t owner, struct fault *fault)
{
    char parent[PATH_MAX];
    const char *name = strrchr(path, '/');
    OWNED(fd) int above = -1;
    OWNED(fd) int made = -1;

    (void) snprintf(parent, sizeof parent, "%.*s", name ? (int)(name - path) : 1,
                    name ? path : ".");
    above = tree_open_directory(root, parent);
    if (above < 0)
        return tree_fault(fault, "open a directory");
    if (mkdirat(above, name ? name + 1 : path, 0700) < 0)
        return errno == EEXIST || tree_fault(fault, "mkdir");
    made = tree_open_directory(root, path);
    if (made < 0)
        return tree_fault(fault, "open a new directory");
    return give_to(made, owner, fault);
}

static bool make_parents(int root, char *path, uid_t owner, struct fault *fault)
{
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool made = make_directory(root, path, owner, fault);
        *slash = '/';
        if (!made)
            return false;
    }
    return true;
}

static bool write_all(int fd, struct text content, struct fault *fault)
{
    while (content.size > 0) {
        ssize_t written = write(fd, content.at, content.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return tree_fault(fault, "write a file");
        content.at += written;
        content.size -= (size_t)written;
    }
    return true;
}

bool tree_write(int root, struct text path, struct text content, uid_t owner, struct fault *fault)
{
    char name[PATH_MAX];

    if (!text_is_file_path(path) || !text_to_string(path, name, sizeof name))
        return fault_set(fault, FAULT_malformed, "Invalid file path");
    if (!make_parents(root, name, owner, fault))
        return false;
    OWNED(fd) int fd = open_beneath(root, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 && (errno == EEXIST || errno == EISDIR || errno == ENOTDIR))
        return fault_set(fault, FAULT_malformed, "'%s' is both a file and a directory", name);
    if (fd < 0)
        return tree_fault(fault, "create a file");
    return write_all(fd, content, fault) && give_to(fd, owner, fault);
}
