/* tree_walk.c - showing what lies below a directory that others may be changing.
 *
 * Directories are walked breadth first, by their paths, so that depth costs no descriptors.
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

/* A directory that was seen: its own name and who holds it, for a hundred thousand whole paths are
 * more memory than an app may cost. */
struct below { char *name; size_t parent; };

struct walk {
    int root;
    const struct tree_visitor *visitor;
    uint32_t entries_left;
    struct below *found;
    size_t count, capacity;
};

static bool push(struct walk *walk, size_t parent, const char *name, struct fault *fault)
{
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity ? walk->capacity * 2 : DIRECTORIES_FIRST;
        struct below *found = realloc(walk->found, capacity * sizeof *found);
        if (!found)
            return fault_set(fault, FAULT_internal, "no memory to walk files");
        walk->found = found;
        walk->capacity = capacity;
    }
    walk->found[walk->count] = (struct below){strdup(name), parent};
    if (!walk->found[walk->count].name)
        return fault_set(fault, FAULT_internal, "no memory to walk files");
    walk->count++;
    return true;
}

/* The path of a directory that was seen; show_entry() has bounded it. "" for the first, the root. */
static const char *path_of(const struct walk *walk, size_t number, char path[PATH_MAX])
{
    size_t at = PATH_MAX - 1;

    path[at] = '\0';
    for (; number > 0; number = walk->found[number].parent) {
        size_t size = strlen(walk->found[number].name);
        if (path[at])
            path[--at] = '/';
        at -= size;
        memcpy(path + at, walk->found[number].name, size);
    }
    return path + at;
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

static bool show_entry(struct walk *walk, int parent, size_t number, const char *above,
                       const char *name, struct fault *fault)
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
        return visitor->directory(visitor->self, path, fault) && push(walk, number, name, fault);
    leave_out(walk, path, kind_of(about.st_mode));
    return true;
}

static bool show_directory(struct walk *walk, size_t number, struct fault *fault)
{
    char space[PATH_MAX];
    const char *path = path_of(walk, number, space);
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
            going = show_entry(walk, parent, number, path, entry->d_name, fault);
    (void) closedir(dir);
    return going;
}

bool tree_walk(int root, uint32_t entries_max, const struct tree_visitor *visitor,
               struct fault *fault)
{
    struct walk walk = {.root = root, .visitor = visitor, .entries_left = entries_max};
    bool going = push(&walk, 0, "", fault);

    for (size_t i = 0; going && i < walk.count; i++)
        going = show_directory(&walk, i, fault);
    for (size_t i = 0; i < walk.count; i++)
        free(walk.found[i].name);
    free(walk.found);
    return going;
}
