/* claims.c - one change of an app at a time; see claims.h. */
#include "actors/sandbox/claims.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/sandbox/workspace.h"

struct claim {
    struct claim *next;
    char app_id[APP_ID_SIZE];
    unsigned waiting;
};

struct claims {
    void (*abandon)(void *self, const char *app_id);
    void *abandon_self;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct claim *held;
};

struct claims *claims_new(void (*abandon)(void *self, const char *app_id), void *abandon_self)
{
    struct claims *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (!self)
        return NULL;
    self->abandon = abandon;
    self->abandon_self = abandon_self;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return self;
}

void claims_free(struct claims *self)
{
    if (!self)
        return;
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static struct claim *find(struct claims *self, const char *app_id)
{
    for (struct claim *claim = self->held; claim; claim = claim->next)
        if (strcmp(claim->app_id, app_id) == 0)
            return claim;
    return NULL;
}

/* Called and left with the lock held, but for a moment. */
static void ask_to_hurry(struct claims *self, const char *app_id)
{
    struct claim *holder = find(self, app_id);

    if (!holder)
        return;
    holder->waiting++;
    pthread_mutex_unlock(&self->lock);
    self->abandon(self->abandon_self, app_id);
    pthread_mutex_lock(&self->lock);
}

static bool wait_free(struct claims *self, const char *app_id, int64_t deadline_ms)
{
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    int waited = 0;

    while (find(self, app_id) && waited == 0)
        waited = pthread_cond_timedwait(&self->changed, &self->lock, &until);
    return !find(self, app_id);
}

static struct claim *claim_new(const char *app_id, struct fault *fault)
{
    struct claim *claim = calloc(1, sizeof *claim);

    if (claim)
        (void) snprintf(claim->app_id, sizeof claim->app_id, "%s", app_id);
    else
        (void) fault_set(fault, FAULT_internal, "no memory for a claim");
    return claim;
}

/* Called with the lock held, and gives it up. */
static struct claim *hold_if(struct claims *self, struct claim *claim, bool is_free,
                             struct fault *fault)
{
    if (is_free) {
        claim->next = self->held;
        self->held = claim;
    }
    pthread_mutex_unlock(&self->lock);
    if (is_free)
        return claim;
    free(claim);
    (void) fault_set(fault, FAULT_busy, "another change of the app's process did not end in time");
    return NULL;
}

struct claim *claims_take(struct claims *self, const char *app_id, int64_t deadline_ms,
                          struct fault *fault)
{
    struct claim *claim = claim_new(app_id, fault);

    if (!claim)
        return NULL;
    pthread_mutex_lock(&self->lock);
    ask_to_hurry(self, app_id);
    return hold_if(self, claim, wait_free(self, app_id, deadline_ms), fault);
}

struct claim *claims_wait(struct claims *self, const char *app_id, int64_t deadline_ms,
                          struct fault *fault)
{
    struct claim *claim = claim_new(app_id, fault);

    if (!claim)
        return NULL;
    pthread_mutex_lock(&self->lock);
    return hold_if(self, claim, wait_free(self, app_id, deadline_ms), fault);
}

struct claim *claims_try(struct claims *self, const char *app_id, struct fault *fault)
{
    struct claim *claim = claim_new(app_id, fault);

    if (!claim)
        return NULL;
    pthread_mutex_lock(&self->lock);
    return hold_if(self, claim, !find(self, app_id), fault);
}

bool claims_is_wanted(struct claims *self, const struct claim *claim)
{
    pthread_mutex_lock(&self->lock);
    bool is_wanted = claim->waiting > 0;
    pthread_mutex_unlock(&self->lock);
    return is_wanted;
}

void claims_give(struct claims *self, struct claim *claim)
{
    pthread_mutex_lock(&self->lock);
    for (struct claim **at = &self->held; *at; at = &(*at)->next) {
        if (*at != claim)
            continue;
        *at = claim->next;
        break;
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    free(claim);
}
