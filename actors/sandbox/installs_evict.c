/* installs_evict.c - what no app uses goes when all that is installed is too much; see installs.h. */
#include "actors/sandbox/installs_inside.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/sandbox/locks.h"
#include "bus/log.h"
#include "bus/owned.h"

struct tree {
    char key[INSTALL_KEY_SIZE];
    struct timespec used;
    uint64_t octets;
    bool is_in_use;
};

struct trees { struct installs *installs; struct tree *at; size_t count, capacity; };

/* ---- what there is ---- */

static uint64_t octets_of(int place, const char *key)
{
    char path[INSTALL_KEY_SIZE + 16], number[24];

    (void) snprintf(path, sizeof path, "%s/octets", key);
    OWNED(fd) int fd = openat(place, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, number, sizeof number - 1) : -1;
    if (size <= 0)
        return 0;
    number[size] = '\0';
    return strtoull(number, NULL, 10);
}

static bool add(struct trees *trees, int place, const char *key)
{
    struct stat about;

    if (strlen(key) != INSTALL_KEY_SIZE - 1 || fstatat(place, key, &about, AT_SYMLINK_NOFOLLOW) < 0)
        return true;
    if (trees->count == trees->capacity) {
        size_t capacity = trees->capacity ? 2 * trees->capacity : 64;
        struct tree *more = realloc(trees->at, capacity * sizeof *more);
        if (!more)
            return false;
        trees->at = more;
        trees->capacity = capacity;
    }
    struct tree *tree = &trees->at[trees->count++];
    *tree = (struct tree){.used = about.st_mtim, .octets = octets_of(place, key)};
    (void) snprintf(tree->key, sizeof tree->key, "%s", key);
    return true;
}

static void list(struct trees *trees)
{
    int place = trees->installs->place;
    int copy = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) && add(trees, place, entry->d_name))
        continue;
    if (dir)
        (void) closedir(dir);
    else
        fd_drop(&copy);
}

/* ---- what is in use ---- */

static int by_key(const void *left, const void *right)
{
    return strcmp(((const struct tree *)left)->key, ((const struct tree *)right)->key);
}

static void mark(void *self, const char *key)
{
    struct trees *trees = self;
    struct tree wanted = {.is_in_use = true};

    (void) snprintf(wanted.key, sizeof wanted.key, "%s", key);
    struct tree *found = bsearch(&wanted, trees->at, trees->count, sizeof *trees->at, by_key);
    if (found)
        found->is_in_use = true;
}

static bool mark_of_app(void *self, const char *app_id)
{
    struct trees *trees = self;
    struct fault ignored;
    OWNED(fd) int app = workspace_app(trees->installs->parts.workspace, app_id, /* make= */ false,
                                      &ignored);

    if (app >= 0)
        locks_each(app, mark, trees);
    return true;
}

/* ---- removing ---- */

static int by_use(const void *left_, const void *right_)
{
    const struct timespec *left = &((const struct tree *)left_)->used;
    const struct timespec *right = &((const struct tree *)right_)->used;

    if (left->tv_sec != right->tv_sec)
        return left->tv_sec < right->tv_sec ? -1 : 1;
    return (left->tv_nsec > right->tv_nsec) - (left->tv_nsec < right->tv_nsec);
}

static uint64_t sum(const struct trees *trees)
{
    uint64_t octets = 0;

    for (size_t i = 0; i < trees->count; i++)
        octets += trees->at[i].octets;
    return octets;
}

static void remove_some(struct trees *trees, uint64_t octets)
{
    struct installs *installs = trees->installs;
    uint64_t most = installs->host.cache_octets_max;
    struct fault fault;

    qsort(trees->at, trees->count, sizeof *trees->at, by_key);
    for (int i = 0; i < INSTALLS_AT_ONCE; i++)
        mark(trees, installs->under_way[i]);        /* whole, but not yet named by its app */
    /* Without having seen every app nothing is known to be unused. */
    if (!workspace_each(installs->parts.workspace, mark_of_app, trees, &fault))
        return;
    qsort(trees->at, trees->count, sizeof *trees->at, by_use);
    for (size_t i = 0; octets > most && i < trees->count; i++) {
        const struct tree *tree = &trees->at[i];
        if (tree->is_in_use ||
            !workspace_discard(installs->parts.workspace, installs->place, tree->key, &fault))
            continue;
        octets -= tree->octets;
        log_line(LOG_INFO, NULL, "install_removed key=%.16s octets=%" PRIu64, tree->key,
                 tree->octets);
    }
    sweeper_wake(installs->parts.sweeper);
    if (octets > most)
        log_line(LOG_WARN, NULL, "installs_over octets=%" PRIu64 " most=%" PRIu64 " why=\"apps use all of "
                 "them\" next=\"raise INSTALL_CACHE_MB or remove apps\"", octets, most);
}

void installs_evict(struct installs *self)
{
    struct trees trees = {.installs = self};

    list(&trees);
    uint64_t octets = sum(&trees);
    if (octets > self->host.cache_octets_max)
        remove_some(&trees, octets);
    free(trees.at);
}
