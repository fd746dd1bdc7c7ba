/* locks.c - the locks of an app's versions; see locks.h. */
#include "actors/sandbox/locks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/sandbox/tree.h"
#include "actors/sandbox/workspace.h"
#include "bus/owned.h"

enum { NAME_SIZE = 24 + INSTALL_KEY_SIZE + 8 };

static void lock_name(uint64_t version, const char *key, char out[NAME_SIZE])
{
    (void) snprintf(out, NAME_SIZE, "%" PRIu64 "-%s.json", version, key);
}

/* "{version}-{key}.json"; what is named otherwise is none of ours. */
static bool read_name(const char *name, uint64_t *version, char key[INSTALL_KEY_SIZE])
{
    char *rest, again[NAME_SIZE];

    *version = strtoull(name, &rest, 10);
    if (*rest != '-' || strlen(rest + 1) < INSTALL_KEY_SIZE - 1)
        return false;
    (void) snprintf(key, INSTALL_KEY_SIZE, "%s", rest + 1);
    lock_name(*version, key, again);
    return strcmp(again, name) == 0 && key[strspn(key, "0123456789abcdef")] == '\0';
}

static DIR *open_locks(int app)
{
    OWNED(fd) int fd = tree_open_directory(app, "locks");
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir)
        (void) fd_take(&fd);                /* the stream's now */
    return dir;
}

static void remove_if(int app, bool (*is_meant)(void *self, uint64_t version, const char *name),
                      void *self)
{
    DIR *dir = open_locks(app);
    char key[INSTALL_KEY_SIZE];
    struct dirent *entry;
    uint64_t version;

    while (dir && (entry = readdir(dir)))
        if (read_name(entry->d_name, &version, key) && is_meant(self, version, entry->d_name))
            (void) unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        (void) closedir(dir);
}

struct kept { uint64_t version; const char *name; };

static bool is_older(void *self, uint64_t version, const char *name)
{
    const struct kept *kept = self;

    return version == kept->version && strcmp(name, kept->name) != 0;
}

bool locks_put(int app, uint64_t version, const char *key, struct text lock, struct fault *fault)
{
    OWNED(fd) int dir = tree_make_directory(app, "locks", 0700, fault);
    char name[NAME_SIZE];

    if (dir < 0)
        return false;
    lock_name(version, key, name);
    (void) unlinkat(dir, ".new", 0);
    if (!tree_write(dir, TEXT_OF(".new"), lock, 0, fault))
        return false;
    if (renameat(dir, ".new", dir, name) < 0)
        return tree_fault(fault, "put a lock in its place");
    struct kept kept = {version, name};
    remove_if(app, is_older, &kept);
    return true;
}

bool locks_has(int app, uint64_t version, const char *key)
{
    OWNED(fd) int dir = tree_open_directory(app, "locks");
    char name[NAME_SIZE];

    lock_name(version, key, name);
    return dir >= 0 && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_orphan(void *app, uint64_t version, const char *name)
{
    (void) name;
    return !workspace_has_version(*(const int *)app, version);
}

void locks_prune(int app)
{
    remove_if(app, is_orphan, &app);
}

void locks_each(int app, void (*each)(void *self, const char *key), void *each_self)
{
    DIR *dir = open_locks(app);
    char key[INSTALL_KEY_SIZE];
    struct dirent *entry;
    uint64_t version;

    while (dir && (entry = readdir(dir)))
        if (read_name(entry->d_name, &version, key))
            each(each_self, key);
    if (dir)
        (void) closedir(dir);
}
