/* lane.c - the worker threads of one lane and the jobs that wait for them. */
#include "bus/actor_inside.h"

#include <errno.h>
#include <stdlib.h>

#include "bus/clock.h"

/* Wait for a job; NULL when the crew ends and none is left. */
static struct job *take_job(struct crew *self)
{
    pthread_mutex_lock(&self->lock);
    while (!self->first && !self->is_ending)
        pthread_cond_wait(&self->has_work, &self->lock);
    struct job *job = self->first;
    if (job) {
        self->first = job->next;
        if (!self->first)
            self->last = &self->first;
        self->waiting--;
        self->working++;
    }
    pthread_mutex_unlock(&self->lock);
    return job;
}

static void finish_job(struct crew *self)
{
    pthread_mutex_lock(&self->lock);
    self->working--;
    pthread_mutex_unlock(&self->lock);
}

static void *worker_thread(void *crew)
{
    struct crew *self = crew;
    struct bus_client *client = NULL;   /* made by the first call that asks */
    struct job *job;

    while ((job = take_job(self))) {
        serve(self->loop, &client, job);
        finish_job(self);
    }
    bus_client_free(client);
    pthread_mutex_lock(&self->lock);
    self->alive--;
    pthread_cond_signal(&self->has_ended);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static void init_conditions(struct crew *self)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->has_work, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->has_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool crew_begin(struct crew *self, struct fault *fault)
{
    self->first = NULL;
    self->last = &self->first;
    self->threads = calloc(self->thread_count, sizeof *self->threads);
    if (!self->threads)
        return fault_set(fault, FAULT_internal, "no memory for %u threads", self->thread_count);
    init_conditions(self);
    self->alive = self->thread_count;
    for (uint32_t i = 0; i < self->thread_count; i++) {
        if (pthread_create(&self->threads[i], NULL, worker_thread, self) == 0)
            continue;
        pthread_mutex_lock(&self->lock);
        self->alive -= self->thread_count - i;
        pthread_mutex_unlock(&self->lock);
        self->thread_count = i;
        crew_end(self);
        crew_drop(self);
        return fault_set(fault, FAULT_internal, "no thread for %s", self->service);
    }
    return true;
}

bool crew_put(struct crew *self, struct job *job)
{
    pthread_mutex_lock(&self->lock);
    bool taken = !self->is_ending && self->waiting < self->waiting_max;
    if (taken) {
        job->next = NULL;
        *self->last = job;
        self->last = &job->next;
        self->waiting++;
    }
    pthread_mutex_unlock(&self->lock);
    if (taken)
        pthread_cond_signal(&self->has_work);
    return taken;
}

void crew_end(struct crew *self)
{
    pthread_mutex_lock(&self->lock);
    self->is_ending = true;
    pthread_cond_broadcast(&self->has_work);
    pthread_mutex_unlock(&self->lock);
}

bool crew_has_ended(struct crew *self, int64_t deadline_ms)
{
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    int waited = 0;

    pthread_mutex_lock(&self->lock);
    while (self->alive > 0 && waited == 0)
        waited = pthread_cond_timedwait(&self->has_ended, &self->lock, &until);
    bool ended = self->alive == 0;
    pthread_mutex_unlock(&self->lock);
    return ended;
}

void crew_drop(struct crew *self)
{
    for (uint32_t i = 0; i < self->thread_count; i++)
        pthread_join(self->threads[i], NULL);
    free(self->threads);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->has_work);
    pthread_cond_destroy(&self->has_ended);
    self->thread_count = 0;
}

void crew_stats(struct crew *self, uint64_t *working, uint64_t *waiting)
{
    pthread_mutex_lock(&self->lock);
    *working = self->working;
    *waiting = self->waiting;
    pthread_mutex_unlock(&self->lock);
}
