/* disk_measure.c - how much disk an app holds; see disk_measure.h. */
#include "actors/sandbox/disk_measure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus/owned.h"

enum { BLOCK_OCTETS = 512, PATH_SIZE = 64, CHILDREN_OCTETS = 16384 };

bool disk_is_over(const struct disk_usage *usage, const struct disk_bounds *bounds)
{
    return usage->is_hidden || usage->octets > bounds->octets_max ||
           usage->entries > bounds->entries_max;
}

static bool is_done(const struct disk_usage *usage, const struct disk_bounds *bounds)
{
    return (bounds->cancelled && atomic_load(bounds->cancelled)) || disk_is_over(usage, bounds);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* ---- what has a name ---- */

struct walk {
    DIR *at[DISK_DEPTH_MAX];
    int depth;
    struct disk_usage *usage;
};

static void let_owner_in(int dir)
{
    char link[PATH_SIZE];
    struct stat about;

    (void) snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    if (fstat(dir, &about) == 0 && (about.st_mode & 0500) != 0500)
        (void) chmod(link, (about.st_mode & 07777) | 0500);     /* the very directory that is open */
}

/* No access time: it would tell the app how far the walk has come. */
static int open_directory(int parent, const char *name)
{
    int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, O_RDONLY | O_NOATIME | flags);

    if (fd >= 0 || errno != EACCES)
        return fd;
    let_owner_in(parent);
    OWNED(fd) int shut = openat(parent, name, O_PATH | flags);
    if (shut >= 0)
        let_owner_in(shut);
    return openat(parent, name, O_RDONLY | O_NOATIME | flags);
}

static bool stat_entry(int parent, const char *name, struct stat *out)
{
    if (fstatat(parent, name, out, AT_SYMLINK_NOFOLLOW) == 0)
        return true;
    if (errno != EACCES)
        return false;
    let_owner_in(parent);
    return fstatat(parent, name, out, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What was removed or replaced meanwhile is passed over. */
static void enter(struct walk *walk, int parent, const char *name)
{
    if (walk->depth == DISK_DEPTH_MAX) {
        walk->usage->is_hidden = true;
        return;
    }
    int fd = open_directory(parent, name);
    if (fd < 0 && (errno == EACCES || errno == EPERM))
        walk->usage->is_hidden = true;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir)
        walk->at[walk->depth++] = dir;
    else
        fd_drop(&fd);
}

static void count_entry(struct walk *walk, int parent, const char *name)
{
    struct stat about;

    if (!stat_entry(parent, name, &about)) {
        walk->usage->is_hidden |= errno == EACCES;
        return;
    }
    walk->usage->octets += (uint64_t)about.st_blocks * BLOCK_OCTETS;
    walk->usage->entries++;
    if (S_ISDIR(about.st_mode))
        enter(walk, parent, name);
}

void disk_measure(int dir, const struct disk_bounds *bounds, struct disk_usage *usage)
{
    struct walk walk = {.usage = usage};

    enter(&walk, dir, ".");
    while (walk.depth > 0) {
        DIR *top = walk.at[walk.depth - 1];
        struct dirent *entry = is_done(usage, bounds) ? NULL : readdir(top);
        if (!entry) {
            (void) closedir(top);
            walk.depth--;
        } else if (!is_dots(entry->d_name)) {
            count_entry(&walk, dirfd(top), entry->d_name);
        }
    }
}

/* ---- what has none ---- */

struct search {
    pid_t pids[DISK_PIDS_MAX];          /* found so far */
    size_t count;
    uint64_t looked_at;                 /* descriptors and mappings */
    ino_t seen[DISK_UNLINKED_MAX];      /* a file may be open many times; 0: free */
    dev_t device;
    uid_t owner;
    const struct disk_bounds *bounds;
    struct disk_usage *usage;
};

/* False when it was seen before. More files than there is room for are too many to count. */
static bool see(struct search *search, ino_t inode)
{
    for (size_t i = 0; i < DISK_UNLINKED_MAX / 2; i++) {
        ino_t *at = &search->seen[(inode + i) % DISK_UNLINKED_MAX];
        if (*at == inode)
            return false;
        if (*at != 0)
            continue;
        *at = inode;
        return true;
    }
    search->usage->is_hidden = true;
    return false;
}

/* What the links in a directory of /proc lead to; links that may not be followed are passed over. */
static void count_linked(struct search *search, int process, const char *name)
{
    int fd = openat(process, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    struct stat about;

    if (!dir) {
        fd_drop(&fd);
        return;
    }
    while (!is_done(search->usage, search->bounds) && (entry = readdir(dir))) {
        /* Who has so many keeps the watch from all others. */
        if (++search->looked_at > DISK_LOOKS_MAX)
            search->usage->is_hidden = true;
        if (is_dots(entry->d_name) || fstatat(dirfd(dir), entry->d_name, &about, 0) < 0 ||
            !S_ISREG(about.st_mode) || about.st_nlink > 0 || about.st_dev != search->device ||
            about.st_uid != search->owner || !see(search, about.st_ino))
            continue;
        search->usage->octets += (uint64_t)about.st_blocks * BLOCK_OCTETS;
        search->usage->entries++;
    }
    (void) closedir(dir);
}

static void add_children(struct search *search, int task)
{
    OWNED(fd) int fd = openat(task, "children", O_RDONLY | O_CLOEXEC);
    char text[CHILDREN_OCTETS], *at = text, *end;
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;

    text[size > 0 ? size : 0] = '\0';
    for (long pid; (pid = strtol(at, &end, 10)) > 0; at = end) {
        if (search->count == DISK_PIDS_MAX)
            return;
        search->pids[search->count++] = (pid_t)pid;
    }
}

/* Has this thread the descriptors of its process, as most have? */
static bool shares_files(pid_t pid, const char *thread)
{
    long tid = strtol(thread, NULL, 10);

    return tid != pid && syscall(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0) == 0;
}

/* Every thread: it may have descriptors of its own. What is mapped, a running program among it, needs
 * none; that is told to root alone. */
static void search_process(struct search *search, pid_t pid)
{
    char path[PATH_SIZE];
    struct dirent *entry;

    (void) snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return;
    while (!is_done(search->usage, search->bounds) && (entry = readdir(tasks))) {
        if (is_dots(entry->d_name))
            continue;
        OWNED(fd) int task = openat(dirfd(tasks), entry->d_name,
                                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (task < 0)
            continue;
        if (!shares_files(pid, entry->d_name))
            count_linked(search, task, "fd");
        add_children(search, task);
    }
    count_linked(search, dirfd(tasks), "../map_files");
    (void) closedir(tasks);
}

void disk_measure_unlinked(pid_t top, dev_t device, uid_t owner, const struct disk_bounds *bounds,
                           struct disk_usage *usage)
{
    struct search *search = calloc(1, sizeof *search);

    if (!search)
        return;
    search->device = device;
    search->owner = owner;
    search->bounds = bounds;
    search->usage = usage;
    search->pids[search->count++] = top;
    for (size_t i = 0; i < search->count && !is_done(usage, bounds); i++)
        search_process(search, search->pids[i]);
    free(search);
}
