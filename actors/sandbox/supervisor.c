/* supervisor.c - the supervisor's thread; see supervisor.h. How workers ask it: supervisor_ask.c.
 *
 * A turn: wait for the first of an event, a request, a timer; handle the events; take the
 * requests; look at the timers; bury the cages that are gone.
 */
#include "actors/sandbox/supervisor_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "actors/sandbox/filter.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { EVENTS_AT_ONCE = 64 };

void supervisor_wake(struct supervisor *self)
{
    uint64_t one = 1;

    (void) !write(self->wake, &one, sizeof one);     /* a full counter is readable as well */
}

void request_answer(struct supervisor *self, struct request *request, bool ok)
{
    pthread_mutex_lock(&self->lock);
    request->ok = ok;
    request->done = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    request_release(request);
}

/* ---- requests ---- */

static void answer_get(struct supervisor *self, struct request *request)
{
    const struct cage *cage = run_of(self, request->app_id, RUN_SERVES);
    const struct hosted *hosted = hosted_find(self, request->app_id);

    if (hosted) {
        request->views[0] = hosted->last;
        request->count = 1;
    }
    if (cage && cage->answered_ms)
        run_describe(self, cage, &request->views[0]);
    request_answer(self, request, true);
}

static void answer_list(struct supervisor *self, struct request *request)
{
    for (const struct cage *cage = self->cages; cage; cage = cage->next)
        if (cage->plan.role == RUN_SERVES && cage->answered_ms &&
            request->count < request->capacity)
            run_describe(self, cage, &request->views[request->count++]);
    request_answer(self, request, true);
}

static void close_door(struct supervisor *self, struct request *request)
{
    struct hosted *hosted = hosted_find(self, request->app_id);

    if (hosted) {
        hosted->door_kept = false;
        if (!run_of(self, request->app_id, RUN_SERVES))
            door_close(&hosted->door, &self->doors);
    }
    request_answer(self, request, true);
}

static void abandon(struct supervisor *self, struct request *request)
{
    for (struct cage *cage = self->cages; cage; cage = cage->next) {
        if (cage->state != CAGE_STARTING || strcmp(cage->plan.app_id, request->app_id) != 0)
            continue;
        cage->abandoned = true;
        run_stop(self, cage, end_reason_stopped);
    }
    request_answer(self, request, true);
}

static void take_requests(struct supervisor *self)
{
    pthread_mutex_lock(&self->lock);
    struct request *request = self->queue;
    self->queue = NULL;
    self->queue_end = &self->queue;
    pthread_mutex_unlock(&self->lock);
    while (request) {
        struct request *next = request->next;
        switch (request->kind) {
        case REQUEST_BEGIN: run_begin(self, request); break;
        case REQUEST_END: run_end_asked(self, request); break;
        case REQUEST_CLOSE_DOOR: close_door(self, request); break;
        case REQUEST_ABANDON: abandon(self, request); break;
        case REQUEST_GET: answer_get(self, request); break;
        case REQUEST_LIST: answer_list(self, request); break;
        case REQUEST_TAKE_WARM: warm_take(self, request); break;
        case REQUEST_DROP_WARM:
            warm_drop(self, request->plan.warm);
            request_answer(self, request, true);
            break;
        case REQUEST_ALLOW: run_egress_allow(self, request); break;
        case REQUEST_FORGET: run_egress_forget(self, request); break;
        case REQUEST_TRIED: run_egress_tried(self, request); break;
        }
        request = next;
    }
}

/* ---- the loop ---- */

static int wait_ms(const struct supervisor *self)
{
    int64_t now = clock_now_ms(), next = warm_next_ms(self);

    for (const struct cage *cage = self->cages; cage; cage = cage->next) {
        int64_t due = run_next_ms(self, cage);
        if (due < next)
            next = due;
    }
    if (next == INT64_MAX)
        return -1;
    return next <= now ? 0 : next - now > 60000 ? 60000 : (int)(next - now);
}

static void bury_the_gone(struct supervisor *self)
{
    struct cage **at = &self->cages;

    while (*at) {
        struct cage *cage = *at;
        if (cage->state != CAGE_GONE) {
            at = &cage->next;
            continue;
        }
        *at = cage->next;
        self->cage_count--;
        secrets_drop(&cage->plan.secrets);
        free(cage);
    }
}

/* Nobody waits for a warm cage's last words. */
static void run_end(struct supervisor *self, struct cage *cage)
{
    if (cage->plan.role == RUN_WARM)
        run_move(self, cage, CAGE_LATE);
    else
        run_stop(self, cage, end_reason_stopped);
}

static bool is_over(struct supervisor *self)
{
    pthread_mutex_lock(&self->lock);
    bool ending = self->ending;
    pthread_mutex_unlock(&self->lock);
    if (ending && !self->is_stopping) {
        self->is_stopping = true;
        for (struct cage *cage = self->cages; cage; cage = cage->next) {
            cage->is_quiet = true;
            if (cage->state != CAGE_CLEARING && cage->state != CAGE_GONE)
                run_end(self, cage);
        }
    }
    return ending && !self->cages;
}

static void *supervisor_thread(void *self_)
{
    struct supervisor *self = self_;
    struct epoll_event events[EVENTS_AT_ONCE];
    uint64_t ignored;

    while (!is_over(self)) {
        int count = epoll_wait(self->epoll, events, EVENTS_AT_ONCE, wait_ms(self));
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64)
                run_handle(self, events[i].data.u64);
            else
                (void) !read(self->wake, &ignored, sizeof ignored);
        }
        take_requests(self);
        run_disk_end_full(self);
        int64_t now = clock_now_ms();
        for (struct cage *cage = self->cages; cage; cage = cage->next)
            run_tick(self, cage, now);
        bury_the_gone(self);
        warm_refill(self, now);
    }
    take_requests(self);
    pthread_mutex_lock(&self->lock);
    self->ended = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- beginning and end ---- */

static void drop(struct supervisor *self)
{
    while (self->hosted) {
        struct hosted *next = self->hosted->next;
        door_close(&self->hosted->door, &self->doors);
        hosted_free(self->hosted);
        self->hosted = next;
    }
    while (self->reports) {
        struct report *next = self->reports->next;
        free(self->reports);
        self->reports = next;
    }
    while (self->tried) {
        struct tried_report *next = self->tried->next;
        free(self->tried);
        self->tried = next;
    }
    doors_close(&self->doors);
    fd_drop(&self->filter);
    fd_drop(&self->epoll);
    disk_watch_free(self->disk);
    fd_drop(&self->wake);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static bool prepare(struct supervisor *self, struct fault *fault)
{
    struct epoll_event event = {.events = EPOLLIN};

    if (!doors_open(&self->doors, self->parts.run, self->parts.user, fault) ||
        !filter_make(&self->filter, fault))
        return false;
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->epoll < 0 || self->wake < 0 ||
        epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->wake, &event) < 0)
        return fault_set(fault, FAULT_internal, "supervisor: %s", strerror(errno));
    self->disk = disk_watch_new(self->parts.workspace->apps, self->wake, fault);
    if (!self->disk)
        return false;
    if (pthread_create(&self->thread, NULL, supervisor_thread, self) != 0)
        return fault_set(fault, FAULT_internal, "supervisor: %s", strerror(errno));
    return true;
}

struct supervisor *supervisor_new(const struct supervisor_parts *parts, struct fault *fault)
{
    struct supervisor *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for the supervisor");
        return NULL;
    }
    self->parts = *parts;
    self->doors.directory = self->filter = self->epoll = self->wake = -1;
    self->queue_end = &self->queue;
    self->reports_end = &self->reports;
    self->tried_end = &self->tried;
    self->is_well = true;
    self->warm_at_ms = clock_now_ms() + WARM_FIRST_MS;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (prepare(self, fault))
        return self;
    drop(self);
    return NULL;
}

bool supervisor_free(struct supervisor *self, int64_t deadline_ms)
{
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    int waited = 0;

    if (!self)
        return true;
    pthread_mutex_lock(&self->lock);
    self->ending = true;
    pthread_mutex_unlock(&self->lock);
    supervisor_wake(self);
    pthread_mutex_lock(&self->lock);
    while (!self->ended && waited == 0)
        waited = pthread_cond_timedwait(&self->changed, &self->lock, &until);
    bool ended = self->ended;
    pthread_mutex_unlock(&self->lock);
    if (!ended) {
        (void) pthread_detach(self->thread);    /* the lifelines end with this process */
        return false;
    }
    pthread_join(self->thread, NULL);
    drop(self);
    return true;
}
