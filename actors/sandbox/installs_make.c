/* installs_make.c - from what package.json asks for to a tree under its key; see installs.h. */
#include "actors/sandbox/installs_inside.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/disk_measure.h"
#include "actors/sandbox/install_npm.h"
#include "actors/sandbox/tree.h"
#include "actors/sandbox/utf8.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { STEP_WORDS = 3, NAME_SIZE = 48, LINE_OCTETS_MAX = 500 };

/* One install on its way. */
struct making {
    struct installs *installs;
    const struct install_order *order;
    char name[NAME_SIZE];                       /* of its cage, and of its tree until that is whole */
    char app_name[WORKSPACE_NAME_SIZE], data_name[WORKSPACE_NAME_SIZE];
    int app, data;                              /* /app and /data of its cage */
    int64_t deadline_ms;
    char *lock;
    size_t lock_size;
    struct npm_said said;
};

/* ---- its directories ---- */

static bool write_package(const struct making *self, struct fault *fault)
{
    static const char format[] = "{\"name\":\"app\",\"private\":true,\"dependencies\":%.*s}\n";
    struct text dependencies = self->order->dependencies;
    size_t room = sizeof format + dependencies.size;
    char *text = malloc(room);

    if (!text)
        return fault_set(fault, FAULT_internal, "no memory for package.json");
    int size = snprintf(text, room, format, (int)dependencies.size, dependencies.at);
    bool written = tree_write(self->app, TEXT_OF("package.json"), (struct text){text, (size_t)size},
                              self->order->uid, fault);
    free(text);
    return written;
}

static bool make_directories(struct making *self, struct fault *fault)
{
    struct workspace *workspace = self->installs->parts.workspace;
    const struct install_order *order = self->order;

    self->app = workspace_make_empty(workspace, order->app, "app", order->uid, self->app_name,
                                     fault);
    if (self->app < 0)
        return false;
    self->data = workspace_make_empty(workspace, order->app, "data", order->uid, self->data_name,
                                      fault);
    return self->data >= 0 && write_package(self, fault);
}

static void discard(struct making *self)
{
    const char *const names[] = {self->app_name, self->data_name};
    struct workspace *workspace = self->installs->parts.workspace;
    struct fault ignored;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (*names[i])
            (void) workspace_discard(workspace, self->order->app, names[i], &ignored);
    (void) workspace_discard(workspace, self->installs->place, self->name, &ignored);
    sweeper_wake(self->installs->parts.sweeper);
    fd_drop(&self->app);
    fd_drop(&self->data);
    free(self->lock);
}

/* ---- npm ---- */

static const char *const always[] = {
    "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--no-bin-links",
    "--no-progress", "--no-color", "--loglevel=warn", "--logs-max=0", "--omit=dev", "--cache=/data",
    "--userconfig=/nonexistent/user", "--globalconfig=/nonexistent/all", "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000",
};

static bool run(struct making *self, const char *const step[STEP_WORDS], struct fault *fault)
{
    struct installs *installs = self->installs;
    const struct install_order *order = self->order;
    const char *words[NPM_WORDS_MAX];
    char registry[320], app[2 * PATH_MAX], data[2 * PATH_MAX];
    size_t count = 0;
    const struct npm_order npm = {
        .install = &installs->host, .host = installs->parts.host, .cgroups = installs->parts.cgroups,
        .egress = installs->parts.egress, .name = self->name, .app_id = order->app_id,
        .app_path = app, .data_path = data, .app = self->app, .data = self->data,
        .uid = order->uid, .words = words, .deadline_ms = self->deadline_ms,
        .caller_deadline_ms = order->deadline_ms, .is_unwanted = order->is_unwanted,
        .of = order->of,
    };

    for (size_t i = 0; i < STEP_WORDS && step[i]; i++)
        words[count++] = step[i];
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        words[count++] = always[i];
    (void) snprintf(registry, sizeof registry, "--registry=%s", installs->host.registry);
    words[count++] = registry;
    if (installs->host.has_ca)
        words[count++] = "--cafile=" INSTALL_CA_IN_CAGE;
    words[count] = NULL;
    (void) snprintf(app, sizeof app, "%s/apps/%s/%s", installs->parts.workspace->path, order->app_id,
                    self->app_name);
    (void) snprintf(data, sizeof data, "%s/apps/%s/%s", installs->parts.workspace->path,
                    order->app_id, self->data_name);
    return npm_run(&npm, &self->said, fault);
}

static bool read_lock(struct making *self, struct fault *fault)
{
    OWNED(fd) int fd = openat(self->app, "package-lock.json",
                              O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat about;
    ssize_t more;

    if (fd < 0 || fstat(fd, &about) < 0 || !S_ISREG(about.st_mode))
        return fault_set(fault, FAULT_start_failed, "dependencies: npm wrote no lock");
    if (about.st_size > LOCK_OCTETS_MAX)
        return fault_set(fault, FAULT_start_failed, "dependencies: npm's lock has more than %d octets; "
                         "depend on less", LOCK_OCTETS_MAX);
    self->lock = malloc((size_t)about.st_size + 1);
    if (!self->lock)
        return fault_set(fault, FAULT_internal, "no memory for a lock");
    while (self->lock_size < (size_t)about.st_size &&
           (more = read(fd, self->lock + self->lock_size,
                        (size_t)about.st_size - self->lock_size)) > 0)
        self->lock_size += (size_t)more;
    return true;
}

/* ---- publishing ---- */

static bool copy_tree(const struct making *self, int to, struct fault *fault)
{
    const struct install_host *host = &self->installs->host;
    const struct tree_bounds bounds = {.octets_max = host->octets_max, .for_everybody = true,
                                       .entries_max = (uint32_t)host->files_max};
    OWNED(fd) int from = tree_open_directory(self->app, "node_modules");
    OWNED(fd) int tree = from >= 0 ? tree_make_directory(to, "node_modules", 0755, fault) : -1;

    if (from < 0)
        return fault_set(fault, FAULT_start_failed, "dependencies: npm installed nothing");
    if (tree < 0)
        return false;
    if (tree_copy(from, tree, 0, &bounds, /* watcher= */ NULL, fault))
        return true;
    return fault->kind == FAULT_too_large
               ? fault_set(fault, FAULT_start_failed, "dependencies: they are more than %" PRIu64
                           " MB or %" PRIu64 " files (INSTALL_MB_MAX, INSTALL_FILES_MAX); depend on "
                           "less", host->octets_max >> 20, host->files_max)
               : false;
}

static bool write_beside(const struct making *self, int to, struct install_made *made,
                         struct fault *fault)
{
    const struct disk_bounds all = {UINT64_MAX, UINT64_MAX, NULL};
    struct disk_usage usage = {0};
    char number[24];

    disk_measure(to, &all, &usage);
    made->octets = usage.octets;
    int size = snprintf(number, sizeof number, "%" PRIu64 "\n", made->octets);
    return tree_write(to, TEXT_OF("package-lock.json"), (struct text){self->lock, self->lock_size}, 0,
                      fault) &&
           tree_write(to, TEXT_OF("octets"), (struct text){number, (size_t)size}, 0, fault);
}

/* It is on the disk before it has its name: the next boot finds it whole or not at all. */
static bool publish(struct making *self, const char *key, struct install_made *made,
                    struct fault *fault)
{
    int place = self->installs->place;
    OWNED(fd) int fresh = tree_make_directory(place, self->name, 0755, fault);

    if (fresh < 0 || !copy_tree(self, fresh, fault) || !write_beside(self, fresh, made, fault))
        return false;
    if (syncfs(fresh) < 0 || renameat(place, self->name, place, key) < 0 || fsync(place) < 0)
        return tree_fault(fault, "put the dependencies in their place");
    return true;
}

/* ---- what npm said ---- */

static void tell_line(const struct making *self, const char *at, size_t size, struct log_line *out)
{
    enum { CAPACITY = 3 * LINE_OCTETS_MAX };    /* a wrong octet becomes three */
    char *line = arena_take(self->order->arena, CAPACITY);

    *out = (struct log_line){.at = clock_wall_ms(), .stream = TEXT_OF("stderr")};
    if (line)
        out->line = (struct text){line, utf8_repair(at, size < LINE_OCTETS_MAX ? size : LINE_OCTETS_MAX,
                                                    line, CAPACITY)};
}

static void tell(const struct making *self)
{
    const struct npm_said *said = &self->said;
    size_t begins[INSTALL_LINES_TOLD + 1], count = 0, at = said->size;
    struct log_line *lines = arena_take(self->order->arena, INSTALL_LINES_TOLD * sizeof *lines);

    while (at > 0 && said->at[at - 1] == '\n')
        at--;
    size_t end = at;
    while (lines && at > 0 && count < INSTALL_LINES_TOLD) {     /* from the last line up */
        while (at > 0 && said->at[at - 1] != '\n')
            at--;
        begins[count++] = at;
        at -= at > 0;
    }
    for (size_t i = 0; i < count; i++) {
        size_t from = begins[count - 1 - i];
        size_t to = i + 1 < count ? begins[count - 2 - i] - 1 : end;
        tell_line(self, said->at + from, to - from, &lines[i]);
    }
    if (count > 0)
        *self->order->failure = (struct failure){.log = {lines, (uint32_t)count}};
}

/* ---- all of it ---- */

static bool make(struct making *self, const char *key, struct install_made *made,
                 struct fault *fault)
{
    static const char *const resolve[STEP_WORDS] = {"install", "--package-lock-only", NULL};
    static const char *const fetch[STEP_WORDS] = {"ci", NULL};
    const struct install_host *host = &self->installs->host;

    uint32_t packages;

    if (!make_directories(self, fault) || !run(self, resolve, fault) || !read_lock(self, fault))
        return false;
    install_lock_sum((struct text){self->lock, self->lock_size}, &made->sum);
    if (!install_lock_check((struct text){self->lock, self->lock_size}, host->origin, host->packages_max,
                            &packages, fault))
        return false;
    return run(self, fetch, fault) && publish(self, key, made, fault);
}

bool installs_make(struct installs *self, const struct install_order *order, const char *key,
                   struct install_made *made, struct fault *fault)
{
    struct making making = {.installs = self, .order = order, .app = -1, .data = -1,
                            .deadline_ms = clock_now_ms() + self->host.timeout_ms};

    (void) snprintf(making.name, sizeof making.name, "new-%" PRIu64,
                    atomic_fetch_add(&self->sequence, 1));
    /* npm runs as the app's user, within bounds of its own in each of its two directories. */
    struct disk_share share = {order->uid, 2 * self->host.octets_max, 2 * self->host.files_max};
    bool is_made = disk_quota_give(self->parts.quota, &share, fault) &&
                   make(&making, key, made, fault);
    if (!is_made)
        tell(&making);
    discard(&making);
    disk_quota_take_back(self->parts.quota, &share);
    return is_made;
}
