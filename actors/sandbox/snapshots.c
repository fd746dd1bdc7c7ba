/* snapshots.c - the thread that packs what apps keep in /data; see snapshots.h. */
#include "actors/sandbox/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "actors/sandbox/packer.h"
#include "bus/clock.h"
#include "bus/log.h"
#include "bus/owned.h"

enum { BUSY_AGAIN_MS = 1000, TAKE_MS_MAX = 100 };

struct known_app {
    struct known_app *next;
    char app_id[APP_ID_SIZE];
    bool is_wanted;
    int64_t since_ms;               /* when it was first wanted: the longest waiting is next */
    int64_t not_before_ms;          /* somebody changes it: later */
    bool is_kept;
    unsigned char mark[SNAPSHOT_MARK_OCTETS];
    struct snapshot_view view;
};

struct snapshots {
    struct workspace *workspace;
    struct claims *claims;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct known_app *apps;
    struct snapshot ready;
    bool is_packing, is_ready, is_taken, ending, ended;
};

/* ---- what is known; with the lock held ---- */

static struct known_app *find(struct snapshots *self, const char *app_id)
{
    for (struct known_app *app = self->apps; app; app = app->next)
        if (strcmp(app->app_id, app_id) == 0)
            return app;
    return NULL;
}

static struct known_app *need(struct snapshots *self, const char *app_id)
{
    struct known_app *app = find(self, app_id);

    if (app)
        return app;
    app = calloc(1, sizeof *app);
    if (!app)
        return NULL;                /* asked for again, it may be there */
    (void) snprintf(app->app_id, sizeof app->app_id, "%s", app_id);
    app->next = self->apps;
    self->apps = app;
    return app;
}

static void forget(struct snapshots *self, const char *app_id)
{
    for (struct known_app **at = &self->apps; *at; at = &(*at)->next) {
        if (strcmp((*at)->app_id, app_id) != 0)
            continue;
        struct known_app *gone = *at;
        *at = gone->next;
        free(gone);
        return;
    }
}

static void drop_ready(struct snapshots *self)
{
    free((char *)(uintptr_t)self->ready.archive.at);
    self->ready = (struct snapshot){.app_id = ""};
    self->is_ready = self->is_taken = false;
}

/* Said once, and again only when it has changed. */
static void note_error(struct snapshots *self, const char *app_id, const char *error)
{
    struct known_app *app = find(self, app_id);

    if (!app || strcmp(app->view.error, error) == 0)
        return;
    (void) snprintf(app->view.error, sizeof app->view.error, "%s", error);
    if (*error)
        log_line(LOG_WARN, NULL, "data_not_kept app=%s reason=\"%s\"", app_id, error);
    else
        log_line(LOG_INFO, NULL, "data_kept_again app=%s", app_id);
}

/* ---- packing ---- */

struct packing {
    struct packer *packer;          /* NULL: only the mark is made */
    crypto_generichash_state *mark;
    uint64_t octets_left;
};

static void mark_text(struct packing *self, const char *path)
{
    (void) crypto_generichash_update(self->mark, (const unsigned char *)path, strlen(path) + 1);
}

static bool pack_directory(void *self_, const char *path, struct fault *fault)
{
    struct packing *self = self_;
    int depth = 2;

    for (const char *at = path; *at; at++)
        depth += *at == '/';
    if (depth > TREE_GIVE_DEPTH_MAX)        /* nobody could be made its owner again */
        return fault_set(fault, FAULT_too_large, "nested more than %d deep", TREE_GIVE_DEPTH_MAX);
    mark_text(self, path);
    return !self->packer || packer_add_directory(self->packer, path, 0, fault);
}

static bool pack_file(void *self_, const char *path, int fd, const struct stat *about,
                      struct fault *fault)
{
    struct packing *self = self_;
    const int64_t numbers[] = {about->st_size, about->st_mode & 0700, about->st_mtim.tv_sec,
                               about->st_mtim.tv_nsec, about->st_ctim.tv_sec,
                               about->st_ctim.tv_nsec, (int64_t)about->st_ino};

    mark_text(self, path);
    (void) crypto_generichash_update(self->mark, (const unsigned char *)numbers, sizeof numbers);
    if (!self->packer)
        return true;
    if ((uint64_t)about->st_size > self->octets_left)
        return fault_set(fault, FAULT_too_large, "too many octets");
    self->octets_left -= (uint64_t)about->st_size;
    return packer_add_file(self->packer, path, fd, about, fault);
}

/* With `packer`, the archive's entries; in any case the mark of what was seen. */
static bool walk(int data, struct packer *packer, unsigned char mark[SNAPSHOT_MARK_OCTETS],
                 struct fault *fault)
{
    crypto_generichash_state state;
    struct packing packing = {.packer = packer, .mark = &state,
                              .octets_left = DATA_COPY_OCTETS_MAX};
    const struct tree_visitor visitor = {.self = &packing, .directory = pack_directory,
                                         .file = pack_file};

    (void) crypto_generichash_init(&state, NULL, 0, SNAPSHOT_MARK_OCTETS);
    bool walked = tree_walk(data, DATA_COPY_ENTRIES_MAX, &visitor, fault);
    (void) crypto_generichash_final(&state, mark, SNAPSHOT_MARK_OCTETS);
    return walked;
}

static bool read_back(int file, uint64_t octets, struct text *out, struct fault *fault)
{
    char *at = malloc(octets);

    if (!at || pread(file, at, octets, 0) != (ssize_t)octets) {
        free(at);
        return fault_set(fault, FAULT_internal, "no memory for a snapshot");
    }
    *out = (struct text){at, octets};
    return true;
}

static bool pack(int data, struct snapshot *out, struct fault *fault)
{
    OWNED(fd) int file = memfd_create("isekai-snapshot", MFD_CLOEXEC);
    uint64_t octets = 0;

    if (file < 0)
        return fault_set(fault, FAULT_internal, "memfd_create: %s", strerror(errno));
    struct packer *packer = packer_new(file, PACKER_TAR_GZ, SNAPSHOT_OCTETS_MAX, fault);
    bool packed = packer && walk(data, packer, out->mark, fault) &&
                  packer_end(packer, &octets, fault);
    packer_free(packer);
    return packed && read_back(file, octets, &out->archive, fault);
}

enum outcome { UNCHANGED, PACKED, BUSY, GONE, FAILED };

static enum outcome look_and_pack(struct snapshots *self, const struct known_app *known,
                                  struct snapshot *out, struct fault *fault)
{
    unsigned char mark[SNAPSHOT_MARK_OCTETS];
    OWNED(fd) int app = workspace_app(self->workspace, known->app_id, /* make= */ false, fault);

    if (app < 0)
        return fault->kind == FAULT_app_not_found ? GONE : FAILED;
    if (!workspace_end_move(self->workspace, app, fault))
        return FAILED;
    OWNED(fd) int data = openat(app, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (data < 0)
        return UNCHANGED;
    if (known->is_kept && walk(data, NULL, mark, fault) &&
        sodium_memcmp(mark, known->mark, sizeof mark) == 0)
        return UNCHANGED;
    return pack(data, out, fault) ? PACKED : FAILED;
}

static enum outcome pack_claimed(struct snapshots *self, const struct known_app *known,
                                 struct snapshot *out, struct fault *fault)
{
    struct claim *claim = claims_try(self->claims, known->app_id, fault);

    if (!claim)
        return BUSY;
    (void) snprintf(out->app_id, sizeof out->app_id, "%s", known->app_id);
    enum outcome outcome = look_and_pack(self, known, out, fault);
    claims_give(self->claims, claim);
    return outcome;
}

/* ---- the thread ---- */

static void say_why_not(struct snapshots *self, const char *app_id, const struct fault *fault)
{
    char why[160];

    if (fault->kind == FAULT_too_large)
        (void) snprintf(why, sizeof why, "Its data is more than a snapshot may hold: %d MB packed, "
                        "%d MB or %d files as it is.", SNAPSHOT_OCTETS_MAX >> 20,
                        DATA_COPY_OCTETS_MAX >> 20, DATA_COPY_ENTRIES_MAX);
    else
        (void) snprintf(why, sizeof why, "%s", fault_text(fault->kind));
    note_error(self, app_id, why);
}

/* Called and left with the lock held. */
static void do_one(struct snapshots *self, const struct known_app *chosen)
{
    struct known_app known = *chosen, *app;
    struct snapshot snapshot = {.app_id = ""};
    struct fault fault;

    self->is_packing = true;
    pthread_mutex_unlock(&self->lock);
    enum outcome outcome = pack_claimed(self, &known, &snapshot, &fault);
    pthread_mutex_lock(&self->lock);
    self->is_packing = false;
    pthread_cond_broadcast(&self->changed);
    app = find(self, known.app_id);         /* it may have been forgotten */
    if (app && outcome == BUSY) {
        app->is_wanted = true;
        app->not_before_ms = clock_now_ms() + BUSY_AGAIN_MS;
    }
    if (outcome == GONE)
        forget(self, known.app_id);
    if (app && outcome == FAILED)
        say_why_not(self, known.app_id, &fault);
    if (outcome == PACKED) {
        self->ready = snapshot;
        self->is_ready = true;
        if (!app)
            drop_ready(self);           /* another app of that id must not get this one's data */
    }
}

static struct known_app *next_wanted(struct snapshots *self)
{
    int64_t now_ms = clock_now_ms();
    struct known_app *next = NULL;

    for (struct known_app *app = self->apps; app && !self->is_ready; app = app->next)
        if (app->is_wanted && now_ms >= app->not_before_ms &&
            (!next || app->since_ms < next->since_ms))
            next = app;
    return next;
}

static bool wait_until(struct snapshots *self, int64_t deadline_ms)
{
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};

    return pthread_cond_timedwait(&self->changed, &self->lock, &until) == 0;
}

static void *snapshots_thread(void *self_)
{
    struct snapshots *self = self_;

    pthread_mutex_lock(&self->lock);
    while (!self->ending) {
        struct known_app *app = next_wanted(self);
        if (app) {
            app->is_wanted = false;
            do_one(self, app);
        } else {
            (void) wait_until(self, clock_now_ms() + BUSY_AGAIN_MS);
        }
    }
    self->ended = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- outside ---- */

struct snapshots *snapshots_new(struct workspace *workspace, struct claims *claims,
                                struct fault *fault)
{
    struct snapshots *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for snapshots");
        return NULL;
    }
    self->workspace = workspace;
    self->claims = claims;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&self->thread, NULL, snapshots_thread, self) == 0)
        return self;
    free(self);
    (void) fault_set(fault, FAULT_internal, "no thread for snapshots");
    return NULL;
}

bool snapshots_free(struct snapshots *self, int64_t deadline_ms)
{
    bool in_time = true;

    if (!self)
        return true;
    pthread_mutex_lock(&self->lock);
    self->ending = true;
    pthread_cond_broadcast(&self->changed);
    while (in_time && !self->ended)
        in_time = wait_until(self, deadline_ms);
    bool ended = self->ended;
    pthread_mutex_unlock(&self->lock);
    if (!ended) {
        (void) pthread_detach(self->thread);    /* the process ends now; its memory with it */
        return false;
    }
    pthread_join(self->thread, NULL);
    while (self->apps) {
        struct known_app *app = self->apps;
        self->apps = app->next;
        free(app);
    }
    free((char *)(uintptr_t)self->ready.archive.at);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
    return true;
}

void snapshots_want(struct snapshots *self, const char *app_id)
{
    pthread_mutex_lock(&self->lock);
    struct known_app *app = need(self, app_id);
    if (app && !app->is_wanted) {
        app->is_wanted = true;
        app->since_ms = clock_now_ms();
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

bool snapshots_take(struct snapshots *self, struct snapshot *out)
{
    int64_t until_ms = clock_now_ms() + TAKE_MS_MAX;

    pthread_mutex_lock(&self->lock);
    while (!self->is_ready && (self->is_packing || next_wanted(self)) &&
           wait_until(self, until_ms))
        ;
    bool is_ready = self->is_ready;
    if (is_ready)
        *out = self->ready;
    self->is_taken = is_ready;
    pthread_mutex_unlock(&self->lock);
    return is_ready;
}

void snapshots_settle(struct snapshots *self, const struct fault *why_not)
{
    pthread_mutex_lock(&self->lock);
    struct known_app *app = find(self, self->ready.app_id);
    if (app && !why_not) {
        app->is_kept = true;
        memcpy(app->mark, self->ready.mark, sizeof app->mark);
        app->view.kept_at = clock_wall_ms();
        note_error(self, app->app_id, "");
    } else if (app) {
        say_why_not(self, app->app_id, why_not);
    }
    drop_ready(self);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void snapshots_forget(struct snapshots *self, const char *app_id)
{
    pthread_mutex_lock(&self->lock);
    forget(self, app_id);
    if (self->is_ready && !self->is_taken && strcmp(self->ready.app_id, app_id) == 0)
        drop_ready(self);
    pthread_mutex_unlock(&self->lock);
}

void snapshots_look(struct snapshots *self, const char *app_id, struct snapshot_view *out)
{
    pthread_mutex_lock(&self->lock);
    const struct known_app *app = find(self, app_id);
    *out = app ? app->view : (struct snapshot_view){.kept_at = 0};
    pthread_mutex_unlock(&self->lock);
}
