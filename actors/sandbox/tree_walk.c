/* tree_walk.c - showing what lies below a directory that others may be changing.
 *
 * Directories are walked breadth first, by their paths, so that depth costs nothing.
 */
#include "actors/sandbox/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/owned.h"

enum { DIRECTORIES_FIRST = 16 };

static const char too_deep[] = "nested too deeply";

struct walk {
    int root;
    const struct tree_visitor *visitor;
    uint32_t entries_left;
    char **paths;
    size_t count, capacity;
};

static bool push_path(struct walk *walk, const char *path, struct fault *fault)
{
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity ? walk->capacity * 2 : DIRECTORIES_FIRST;
        char **paths = realloc(walk->paths, capacity * sizeof *paths);
        if (!paths)
            return fault_set(fault, FAULT_internal, "no memory to walk files");
        walk->paths = paths;
        walk->capacity = capacity;
    }
    walk->paths[walk->count] = strdup(path);
    if (!walk->paths[walk->count])
        return fault_set(fault, FAULT_internal, "no memory to walk files");
    walk->count++;
    return true;
}

static void leave_out(const struct walk *walk, const char *path, const char *why)
{
    if (walk->visitor->left_out)
        walk->visitor->left_out(walk->visitor->self, path, why);
}

/* It may be gone or have turned into something else meanwhile. */
static bool show_file(struct walk *walk, int parent, const char *name, const char *path,
                      struct fault *fault)
{
    OWNED(fd) int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat about;

    if (fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
        return walk->visitor->file(walk->visitor->self, path, fd, &about, fault);
    if (fd >= 0 || errno != ENOENT)
        leave_out(walk, path, "cannot be read");
    return true;
}

static const char *kind_of(mode_t mode)
{
    return S_ISLNK(mode) ? "a symbolic link" : S_ISFIFO(mode) ? "a pipe"
           : S_ISSOCK(mode) ? "a socket" : "a device";
}

static bool show_entry(struct walk *walk, int parent, const char *above, const char *name,
                       struct fault *fault)
{
    const struct tree_visitor *visitor = walk->visitor;
    char path[PATH_MAX];
    struct stat about;

    if (walk->entries_left-- == 0)
        return fault_set(fault, FAULT_too_large, "the files are too many");
    if (snprintf(path, sizeof path, "%s%s%s", above, *above ? "/" : "", name) >=
        (int)sizeof path) {
        leave_out(walk, above, too_deep);
        return visitor->left_out ||
               fault_set(fault, FAULT_too_large, "the files are nested too deeply");
    }
    if (fstatat(parent, name, &about, AT_SYMLINK_NOFOLLOW) < 0)
        return true;
    if (S_ISREG(about.st_mode))
        return show_file(walk, parent, name, path, fault);
    if (S_ISDIR(about.st_mode))
        return visitor->directory(visitor->self, path, fault) && push_path(walk, path, fault);
    leave_out(walk, path, kind_of(about.st_mode));
    return true;
}

static bool show_directory(struct walk *walk, const char *path, struct fault *fault)
{
    OWNED(fd) int fd = tree_open_directory(walk->root, *path ? path : ".");
    struct dirent *entry;
    bool going = true;

    if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == EACCES || errno == ENOTDIR)) {
        leave_out(walk, path, "cannot be read");
        return true;
    }
    if (fd < 0)
        return tree_fault(fault, "open a directory");
    DIR *dir = fdopendir(fd);
    if (!dir)
        return tree_fault(fault, "fdopendir");
    int parent = fd_take(&fd);          /* the stream's now */
    while (going && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            going = show_entry(walk, parent, path, entry->d_name, fault);
    (void) closedir(dir);
    return going;
}

bool tree_walk(int root, uint32_t entries_max, const struct tree_visitor *visitor,
               struct fault *fault)
{
    struct walk walk = {.root = root, .visitor = visitor, .entries_left = entries_max};
    bool going = push_path(&walk, "", fault);

    for (size_t i = 0; going && i < walk.count; i++)
        going = show_directory(&walk, walk.paths[i], fault);
    for (size_t i = 0; i < walk.count; i++)
        free(walk.paths[i]);
    free(walk.paths);
    return going;
}
