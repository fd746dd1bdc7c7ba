/* workspace.c - the directories of all apps: finding, listing, discarding; see workspace.h. */
#include "actors/sandbox/workspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/reach.h"
#include "actors/sandbox/tree.h"
#include "bus/owned.h"

/* ---- beginning ---- */

static bool take_lock(struct workspace *self, int runtime, struct fault *fault)
{
    self->lock = openat(runtime, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (self->lock < 0)
        return tree_fault(fault, "open runtime/lock");
    if (flock(self->lock, LOCK_EX | LOCK_NB) < 0)
        return fault_set(fault, FAULT_conflict, "another sandbox uses '%s'", self->path);
    return true;
}

static bool open_directories(struct workspace *self, const char *data, struct fault *fault)
{
    OWNED(fd) int top = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char absolute[PATH_MAX];

    if (top < 0 || !realpath(data, absolute))
        return fault_set(fault, FAULT_internal, "data directory '%s': %s", data, strerror(errno));
    OWNED(fd) int runtime = tree_make_directory(top, "runtime", self->owns_uids ? 0711 : 0700, fault);
    if (runtime < 0)
        return false;
    if (snprintf(self->path, sizeof self->path, "%s/runtime", absolute) >= (int)sizeof self->path)
        return fault_set(fault, FAULT_internal, "'%s' is too long a path", data);
    if (!take_lock(self, runtime, fault))
        return false;
    self->apps = tree_make_directory(runtime, "apps", self->owns_uids ? 0711 : 0700, fault);
    if (self->apps < 0)
        return false;
    self->warm = tree_make_directory(runtime, "warm", self->owns_uids ? 0711 : 0700, fault);
    if (self->warm < 0)
        return false;
    self->trash = tree_make_directory(runtime, "trash", 0700, fault);
    return self->trash >= 0 && (!self->owns_uids || reach_check(self->path, fault));
}

/* ---- uids ---- */

static void take_uid(struct workspace *self, uid_t uid)
{
    if (self->owns_uids && uid >= self->uid_first && uid - self->uid_first < self->uid_count)
        self->uids_taken[uid - self->uid_first] = 1;
}

static bool take_uid_of(void *self_, const char *app_id)
{
    static const char *const names[] = {"data", "moving"};
    struct workspace *self = self_;
    struct fault ignored;
    struct stat about;
    OWNED(fd) int app = workspace_app(self, app_id, /* make= */ false, &ignored);

    for (size_t i = 0; app >= 0 && i < sizeof names / sizeof *names; i++)
        if (fstatat(app, names[i], &about, AT_SYMLINK_NOFOLLOW) == 0)
            take_uid(self, about.st_uid);
    return true;
}

bool workspace_give_uid(struct workspace *self, uid_t *out, struct fault *fault)
{
    bool given = false;

    pthread_mutex_lock(&self->uid_lock);
    for (uid_t i = 0; i < self->uid_count && !given; i++) {
        if (self->uids_taken[i])
            continue;
        self->uids_taken[i] = 1;
        *out = self->uid_first + i;
        given = true;
    }
    pthread_mutex_unlock(&self->uid_lock);
    return given || fault_set(fault, FAULT_capacity, "no uid is left for another app");
}

void workspace_forget_uid(struct workspace *self, uid_t uid)
{
    if (!self->owns_uids || uid < self->uid_first || uid - self->uid_first >= self->uid_count)
        return;
    pthread_mutex_lock(&self->uid_lock);
    self->uids_taken[uid - self->uid_first] = 0;
    pthread_mutex_unlock(&self->uid_lock);
}

bool workspace_data(struct workspace *self, int app, uid_t *uid, struct fault *fault)
{
    struct stat about;

    *uid = 0;
    if (!workspace_end_move(self, app, fault))
        return false;
    if (fstatat(app, "data", &about, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISDIR(about.st_mode))
            return fault_set(fault, FAULT_internal, "'data' is no directory");
        bool is_own = self->owns_uids && about.st_uid >= self->uid_first &&
                      about.st_uid - self->uid_first < self->uid_count;
        *uid = is_own ? about.st_uid : 0;
        if (is_own || !self->owns_uids)
            return true;
    }
    OWNED(fd) int data = tree_make_directory(app, "data", 0700, fault);
    if (data < 0)
        return false;
    if (!self->owns_uids)
        return true;
    if (!workspace_give_uid(self, uid, fault))
        return false;
    return fchown(data, *uid, (gid_t)*uid) == 0 || tree_fault(fault, "fchown data");
}

/* ---- one app ---- */

int workspace_app(struct workspace *self, const char *app_id, bool make, struct fault *fault)
{
    if (!text_is_app_id(text_from(app_id))) {
        (void) fault_set(fault, FAULT_malformed, "Invalid appId format");
        return -1;
    }
    if (make)
        return tree_make_directory(self->apps, app_id, self->owns_uids ? 0711 : 0700, fault);
    int fd = openat(self->apps, app_id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        (void) fault_set(fault, errno == ENOENT ? FAULT_app_not_found : FAULT_internal, "'%s': %s",
                         app_id, strerror(errno));
    return fd;
}

bool workspace_has(struct workspace *self, const char *app_id)
{
    struct fault ignored;
    OWNED(fd) int app = workspace_app(self, app_id, /* make= */ false, &ignored);

    return app >= 0;
}

/* *was_there: it was this call that took it away. */
static bool discard(struct workspace *self, int parent, const char *name, bool *was_there,
                    struct fault *fault)
{
    char fresh[WORKSPACE_NAME_SIZE];

    for (;;) {
        (void) snprintf(fresh, sizeof fresh, "%" PRIu64, atomic_fetch_add(&self->sequence, 1));
        *was_there = renameat2(parent, name, self->trash, fresh, RENAME_NOREPLACE) == 0;
        if (*was_there || errno == ENOENT)
            return true;
        if (errno != EEXIST)
            return tree_fault(fault, "discard files");
    }
}

bool workspace_discard(struct workspace *self, int parent, const char *name, struct fault *fault)
{
    bool ignored;

    return discard(self, parent, name, &ignored, fault);
}

/* Named for a moment where the sweeper would find it. */
int workspace_file(struct workspace *self, struct fault *fault)
{
    char fresh[WORKSPACE_NAME_SIZE];
    int fd;

    do {
        (void) snprintf(fresh, sizeof fresh, "%" PRIu64, atomic_fetch_add(&self->sequence, 1));
        fd = openat(self->trash, fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0)
        (void) tree_fault(fault, "create a file");
    else
        (void) unlinkat(self->trash, fresh, 0);
    return fd;
}

bool workspace_discard_data(struct workspace *self, int app, const char *name, uid_t lent,
                            struct fault *fault)
{
    bool was_there;

    if (!discard(self, app, name, &was_there, fault))
        return false;
    if (was_there && lent != 0)
        workspace_forget_uid(self, lent);
    return true;
}

bool workspace_discard_app(struct workspace *self, const char *app_id, struct fault *fault)
{
    return workspace_discard(self, self->apps, app_id, fault);
}

/* ---- all apps ---- */

bool workspace_each(struct workspace *self, bool (*each)(void *self, const char *app_id),
                    void *each_self, struct fault *fault)
{
    int fd = openat(self->apps, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    bool going = true;

    if (!dir) {
        fd_drop(&fd);
        return tree_fault(fault, "list apps");
    }
    for (int count = 0; going && count < WORKSPACE_APPS_MAX && (entry = readdir(dir)); count++)
        if (text_is_app_id(text_from(entry->d_name)))
            going = each(each_self, entry->d_name);
    (void) closedir(dir);
    return true;
}

static bool is_of_a_run(const char *name)
{
    return strncmp(name, "app-", 4) == 0 || strncmp(name, "data-", 5) == 0 ||
           strncmp(name, "new-", 4) == 0;
}

static bool is_of_a_warm_cage(const char *name)
{
    return *name != '.';
}

static void discard_all(struct workspace *self, int parent, bool (*is_meant)(const char *name))
{
    int copy = parent >= 0 ? openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;
    struct fault ignored;

    while (dir && (entry = readdir(dir)))
        if (is_meant(entry->d_name))
            (void) workspace_discard(self, parent, entry->d_name, &ignored);
    if (dir)
        (void) closedir(dir);
    else
        fd_drop(&copy);
}

static bool is_half_made(const char *name)
{
    return strncmp(name, "new-", 4) == 0;
}

void workspace_clear_new(struct workspace *self, int parent)
{
    discard_all(self, parent, is_half_made);
}

static bool clear_runs_of(void *self_, const char *app_id)
{
    struct workspace *self = self_;
    struct fault ignored;
    OWNED(fd) int app = workspace_app(self, app_id, /* make= */ false, &ignored);

    discard_all(self, app, is_of_a_run);
    return true;
}

bool workspace_clear_runs(struct workspace *self, struct fault *fault)
{
    discard_all(self, self->warm, is_of_a_warm_cage);
    return workspace_each(self, clear_runs_of, self, fault);
}

void workspace_tag(const struct workspace *self, char out[17])
{
    struct stat about = {0};

    (void) fstat(self->apps, &about);
    uint64_t mixed = (uint64_t)about.st_ino * 0x9e3779b97f4a7c15u ^ (uint64_t)about.st_dev;
    (void) snprintf(out, 17, "%016" PRIx64, mixed);
}

bool workspace_open(struct workspace *out, const struct workspace_options *options,
                    struct fault *fault)
{
    *out = (struct workspace){
        .lock = -1, .apps = -1, .warm = -1, .trash = -1,
        .owns_uids = geteuid() == 0,
        .uid_first = options->uid_first, .uid_count = options->uid_count,
        .uid_lock = PTHREAD_MUTEX_INITIALIZER,
    };
    out->uids_taken = calloc(options->uid_count, 1);
    if (!out->uids_taken)
        return fault_set(fault, FAULT_internal, "no memory for uids");
    if (open_directories(out, options->data, fault) &&
        workspace_each(out, take_uid_of, out, fault))
        return true;
    workspace_close(out);
    return false;
}

void workspace_close(struct workspace *self)
{
    fd_drop(&self->apps);
    fd_drop(&self->warm);
    fd_drop(&self->trash);
    fd_drop(&self->lock);
    free(self->uids_taken);
    self->uids_taken = NULL;
}
