/* disk_watch.c - the thread that looks how much disk each running app holds; see disk_watch.h. */
#include "actors/sandbox/disk_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "bus/clock.h"
#include "bus/owned.h"

struct watched {
    struct watched *next;
    uint64_t number;
    int app, data;
    pid_t top;
    struct disk_bounds bounds;
    struct disk_usage usage;
    bool is_over, is_told, is_removed;  /* a removed one is freed by the thread */
};

struct room { uint64_t octets, files; };

struct disk_watch {
    int files, wake;
    pthread_t thread;
    pthread_mutex_t lock;               /* guards the list and what stands in it */
    pthread_cond_t changed;
    struct watched *first;
    bool is_new;                        /* one came that was never looked at */
    atomic_bool ending;
    /* The thread's own: */
    struct room room;                   /* what was free at the last round */
    int64_t round_at_ms, rest_until_ms;
};

/* ---- when to look ---- */

static struct room free_room(const struct disk_watch *self)
{
    struct statvfs about;

    if (fstatvfs(self->files, &about) < 0)
        return (struct room){0, 0};
    return (struct room){(uint64_t)about.f_bfree * about.f_frsize, about.f_ffree};
}

static bool has_shrunk(const struct disk_watch *self, const struct room *now)
{
    return now->octets + DISK_STEP_OCTETS < self->room.octets ||
           now->files + DISK_STEP_FILES < self->room.files;
}

/* Room that came back is room that may be taken again. */
static void note_growth(struct disk_watch *self, const struct room *now)
{
    if (now->octets > self->room.octets)
        self->room.octets = now->octets;
    if (now->files > self->room.files)
        self->room.files = now->files;
}

static bool is_due(struct disk_watch *self, bool is_new)
{
    struct room now = free_room(self);
    int64_t now_ms = clock_now_ms();

    note_growth(self, &now);
    if (!is_new && now_ms < self->rest_until_ms)
        return false;
    return is_new || now_ms >= self->round_at_ms || has_shrunk(self, &now);
}

/* ---- looking ---- */

static struct disk_usage look(const struct watched *watched, pid_t top)
{
    struct disk_usage usage = {0};
    struct stat about;

    disk_measure(watched->app, &watched->bounds, &usage);
    disk_measure(watched->data, &watched->bounds, &usage);
    if (top > 0 && fstat(watched->data, &about) == 0)
        disk_measure_unlinked(top, about.st_dev, about.st_uid, &watched->bounds, &usage);
    return usage;
}

static void note(struct disk_watch *self, struct watched *watched, const struct disk_usage *usage)
{
    uint64_t one = 1;

    watched->usage = *usage;
    if (watched->is_over || watched->is_removed || !disk_is_over(usage, &watched->bounds))
        return;
    watched->is_over = true;
    (void) !write(self->wake, &one, sizeof one);
}

static void forget_removed(struct disk_watch *self)
{
    struct watched **at = &self->first;

    while (*at) {
        struct watched *watched = *at;
        if (!watched->is_removed) {
            at = &watched->next;
            continue;
        }
        *at = watched->next;
        fd_drop(&watched->app);
        fd_drop(&watched->data);
        free(watched);
    }
}

/* Only this thread frees, so what is looked at without the lock stays. */
static void make_round(struct disk_watch *self)
{
    int64_t begun_ms = clock_now_ms();

    self->room = free_room(self);
    for (struct watched *watched = self->first; watched; watched = watched->next) {
        if (watched->is_removed || watched->is_over)
            continue;
        pid_t top = watched->top;
        pthread_mutex_unlock(&self->lock);
        struct disk_usage usage = look(watched, top);
        pthread_mutex_lock(&self->lock);
        if (!atomic_load(&self->ending))
            note(self, watched, &usage);
    }
    int64_t now_ms = clock_now_ms();
    self->round_at_ms = now_ms + DISK_ROUND_MS;
    self->rest_until_ms = now_ms + DISK_REST * (now_ms - begun_ms);
}

static void wait_for_next(struct disk_watch *self)
{
    int64_t until_ms = clock_now_ms() + DISK_LOOK_MS;
    struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};

    if (self->first)
        (void) pthread_cond_timedwait(&self->changed, &self->lock, &until);
    else
        (void) pthread_cond_wait(&self->changed, &self->lock);
}

static void *disk_watch_thread(void *self_)
{
    struct disk_watch *self = self_;

    pthread_mutex_lock(&self->lock);
    while (!atomic_load(&self->ending)) {
        bool is_new = self->is_new;
        self->is_new = false;
        if (self->first && is_due(self, is_new))
            make_round(self);
        forget_removed(self);
        if (!self->is_new && !atomic_load(&self->ending))
            wait_for_next(self);
    }
    for (struct watched *watched = self->first; watched; watched = watched->next)
        watched->is_removed = true;
    forget_removed(self);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- asking ---- */

static struct watched *find(const struct disk_watch *self, uint64_t number)
{
    for (struct watched *watched = self->first; watched; watched = watched->next)
        if (watched->number == number && !watched->is_removed)
            return watched;
    return NULL;
}

bool disk_watch_add(struct disk_watch *self, const struct disk_watched *what, struct fault *fault)
{
    struct watched *watched = calloc(1, sizeof *watched);

    if (!watched)
        return fault_set(fault, FAULT_internal, "no memory to watch a disk");
    *watched = (struct watched){
        .number = what->number,
        .app = fcntl(what->app, F_DUPFD_CLOEXEC, 3), .data = fcntl(what->data, F_DUPFD_CLOEXEC, 3),
        .bounds = {what->octets_max, what->entries_max, &self->ending},
    };
    if (watched->app < 0 || watched->data < 0) {
        (void) fault_set(fault, FAULT_internal, "watch a disk: %s", strerror(errno));
        fd_drop(&watched->app);
        fd_drop(&watched->data);
        free(watched);
        return false;
    }
    pthread_mutex_lock(&self->lock);
    watched->next = self->first;
    self->first = watched;
    self->is_new = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return true;
}

void disk_watch_follow(struct disk_watch *self, uint64_t number, pid_t top)
{
    pthread_mutex_lock(&self->lock);
    struct watched *watched = find(self, number);
    if (watched)
        watched->top = top;
    pthread_mutex_unlock(&self->lock);
}

void disk_watch_remove(struct disk_watch *self, uint64_t number)
{
    pthread_mutex_lock(&self->lock);
    struct watched *watched = find(self, number);
    if (watched)
        watched->is_removed = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

bool disk_watch_next_over(struct disk_watch *self, uint64_t *number, struct disk_usage *usage)
{
    bool found = false;

    pthread_mutex_lock(&self->lock);
    for (struct watched *watched = self->first; watched && !found; watched = watched->next) {
        if (!watched->is_over || watched->is_told || watched->is_removed)
            continue;
        watched->is_told = found = true;
        *number = watched->number;
        *usage = watched->usage;
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

struct disk_usage disk_watch_last(struct disk_watch *self, uint64_t number)
{
    pthread_mutex_lock(&self->lock);
    const struct watched *watched = find(self, number);
    struct disk_usage usage = watched ? watched->usage : (struct disk_usage){0};
    pthread_mutex_unlock(&self->lock);
    return usage;
}

/* ---- beginning and end ---- */

static void drop(struct disk_watch *self)
{
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    fd_drop(&self->files);
    free(self);
}

struct disk_watch *disk_watch_new(int files, int wake, struct fault *fault)
{
    struct disk_watch *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for the disk watch");
        return NULL;
    }
    self->files = fcntl(files, F_DUPFD_CLOEXEC, 3);
    self->wake = wake;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (self->files >= 0 && pthread_create(&self->thread, NULL, disk_watch_thread, self) == 0)
        return self;
    (void) fault_set(fault, FAULT_internal, "no thread for the disk watch");
    drop(self);
    return NULL;
}

void disk_watch_free(struct disk_watch *self)
{
    if (!self)
        return;
    atomic_store(&self->ending, true);
    pthread_mutex_lock(&self->lock);
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    drop(self);
}
