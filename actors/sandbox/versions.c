/* versions.c - the code of an app on disk: as it was given, and as one run may change it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "actors/sandbox/disk_measure.h"
#include "actors/sandbox/locks.h"
#include "actors/sandbox/tree.h"
#include "actors/sandbox/unpacker.h"
#include "actors/sandbox/workspace.h"
#include "bus/owned.h"

/* More than the contract lets in, which has bounded these files already. */
static const struct tree_bounds code_bounds = {.octets_max = 256u << 20, .entries_max = 100000};
static const struct tree_bounds data_bounds = {.octets_max = DATA_COPY_OCTETS_MAX,
                                               .entries_max = DATA_COPY_ENTRIES_MAX};

static void version_name(uint64_t version, char out[WORKSPACE_NAME_SIZE])
{
    (void) snprintf(out, WORKSPACE_NAME_SIZE, "%" PRIu64, version);
}

static int open_made(int parent, const char *name, struct fault *fault)
{
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST) {
        (void) tree_fault(fault, "mkdir");
        return -1;
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        (void) tree_fault(fault, "open a directory");
    return fd;
}

/* A name that nobody has had before, below an app's. */
static void fresh_name(struct workspace *self, int app, const char *kind,
                       char name[WORKSPACE_NAME_SIZE])
{
    do
        (void) snprintf(name, WORKSPACE_NAME_SIZE, "%s-%" PRIu64, kind,
                        atomic_fetch_add(&self->sequence, 1));
    while (faccessat(app, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

/* ---- versions ---- */

static bool write_files(int dir, struct files files, struct fault *fault)
{
    for (uint32_t i = 0; i < files.count; i++)
        if (!tree_write(dir, files.at[i].path, files.at[i].content, 0, fault))
            return fault_while(fault, "files[%u]", i);
    return true;
}

bool workspace_put_version(struct workspace *self, int app, uint64_t version, struct files files,
                           struct fault *fault)
{
    char fresh[WORKSPACE_NAME_SIZE], name[WORKSPACE_NAME_SIZE];
    struct fault ignored;
    OWNED(fd) int versions = open_made(app, "versions", fault);
    fresh_name(self, app, "new", fresh);
    OWNED(fd) int dir = versions >= 0 ? open_made(app, fresh, fault) : -1;

    if (dir < 0)
        return false;
    version_name(version, name);
    if (write_files(dir, files, fault) && workspace_discard(self, versions, name, fault)) {
        if (renameat(app, fresh, versions, name) == 0)
            return true;
        (void) tree_fault(fault, "put a version in its place");
    }
    (void) workspace_discard(self, app, fresh, &ignored);
    return false;
}

static int open_version(int app, uint64_t version)
{
    char name[WORKSPACE_NAME_SIZE], path[2 * WORKSPACE_NAME_SIZE];

    version_name(version, name);
    (void) snprintf(path, sizeof path, "versions/%s", name);
    return tree_open_directory(app, path);
}

bool workspace_has_version(int app, uint64_t version)
{
    OWNED(fd) int dir = open_version(app, version);

    return dir >= 0;
}

struct newest { uint64_t at[VERSIONS_KEPT]; };

static void remember(struct newest *newest, uint64_t version)
{
    for (int i = 0; i < VERSIONS_KEPT; i++) {
        if (version <= newest->at[i])
            continue;
        uint64_t smaller = newest->at[i];
        newest->at[i] = version;
        version = smaller;
    }
}

static bool is_kept(const struct newest *newest, uint64_t version)
{
    for (int i = 0; i < VERSIONS_KEPT; i++)
        if (newest->at[i] == version)
            return true;
    return false;
}

void workspace_prune(struct workspace *self, int app, uint64_t running)
{
    struct newest newest = {{0}};
    struct fault ignored;
    OWNED(fd) int versions = tree_open_directory(app, "versions");
    int copy = versions >= 0 ? openat(versions, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;

    if (!dir) {
        fd_drop(&copy);
        return;
    }
    while ((entry = readdir(dir)))
        remember(&newest, strtoull(entry->d_name, NULL, 10));
    rewinddir(dir);
    while ((entry = readdir(dir))) {
        uint64_t version = strtoull(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && version != running && !is_kept(&newest, version))
            (void) workspace_discard(self, versions, entry->d_name, &ignored);
    }
    (void) closedir(dir);
    locks_prune(app);
}

/* ---- the data ---- */

bool workspace_data_fits(int app, uint64_t disk_mb, uint64_t files, struct fault *fault)
{
    const struct disk_bounds bounds = {disk_mb << 20, files, /* cancelled= */ NULL};
    struct disk_usage usage = {0};
    OWNED(fd) int data = tree_open_directory(app, "data");

    if (data < 0)
        return tree_fault(fault, "open the data");
    disk_measure(data, &bounds, &usage);
    return !disk_is_over(&usage, &bounds) ||
           fault_set(fault, FAULT_start_failed, "Its data is more than it may hold: %" PRIu64 " MB "
                     "(config.diskMb) in %" PRIu64 " files (config.maxFiles); ask for more.",
                     disk_mb, files);
}

/* ---- copies for a run ---- */

/* A directory for one run: a new one, or a warm cage's under a new name. */
static int open_for_run(struct workspace *self, int app, const char *kind, uint64_t warm,
                        char name[WORKSPACE_NAME_SIZE], struct fault *fault)
{
    fresh_name(self, app, kind, name);
    if (warm && !workspace_take_warm(self, warm, kind, app, name, fault))
        return -1;
    return open_made(app, name, fault);
}

static bool own(int dir, uid_t uid, struct fault *fault)
{
    return uid == 0 || fchown(dir, uid, (gid_t)uid) == 0 || tree_fault(fault, "fchown");
}

int workspace_make_empty(struct workspace *self, int app, const char *kind, uid_t uid,
                         char out[WORKSPACE_NAME_SIZE], struct fault *fault)
{
    OWNED(fd) int made = open_for_run(self, app, kind, /* warm= */ 0, out, fault);

    return made >= 0 && own(made, uid, fault) ? fd_take(&made) : -1;
}

bool workspace_copy_version(struct workspace *self, int app, uint64_t version, uid_t uid,
                            uint64_t warm, char out[WORKSPACE_NAME_SIZE], struct fault *fault)
{
    struct fault ignored;
    OWNED(fd) int from = open_version(app, version);

    if (from < 0)
        return tree_fault(fault, "open the version");
    OWNED(fd) int to = open_for_run(self, app, "app", warm, out, fault);
    if (to < 0)
        return false;
    if (tree_copy(from, to, uid, &code_bounds, /* watcher= */ NULL, fault) && own(to, uid, fault))
        return true;
    (void) workspace_discard(self, app, out, &ignored);
    return false;
}

bool workspace_copy_data(struct workspace *self, int app, uid_t uid, uint64_t warm,
                         char out[WORKSPACE_NAME_SIZE], struct fault *fault)
{
    struct fault ignored;
    OWNED(fd) int from = openat(app, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    OWNED(fd) int to = from >= 0 ? open_for_run(self, app, "data", warm, out, fault) : -1;

    if (from < 0)
        return tree_fault(fault, "open the data");
    if (to < 0)
        return false;
    bool copied = tree_copy(from, to, uid, &data_bounds, /* watcher= */ NULL, fault);
    if (!copied && fault->kind == FAULT_too_large)
        copied = tree_empty(to, fault);
    if (copied && own(to, uid, fault))
        return true;
    (void) workspace_discard_data(self, app, out, warm ? uid : 0, &ignored);
    return false;
}

bool workspace_export_data(struct workspace *self, int app, uint64_t octets_max,
                           const struct tree_watcher *watcher, char out[WORKSPACE_NAME_SIZE],
                           struct fault *fault)
{
    const struct tree_bounds bounds = {.octets_max = octets_max,
                                       .entries_max = EXPORT_ENTRIES_MAX};
    struct fault ignored;

    *out = '\0';
    if (!workspace_end_move(self, app, fault))
        return false;
    OWNED(fd) int from = openat(app, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0)
        return errno == ENOENT || tree_fault(fault, "open the data");
    OWNED(fd) int to = open_for_run(self, app, "data", /* warm= */ 0, out, fault);
    if (to >= 0 && tree_copy(from, to, /* owner= */ 0, &bounds, watcher, fault))
        return true;
    (void) workspace_discard(self, app, out, &ignored);
    return false;
}

/* The app's own uid, as workspace_data() would give it. */
static bool give_to_app(struct workspace *self, int dir, struct fault *fault)
{
    static const struct tree_bounds all = {.entries_max = DATA_COPY_ENTRIES_MAX};
    uid_t uid = 0;

    if (!self->owns_uids)
        return true;
    if (!workspace_give_uid(self, &uid, fault))
        return false;
    if (tree_give(dir, uid, &all, fault) && own(dir, uid, fault))
        return true;
    workspace_forget_uid(self, uid);
    return false;
}

bool workspace_recover_data(struct workspace *self, int app, struct text archive,
                            struct fault *fault)
{
    char fresh[WORKSPACE_NAME_SIZE];
    struct fault ignored;

    fresh_name(self, app, "new", fresh);
    OWNED(fd) int dir = open_made(app, fresh, fault);
    if (dir < 0)
        return false;
    if (unpack(dir, archive, &data_bounds, fault) && give_to_app(self, dir, fault)) {
        if (renameat2(app, fresh, app, "data", RENAME_NOREPLACE) == 0)
            return true;
        if (errno != EEXIST)
            (void) tree_fault(fault, "put the data in its place");
        else if (workspace_discard(self, app, fresh, fault))
            return true;
    }
    (void) workspace_discard(self, app, fresh, &ignored);
    return false;
}
