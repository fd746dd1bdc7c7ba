/* control.c - the thread of started, tick and stopping: an actor's own business. */
#include "bus/actor_inside.h"

#include "bus/clock.h"
#include "bus/log.h"

typedef void business(struct call *call, void *self);

/* Run it as a call of the actor itself, with a deadline. */
static void run(struct loop *loop, struct bus_client **client, business *what, uint32_t within_ms)
{
    struct call call = {
        .loop = loop,
        .client = client,
        .begun_us = clock_now_us(),
        .deadline_ms = clock_now_ms() + within_ms,
        .user = loop->actor->name,
        .arena = arena_new(CALL_OCTETS_MAX),
    };

    if (!call.arena) {
        log_line(LOG_ERROR, NULL, "control_failed reason=\"no memory\"");
        return;
    }
    uuid_make(call.own_request_id);
    call.request_id = call.own_request_id;
    what(&call, loop->actor->self);
    arena_free(call.arena);
}

/* What is due next: wait for it. */
enum due { DUE_STARTED, DUE_TICK, DUE_REST };

static enum due wait_until_due(struct control *self, bool is_started, int64_t tick_at_ms)
{
    struct timespec until = {tick_at_ms / 1000, tick_at_ms % 1000 * 1000000};
    int waited = 0;

    pthread_mutex_lock(&self->lock);
    while (!self->is_draining && (is_started || !self->is_registered) && waited == 0) {
        if (is_started && tick_at_ms > 0)
            waited = pthread_cond_timedwait(&self->changed, &self->lock, &until);
        else
            pthread_cond_wait(&self->changed, &self->lock);
    }
    enum due due = self->is_draining ? DUE_REST : is_started ? DUE_TICK : DUE_STARTED;
    pthread_mutex_unlock(&self->lock);
    return due;
}

static void work_until_drain(struct loop *loop, struct bus_client **client)
{
    const struct actor *actor = loop->actor;
    int64_t tick_at_ms = 0;
    enum due due;

    while ((due = wait_until_due(&loop->control, tick_at_ms != 0, tick_at_ms)) != DUE_REST) {
        if (due == DUE_STARTED && actor->started)
            run(loop, client, actor->started, lane_deadline_ms(LANE_LONG));
        if (due == DUE_TICK && actor->tick)
            run(loop, client, actor->tick,
                actor->tick_deadline_ms ? actor->tick_deadline_ms : actor->tick_ms);
        tick_at_ms = actor->tick && actor->tick_ms > 0 ? clock_now_ms() + actor->tick_ms : -1;
    }
}

static void *control_thread(void *loop_)
{
    struct loop *loop = loop_;
    struct control *self = &loop->control;
    struct bus_client *client = NULL;

    work_until_drain(loop, &client);
    bus_client_free(client);
    pthread_mutex_lock(&self->lock);
    self->is_idle = true;
    pthread_cond_broadcast(&self->changed);
    while (!self->may_stop)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
    if (loop->actor->stopping)
        loop->actor->stopping(loop->actor->self);
    return NULL;
}

bool control_begin(struct control *self, struct loop *loop, struct fault *fault)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    self->is_begun = pthread_create(&self->thread, NULL, control_thread, loop) == 0;
    if (self->is_begun)
        return true;
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    return fault_set(fault, FAULT_internal, "no thread for control");
}

static void tell(struct control *self, bool *what)
{
    pthread_mutex_lock(&self->lock);
    *what = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void control_tell_registered(struct control *self)
{
    tell(self, &self->is_registered);
}

void control_tell_draining(struct control *self)
{
    tell(self, &self->is_draining);
}

bool control_is_idle(struct control *self, int64_t deadline_ms)
{
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    int waited = 0;

    pthread_mutex_lock(&self->lock);
    while (!self->is_idle && waited == 0)
        waited = pthread_cond_timedwait(&self->changed, &self->lock, &until);
    bool is_idle = self->is_idle;
    pthread_mutex_unlock(&self->lock);
    return is_idle;
}

void control_end(struct control *self)
{
    if (!self->is_begun)
        return;
    tell(self, &self->is_draining);
    tell(self, &self->may_stop);
    pthread_join(self->thread, NULL);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    self->is_begun = false;
}
