/* leases.c - keep holding what is under way; see leases.h. */
#include "actors/apps/leases.h"

#include <pthread.h>
#include <stdlib.h>

#include "bus/client.h"
#include "bus/clock.h"

struct held {
    char operation_id[OPERATION_ID_SIZE];
    char app_id[APP_ID_SIZE];
    char owner[101];
};

struct leases {
    pthread_mutex_t lock;
    pthread_cond_t changed;         /* held shrank, or ending was set */
    pthread_t thread;
    bool ending;
    uint32_t lease_ms;
    size_t count;
    struct held held[LEASES_MAX];
    struct bus_client *client;      /* the thread's alone */
};

static struct timespec at_deadline(int64_t deadline_ms)
{
    return (struct timespec){.tv_sec = deadline_ms / 1000,
                             .tv_nsec = (deadline_ms % 1000) * 1000000};
}

static void renew(struct leases *self, const struct held *held, int64_t deadline_ms)
{
    const struct advance_request request = {
        .operation_id = text_from(held->operation_id),
        .owner = text_from(held->owner),
        .lease_ms = self->lease_ms,
    };
    const struct ask ask = {.method = &method_store_advance, .deadline_ms = deadline_ms};
    struct arena *arena = arena_new(65536);
    struct advance_reply reply;
    struct fault ignored = {0};

    /* A lost lease shows in the change's own next step; a silent store may answer next time. */
    if (arena)
        (void) bus_client_ask(self->client, &ask, &request, arena, &reply, &ignored);
    arena_free(arena);
}

static size_t copy_held(struct leases *self, struct held *out)
{
    for (size_t i = 0; i < self->count; i++)
        out[i] = self->held[i];
    return self->count;
}

static void *renew_until_end(void *argument)
{
    struct leases *self = argument;
    struct held *round = calloc(LEASES_MAX, sizeof *round);

    pthread_mutex_lock(&self->lock);
    while (round && !self->ending) {
        int64_t next = clock_now_ms() + self->lease_ms / 3;
        struct timespec until = at_deadline(next);
        while (!self->ending && clock_now_ms() < next)
            (void) pthread_cond_timedwait(&self->changed, &self->lock, &until);
        size_t count = self->ending ? 0 : copy_held(self, round);
        pthread_mutex_unlock(&self->lock);
        for (size_t i = 0; i < count; i++)
            renew(self, &round[i], clock_now_ms() + self->lease_ms / 3);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    free(round);
    return NULL;
}

struct leases *leases_new(const struct bus_settings *bus, uint32_t lease_ms, struct fault *fault)
{
    struct leases *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for leases");
        return NULL;
    }
    self->lease_ms = lease_ms;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    self->client = bus_client_new(bus, fault);
    if (self->client && pthread_create(&self->thread, NULL, renew_until_end, self) == 0)
        return self;
    if (self->client)
        (void) fault_set(fault, FAULT_internal, "no thread for leases");
    bus_client_free(self->client);
    free(self);
    return NULL;
}

void leases_free(struct leases *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->ending = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    bus_client_free(self->client);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

bool leases_hold(struct leases *self, struct text operation_id, struct text app_id,
                 const char *owner, struct fault *fault)
{
    pthread_mutex_lock(&self->lock);
    bool fits = self->count < LEASES_MAX;
    if (fits) {
        struct held *held = &self->held[self->count++];
        (void) text_to_string(operation_id, held->operation_id,
                              sizeof held->operation_id);
        (void) text_to_string(app_id, held->app_id, sizeof held->app_id);
        (void) text_to_string(text_from(owner), held->owner, sizeof held->owner);
    }
    pthread_mutex_unlock(&self->lock);
    return fits || fault_set(fault, FAULT_overloaded, "%d changes are under way", LEASES_MAX);
}

void leases_drop(struct leases *self, const char *operation_id)
{
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->held[i].operation_id, operation_id) == 0) {
            self->held[i] = self->held[--self->count];
            break;
        }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static bool is_held(const struct leases *self, struct text app_id)
{
    for (size_t i = 0; i < self->count; i++)
        if (text_is(app_id, self->held[i].app_id))
            return true;
    return false;
}

bool leases_wait_free(struct leases *self, struct text app_id, int64_t deadline_ms)
{
    struct timespec until = at_deadline(deadline_ms);

    pthread_mutex_lock(&self->lock);
    while (is_held(self, app_id) && clock_now_ms() < deadline_ms)
        (void) pthread_cond_timedwait(&self->changed, &self->lock, &until);
    bool is_free = !is_held(self, app_id);
    pthread_mutex_unlock(&self->lock);
    return is_free;
}
