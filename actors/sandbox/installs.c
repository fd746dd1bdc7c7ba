/* installs.c - who installs, who waits for it, and what is there already; see installs.h. */
#include "actors/sandbox/installs_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "actors/sandbox/locks.h"
#include "actors/sandbox/tree.h"
#include "bus/clock.h"
#include "bus/log.h"
#include "bus/owned.h"

enum { WAIT_MS = 250 };             /* between two askings whether it is still wanted */

/* ---- opening ---- */

static bool open_place(struct installs *self, struct fault *fault)
{
    const struct workspace *workspace = self->parts.workspace;
    OWNED(fd) int runtime = open(workspace->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (runtime < 0)
        return tree_fault(fault, workspace->path);
    self->place = tree_make_directory(runtime, "installed", workspace->owns_uids ? 0711 : 0700,
                                      fault);
    if (self->place < 0)
        return false;
    workspace_clear_new(self->parts.workspace, self->place);
    return true;
}

struct installs *installs_new(const struct installs_parts *parts, struct fault *fault)
{
    struct installs *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for installs");
        return NULL;
    }
    self->parts = *parts;
    self->place = -1;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (open_place(self, fault) &&
        install_host_open(&self->host, parts->settings, parts->host, parts->workspace->owns_uids,
                          fault))
        return self;
    installs_free(self);
    return NULL;
}

void installs_free(struct installs *self)
{
    if (!self)
        return;
    fd_drop(&self->place);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

bool installs_is_on(const struct installs *self)
{
    return self->host.is_on;
}

uint32_t installs_counters(struct installs *self, struct count_of *out, uint32_t room)
{
    pthread_mutex_lock(&self->lock);
    const struct count_of all[] = {
        {TEXT_OF("installs.made"), self->counts.made},
        {TEXT_OF("installs.found"), self->counts.found},
        {TEXT_OF("installs.failed"), self->counts.failed},
    };
    pthread_mutex_unlock(&self->lock);
    uint32_t count = 0;
    for (; count < sizeof all / sizeof *all && count < room; count++)
        out[count] = all[count];
    return count;
}

/* ---- what is there; with the lock held ---- */

/* Found is used: its time is what installs_evict() goes by. */
static bool use(struct installs *self, const char *key)
{
    return utimensat(self->place, key, NULL, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool copy_lock(struct installs *self, const struct install_order *order, const char *key,
                      struct install_sum *sum, struct fault *fault)
{
    char path[INSTALL_KEY_SIZE + 24];

    (void) snprintf(path, sizeof path, "%s/package-lock.json", key);
    OWNED(fd) int fd = openat(self->place, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char *text = malloc(LOCK_OCTETS_MAX);
    ssize_t size = fd >= 0 && text ? read(fd, text, LOCK_OCTETS_MAX) : -1;
    bool kept = size >= 0 ? locks_put(order->app, order->version, key,
                                      (struct text){text, (size_t)size}, fault)
                          : tree_fault(fault, "read an installed lock");

    if (kept)
        install_lock_sum((struct text){text, (size_t)size}, sum);
    free(text);
    return kept;
}

/* From here on the tree is the version's, and stays. *sum stays as it is when the version had it before. */
static bool keep(struct installs *self, const struct install_order *order, const char *key,
                 struct install_sum *sum, struct fault *fault)
{
    return locks_has(order->app, order->version, key) || copy_lock(self, order, key, sum, fault);
}

/* ---- taking turns; with the lock held ---- */

static char *find_turn(struct installs *self, const char *key)
{
    for (int i = 0; i < INSTALLS_AT_ONCE; i++)
        if (strcmp(self->under_way[i], key) == 0)
            return self->under_way[i];
    return NULL;
}

/* Until something ends, or a moment later. */
static bool wait_turn(struct installs *self, const struct install_order *order,
                      struct fault *fault)
{
    int64_t now = clock_now_ms(), until_ms = now + WAIT_MS;
    struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};

    if (order->is_unwanted(order->of))
        return fault_set(fault, FAULT_conflict, "another change of the app took over, or we are stopping");
    if (now >= order->deadline_ms)
        return fault_set(fault, FAULT_timed_out, "other installs did not end in time");
    (void) pthread_cond_timedwait(&self->changed, &self->lock, &until);
    return true;
}

static bool take_turn(struct installs *self, const struct install_order *order, const char *key,
                      bool *is_there, struct fault *fault)
{
    char *turn = NULL;

    while (!(*is_there = use(self, key)) && (find_turn(self, key) || !(turn = find_turn(self, ""))))
        if (!wait_turn(self, order, fault))
            return false;
    if (!*is_there)
        (void) snprintf(turn, INSTALL_KEY_SIZE, "%s", key);
    return true;
}

/* ---- installing ---- */

static bool may_make(struct installs *self, struct fault *fault)
{
    if (*self->host.why_not)
        return fault_set(fault, FAULT_start_failed, "dependencies: none can be installed: %s",
                         self->host.why_not);
    return prover_allows(self->parts.prover, fault);
}

static bool make(struct installs *self, const struct install_order *order, const char *key,
                 struct fault *fault)
{
    struct install_made what = {0};
    int64_t begun_ms = clock_now_ms();
    bool made = may_make(self, fault) && installs_make(self, order, key, &what, fault);

    if (made)
        log_line(LOG_INFO, NULL, "installed app=%s key=%.16s packages=%" PRIu32 " octets=%" PRIu64
                 " ms=%" PRIi64, order->app_id, key, what.sum.packages, what.octets,
                 clock_now_ms() - begun_ms);
    else
        log_line(LOG_WARN, NULL, "install_failed app=%s key=%.16s fault=%s reason=\"%s\"",
                 order->app_id, key, fault_name(fault->kind), fault->reason);
    installs_note(self, order, made ? install_outcome_made : install_outcome_failed, &what.sum, begun_ms, fault);
    return made;
}

bool installs_ensure(struct installs *self, const struct install_order *order,
                     char key[INSTALL_KEY_SIZE], struct fault *fault)
{
    struct install_sum found = {0};
    int64_t begun_ms = clock_now_ms();
    bool is_there;

    install_key(order->dependencies, self->host.registry, self->host.kind, key);
    pthread_mutex_lock(&self->lock);
    if (!take_turn(self, order, key, &is_there, fault)) {
        pthread_mutex_unlock(&self->lock);
        return false;
    }
    if (!is_there) {
        pthread_mutex_unlock(&self->lock);
        bool made = make(self, order, key, fault);
        pthread_mutex_lock(&self->lock);
        *find_turn(self, key) = '\0';
        pthread_cond_broadcast(&self->changed);
        self->counts.made += made;
        self->counts.failed += !made;
        if (!made) {
            pthread_mutex_unlock(&self->lock);
            return false;
        }
    } else {
        self->counts.found++;
    }
    bool kept = keep(self, order, key, &found, fault);
    if (!is_there)
        installs_evict(self);
    pthread_mutex_unlock(&self->lock);
    if (is_there && *found.digest)
        installs_note(self, order, install_outcome_found, &found, begun_ms, NULL);
    return kept;
}

bool installs_find(struct installs *self, struct text dependencies, char key[INSTALL_KEY_SIZE],
                   struct fault *fault)
{
    install_key(dependencies, self->host.registry, self->host.kind, key);
    pthread_mutex_lock(&self->lock);
    bool is_there = use(self, key);
    pthread_mutex_unlock(&self->lock);
    return is_there || fault_set(fault, FAULT_start_failed, "its installed dependencies are not here any "
                                 "more; start it again to have them installed");
}
