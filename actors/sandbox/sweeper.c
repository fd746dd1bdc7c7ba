/* sweeper.c - the thread that removes what was thrown away; see sweeper.h. */
#include "actors/sandbox/sweeper.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/sandbox/tree.h"
#include "bus/owned.h"

struct sweeper {
    int trash;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t asked, swept;      /* rounds wanted and done */
    bool is_clean;              /* the last round left nothing */
    bool ending, ended;
};

/* One round over the trash; false when something could not be removed. */
static bool sweep(int trash)
{
    int copy = openat(trash, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;
    struct fault ignored;
    bool clean = true;

    if (!dir) {
        fd_drop(&copy);
        return false;
    }
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            clean &= tree_remove(trash, entry->d_name, &ignored);
    (void) closedir(dir);
    return clean;
}

static void *sweeper_thread(void *self_)
{
    struct sweeper *self = self_;

    pthread_mutex_lock(&self->lock);
    while (!self->ending || self->swept < self->asked) {
        if (self->swept == self->asked) {
            pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        uint64_t round = self->asked;
        pthread_mutex_unlock(&self->lock);
        bool clean = sweep(self->trash);
        pthread_mutex_lock(&self->lock);
        self->swept = round;
        self->is_clean = clean;
        pthread_cond_broadcast(&self->changed);
    }
    self->ended = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

struct sweeper *sweeper_new(int trash, struct fault *fault)
{
    struct sweeper *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for the sweeper");
        return NULL;
    }
    self->trash = fcntl(trash, F_DUPFD_CLOEXEC, 3);    /* its own: it may outlive its maker */
    self->asked = 1;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (self->trash >= 0 && pthread_create(&self->thread, NULL, sweeper_thread, self) == 0)
        return self;
    fd_drop(&self->trash);
    free(self);
    (void) fault_set(fault, FAULT_internal, "no thread for the sweeper");
    return NULL;
}

void sweeper_wake(struct sweeper *self)
{
    pthread_mutex_lock(&self->lock);
    self->asked++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static bool wait_until(struct sweeper *self, int64_t deadline_ms)
{
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};

    return pthread_cond_timedwait(&self->changed, &self->lock, &until) == 0;
}

bool sweeper_wait_clean(struct sweeper *self, int64_t deadline_ms)
{
    bool in_time = true;

    pthread_mutex_lock(&self->lock);
    uint64_t round = ++self->asked;
    pthread_cond_broadcast(&self->changed);
    while (in_time && self->swept < round)
        in_time = wait_until(self, deadline_ms);
    bool clean = self->swept >= round && self->is_clean;
    pthread_mutex_unlock(&self->lock);
    return clean;
}

bool sweeper_free(struct sweeper *self, int64_t deadline_ms)
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
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    fd_drop(&self->trash);
    free(self);
    return true;
}
