/* tree.c - writing and copying directory trees that an app may have shaped; see tree.h. */
#include "actors/sandbox/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bus/owned.h"

enum { PIECE_OCTETS = 1 << 20, DIRECTORIES_FIRST = 16 };

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

/* ---- copying ---- */

/* Directories are walked breadth first, by their paths, so that depth costs nothing. */
struct copy {
    int from, to;
    uid_t owner;
    mode_t more;                /* rights beside the owner's */
    uint64_t octets_left;
    uint32_t entries_left;
    char **paths;
    size_t count, capacity;
};

static bool push_path(struct copy *copy, const char *above, const char *name, struct fault *fault)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s%s%s", *above ? above : "", *above ? "/" : "", name);

    if (size >= (int)sizeof path)
        return fault_set(fault, FAULT_too_large, "the files are nested too deeply");
    if (copy->count == copy->capacity) {
        size_t capacity = copy->capacity ? copy->capacity * 2 : DIRECTORIES_FIRST;
        char **paths = realloc(copy->paths, capacity * sizeof *paths);
        if (!paths)
            return fault_set(fault, FAULT_internal, "no memory to copy files");
        copy->paths = paths;
        copy->capacity = capacity;
    }
    copy->paths[copy->count] = strdup(path);
    if (!copy->paths[copy->count])
        return fault_set(fault, FAULT_internal, "no memory to copy files");
    copy->count++;
    return true;
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
            return fault_set(fault, FAULT_too_large, "the files are too many octets to copy");
        copy->octets_left -= (uint64_t)size;
    }
}

/* Read what the owner reads, enter or execute what the owner may. */
static bool open_to_others(const struct copy *copy, int fd, struct fault *fault)
{
    struct stat about;

    if (copy->more == 0)
        return true;
    if (fstat(fd, &about) < 0)
        return tree_fault(fault, "fstat");
    mode_t rights = about.st_mode & 0700;
    return fchmod(fd, rights | ((rights >> 3 | rights >> 6) & copy->more)) == 0 ||
           tree_fault(fault, "fchmod");
}

static bool copy_file(struct copy *copy, int from, int to, const char *name, struct fault *fault)
{
    OWNED(fd) int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat about;

    if (source < 0 || fstat(source, &about) < 0 || !S_ISREG(about.st_mode))
        return true;                    /* gone or turned into something else meanwhile */
    OWNED(fd) int target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                  0600 | (about.st_mode & 0111));
    if (target < 0)
        return tree_fault(fault, "create a copy");
    return copy_octets(copy, source, target, fault) && open_to_others(copy, target, fault) &&
           give_to(target, copy->owner, fault);
}

static bool copy_entry(struct copy *copy, int from, int to, const char *above, const char *name,
                       struct fault *fault)
{
    struct stat about;

    if (copy->entries_left-- == 0)
        return fault_set(fault, FAULT_too_large, "the files are too many to copy");
    if (fstatat(from, name, &about, AT_SYMLINK_NOFOLLOW) < 0)
        return true;
    if (S_ISREG(about.st_mode))
        return copy_file(copy, from, to, name, fault);
    if (!S_ISDIR(about.st_mode))
        return true;
    if (mkdirat(to, name, 0700) < 0)
        return tree_fault(fault, "mkdir");
    OWNED(fd) int made = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made < 0)
        return tree_fault(fault, "open a new directory");
    return open_to_others(copy, made, fault) && give_to(made, copy->owner, fault) &&
           push_path(copy, above, name, fault);
}

static bool copy_directory(struct copy *copy, const char *path, struct fault *fault)
{
    OWNED(fd) int from = tree_open_directory(copy->from, *path ? path : ".");
    OWNED(fd) int to = tree_open_directory(copy->to, *path ? path : ".");
    struct dirent *entry;
    bool copied = true;

    if (from < 0)
        return errno == ENOENT || errno == ELOOP || errno == EACCES ||
               tree_fault(fault, "open a directory to copy");
    if (to < 0)
        return tree_fault(fault, "open a new directory");
    DIR *dir = fdopendir(from);
    if (!dir)
        return tree_fault(fault, "fdopendir");
    int source = fd_take(&from);        /* the stream's now */
    while (copied && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            copied = copy_entry(copy, source, to, path, entry->d_name, fault);
    (void) closedir(dir);
    return copied;
}

bool tree_copy(int from, int to, uid_t owner, const struct tree_bounds *bounds,
               struct fault *fault)
{
    struct copy copy = {.from = from, .to = to, .owner = owner,
                        .more = bounds->for_everybody ? 0055 : 0,
                        .octets_left = bounds->octets_max, .entries_left = bounds->entries_max};
    bool copied = push_path(&copy, "", "", fault);

    for (size_t i = 0; copied && i < copy.count; i++)
        copied = copy_directory(&copy, copy.paths[i], fault);
    for (size_t i = 0; i < copy.count; i++)
        free(copy.paths[i]);
    free(copy.paths);
    return copied;
}
