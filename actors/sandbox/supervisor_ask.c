/* supervisor_ask.c - how workers ask the supervisor's thread: a request each, queued, waited for. */
#include "actors/sandbox/supervisor_inside.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request *request_new(enum request_kind kind, const char *app_id)
{
    struct request *request = calloc(1, sizeof *request);

    if (!request)
        return NULL;
    request->kind = kind;
    atomic_store(&request->holders, 2);
    memcpy(request->app_id, app_id, strnlen(app_id, sizeof request->app_id - 1));
    return request;
}

void request_release(struct request *request)
{
    if (atomic_fetch_sub(&request->holders, 1) != 1)
        return;
    if (request->kind == REQUEST_END)
        secrets_drop(&request->plan.secrets);
    free(request->views);
    free(request);
}

void request_send(struct supervisor *self, struct request *request)
{
    pthread_mutex_lock(&self->lock);
    *self->queue_end = request;
    self->queue_end = &request->next;
    pthread_mutex_unlock(&self->lock);
    supervisor_wake(self);
}

/* The supervisor answers every request, by its own timers at the latest. */
bool request_wait(struct supervisor *self, struct request *request, struct fault *fault)
{
    pthread_mutex_lock(&self->lock);
    while (!request->done)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
    if (!request->ok)
        *fault = request->fault;
    return request->ok;
}

static bool no_memory(struct fault *fault)
{
    return fault_set(fault, FAULT_internal, "no memory for a request");
}

struct request *supervisor_ask_begin(struct supervisor *self, const struct run_plan *plan)
{
    struct request *request = request_new(REQUEST_BEGIN, plan->app_id);

    if (!request)
        return NULL;
    request->plan = *plan;
    request_send(self, request);
    return request;
}

bool supervisor_wait_begin(struct supervisor *self, struct request *ticket,
                           struct run_outcome *outcome, struct fault *fault)
{
    *outcome = (struct run_outcome){.log_after = 0};
    if (!ticket)
        return no_memory(fault);
    bool ok = request_wait(self, ticket, fault);
    *outcome = ticket->outcome;
    request_release(ticket);
    return ok;
}

bool supervisor_begin(struct supervisor *self, const struct run_plan *plan,
                      struct run_outcome *outcome, struct fault *fault)
{
    return supervisor_wait_begin(self, supervisor_ask_begin(self, plan), outcome, fault);
}

bool supervisor_end(struct supervisor *self, const char *app_id, enum run_role role,
                    bool keep_door, struct run_end *ended, struct run_plan *plan,
                    struct fault *fault)
{
    struct request *request = request_new(REQUEST_END, app_id);

    if (!request)
        return no_memory(fault);
    request->role = role;
    request->keep_door = keep_door;
    request_send(self, request);
    bool ok = request_wait(self, request, fault);
    if (ok && ended)
        *ended = request->end;
    if (ok && plan) {
        *plan = request->plan;
        request->plan.secrets = NULL;
    }
    request_release(request);
    return ok;
}

static void tell(struct supervisor *self, enum request_kind kind, const char *app_id)
{
    struct request *request = request_new(kind, app_id);
    struct fault ignored;

    if (!request)
        return;
    request_send(self, request);
    (void) request_wait(self, request, &ignored);
    request_release(request);
}

void supervisor_close_door(struct supervisor *self, const char *app_id)
{
    tell(self, REQUEST_CLOSE_DOOR, app_id);
}

void supervisor_abandon(struct supervisor *self, const char *app_id)
{
    tell(self, REQUEST_ABANDON, app_id);
}

static bool ask_views(struct supervisor *self, enum request_kind kind, const char *app_id,
                      struct run_view *out, size_t capacity, size_t *count, struct fault *fault)
{
    struct request *request = request_new(kind, app_id);

    *count = 0;
    if (request)
        request->views = calloc(capacity, sizeof *request->views);
    if (!request || !request->views) {
        free(request);
        return no_memory(fault);
    }
    request->capacity = capacity;
    request_send(self, request);
    bool ok = request_wait(self, request, fault);
    *count = request->count;
    memcpy(out, request->views, request->count * sizeof *out);
    request_release(request);
    return ok;
}

bool supervisor_get(struct supervisor *self, const char *app_id, struct run_view *out,
                    struct fault *fault)
{
    size_t count;

    *out = (struct run_view){.is_known = false};
    return ask_views(self, REQUEST_GET, app_id, out, 1, &count, fault);
}

bool supervisor_list(struct supervisor *self, struct run_view *out, size_t capacity,
                     size_t *count, struct fault *fault)
{
    return ask_views(self, REQUEST_LIST, "", out, capacity, count, fault);
}

bool supervisor_allow(struct supervisor *self, const char *app_id, uint64_t revision,
                      const struct egress_grants *grants, struct fault *fault)
{
    struct request *request = request_new(REQUEST_ALLOW, app_id);

    if (!request)
        return no_memory(fault);
    request->revision = revision;
    request->grants = grants;
    request_send(self, request);
    bool ok = request_wait(self, request, fault);
    request_release(request);
    return ok;
}

void supervisor_forget_app(struct supervisor *self, const char *app_id)
{
    tell(self, REQUEST_FORGET, app_id);
}

bool supervisor_attempts(struct supervisor *self, const char *app_id, struct attempts *out,
                         struct fault *fault)
{
    struct request *request = request_new(REQUEST_TRIED, app_id);

    *out = (struct attempts){.count = 0};
    if (!request)
        return no_memory(fault);
    request->attempts = out;
    request_send(self, request);
    bool ok = request_wait(self, request, fault);
    request_release(request);
    return ok;
}

bool supervisor_is_well(struct supervisor *self)
{
    pthread_mutex_lock(&self->lock);
    bool is_well = self->is_well && !self->ended;
    pthread_mutex_unlock(&self->lock);
    return is_well;
}
