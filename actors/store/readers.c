/* readers.c - lend read-only connections. */
#include "actors/store/readers.h"

#include <pthread.h>
#include <stdlib.h>

#include "bus/clock.h"

struct readers {
    pthread_mutex_t mutex;          /* guards everything below */
    pthread_cond_t changed;
    size_t count;
    bool paused;
    struct connection *idle[READERS_MAX];       /* last given, first taken: its cache is warm */
    size_t idle_count;
};

struct readers *readers_new(const struct database *database, size_t count, struct fault *fault)
{
    struct readers *self = calloc(1, sizeof *self);
    pthread_condattr_t attributes;

    if (!self || count < 1 || count > READERS_MAX) {
        (void) fault_set(fault, FAULT_internal, "no %zu readers", count);
        free(self);
        return NULL;
    }
    pthread_mutex_init(&self->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    self->count = count;
    while (self->idle_count < count) {
        struct connection *connection = connection_open_reader(database, fault);
        if (!connection) {
            readers_free(self);
            return NULL;
        }
        self->idle[self->idle_count++] = connection;
    }
    return self;
}

void readers_free(struct readers *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < self->idle_count; i++)
        connection_close(self->idle[i]);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

static void wait_for_change(struct readers *self, int64_t deadline_ms)
{
    struct timespec at = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};

    (void) pthread_cond_timedwait(&self->changed, &self->mutex, &at);
}

static struct connection *take_idle(struct readers *self, int64_t deadline_ms)
{
    struct connection *connection = NULL;

    pthread_mutex_lock(&self->mutex);
    while ((self->paused || self->idle_count == 0) && clock_left_ms(deadline_ms) > 0)
        wait_for_change(self, deadline_ms);
    if (!self->paused && self->idle_count > 0)
        connection = self->idle[--self->idle_count];
    pthread_mutex_unlock(&self->mutex);
    return connection;
}

static void put_idle(struct readers *self, struct connection *connection)
{
    pthread_mutex_lock(&self->mutex);
    self->idle[self->idle_count++] = connection;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

bool readers_pause(struct readers *self, int64_t deadline_ms)
{
    pthread_mutex_lock(&self->mutex);
    self->paused = true;
    while (self->idle_count < self->count && clock_left_ms(deadline_ms) > 0)
        wait_for_change(self, deadline_ms);
    bool is_quiet = self->idle_count == self->count;
    pthread_mutex_unlock(&self->mutex);
    return is_quiet;
}

void readers_resume(struct readers *self)
{
    pthread_mutex_lock(&self->mutex);
    self->paused = false;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

struct connection *readers_take(struct readers *self, int64_t deadline_ms, struct fault *fault)
{
    struct connection *connection = take_idle(self, deadline_ms);

    if (!connection) {
        (void) fault_set(fault, FAULT_timed_out, "no reader came free");
        return NULL;
    }
    if (statement_run(connection, STATEMENT_snapshot_begin, fault))
        return connection;
    put_idle(self, connection);
    return NULL;
}

void readers_give(struct readers *self, struct connection *connection)
{
    struct fault ignored = {0};

    (void) statement_run(connection, STATEMENT_snapshot_end, &ignored);
    put_idle(self, connection);
}
