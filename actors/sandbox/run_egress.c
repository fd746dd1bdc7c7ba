/* run_egress.c - the way out of a cage: who comes to its socket starts the proxy; what the proxy says
 * is counted, said in the app's log and kept for the audit log.
 *
 * The socket is watched only while no proxy runs. One that dies is started again by the next connection,
 * but not sooner than EGRESS_AGAIN_MS after the last start.
 */
#include "actors/sandbox/supervisor_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "bus/clock.h"
#include "bus/log.h"

enum { DRAIN_TURNS_MAX = 64 };

static const struct egress_grants no_grants;

/* ---- the proxy ---- */

bool run_egress_open(struct supervisor *self, struct cage *cage, struct fault *fault)
{
    char name[24];

    (void) snprintf(name, sizeof name, "%" PRIu64, cage->number);
    return egress_open(&cage->egress, self->parts.egress, name, cage->plan.uid, fault);
}

static void start(struct supervisor *self, struct cage *cage)
{
    const struct egress_start how = {.app_id = cage->plan.app_id, .uid = cage->plan.uid,
                                     .group = &cage->group};
    struct fault fault;

    cage->egress.is_watched = false;
    (void) epoll_ctl(self->epoll, EPOLL_CTL_DEL, cage->egress.door.fd, NULL);
    if (!egress_start(&cage->egress, self->parts.egress, &how, &fault)) {
        log_line(LOG_WARN, NULL, "egress_not_started app=%s reason=\"%s\"", cage->plan.app_id,
                 fault.reason);
        return;
    }
    run_watch(self, cage, WATCH_EGRESS_CONTROL, cage->egress.control);
    run_watch(self, cage, WATCH_EGRESS_PROCESS, cage->egress.process);
    egress_tell(&cage->egress, cage->hosted->grants ? cage->hosted->grants : &no_grants);
}

static void note(struct cage *cage, const struct egress_report *what)
{
    struct hosted *hosted = cage->hosted;

    cage->hits.egress_denied += attempt_is_denied(what->end);
    if (!hosted->attempts)
        hosted->attempts = calloc(1, sizeof *hosted->attempts);
    if (hosted->attempts)
        attempts_note(hosted->attempts, what, clock_wall_ms());
}

/* At most so many per turn: an app that tries fast takes turns with all others. */
static bool hear(struct cage *cage)
{
    struct egress_report what;
    int count = 0;

    for (; count < EGRESS_REPORTS_AT_ONCE && egress_hear(&cage->egress, &what); count++)
        note(cage, &what);
    return count == EGRESS_REPORTS_AT_ONCE;
}

void run_egress_handle(struct supervisor *self, struct cage *cage, enum watch_kind kind)
{
    bool is_over = cage->state == CAGE_KILLING || cage->state == CAGE_CLEARING;

    if (cage->plan.role == RUN_WARM)
        return;
    if (kind == WATCH_EGRESS_DOOR && cage->egress.is_watched && !is_over)
        start(self, cage);
    else if (kind != WATCH_EGRESS_DOOR && !hear(cage) && kind == WATCH_EGRESS_PROCESS)
        (void) egress_stop(&cage->egress);
}

/* Of a cage that is no app's yet nobody has a way out. */
static bool is_unwatched(const struct cage *cage)
{
    return cage->plan.role != RUN_WARM && (cage->state == CAGE_STARTING || cage->state == CAGE_RUNNING) &&
           cage->egress.door.fd >= 0 && cage->egress.process < 0 && !cage->egress.is_watched;
}

static int64_t watch_at_ms(const struct cage *cage)
{
    return cage->egress.started_ms ? cage->egress.started_ms + EGRESS_AGAIN_MS : 0;
}

/* ---- telling ---- */

static void say(struct cage *cage, int64_t now_ms, bool all)
{
    struct hosted *hosted = cage->hosted;
    const struct attempt *attempt;
    uint64_t count;

    while (hosted->attempts &&
           (attempt = attempts_next_said(hosted->attempts, now_ms, all, &count)))
        app_log_say(&hosted->log, "tried %s:%u x%" PRIu64 ", %s", attempt->what.host,
                    attempt->what.port, count, attempt_in_words(attempt->what.end));
}

static void fill(struct tried *out, struct attempts *attempts)
{
    for (size_t i = 0; i < attempts->count; i++) {
        struct attempt *attempt = &attempts->at[i];
        if (attempt->count == attempt->told)
            continue;
        out->rows[out->count].what = attempt->what;
        out->rows[out->count++].count = attempt->count - attempt->told;
        attempt->told = attempt->count;
    }
    out->others = attempts->others - attempts->others_told;
    attempts->others_told = attempts->others;
}

static void keep(struct supervisor *self, struct tried_report *report)
{
    pthread_mutex_lock(&self->lock);
    *self->tried_end = report;
    self->tried_end = &report->next;
    if (++self->tried_count > TRIED_MAX) {
        struct tried_report *oldest = self->tried;
        self->tried = oldest->next;
        self->tried_count--;
        free(oldest);
    }
    pthread_mutex_unlock(&self->lock);
}

static void tell(struct supervisor *self, struct cage *cage, int64_t now_ms, bool all)
{
    struct attempts *attempts = cage->hosted->attempts;
    struct tried_report *report;

    if (!attempts || !attempts_are_untold(attempts, now_ms, all))
        return;
    attempts->tell_at_ms = now_ms + ATTEMPTS_SAY_MS;
    report = calloc(1, sizeof *report);
    if (!report)
        return;
    (void) snprintf(report->tried.app_id, APP_ID_SIZE, "%s", cage->plan.app_id);
    (void) snprintf(report->tried.run_id, RUN_ID_SIZE, "%s", cage->plan.run_id);
    uuid_make(report->tried.event_id);
    report->tried.at = clock_wall_ms();
    fill(&report->tried, attempts);
    keep(self, report);
}

void run_egress_leave(struct supervisor *self, struct cage *cage)
{
    if (cage->egress.is_watched)
        (void) epoll_ctl(self->epoll, EPOLL_CTL_DEL, cage->egress.door.fd, NULL);
    cage->egress.is_watched = false;
}

void run_egress_tick(struct supervisor *self, struct cage *cage, int64_t now_ms)
{
    if (cage->plan.role == RUN_WARM)
        return;
    if (is_unwatched(cage) && now_ms >= watch_at_ms(cage)) {
        cage->egress.is_watched = true;
        run_watch(self, cage, WATCH_EGRESS_DOOR, cage->egress.door.fd);
    }
    say(cage, now_ms, /* all= */ false);
    tell(self, cage, now_ms, /* all= */ false);
}

int64_t run_egress_next_ms(const struct cage *cage)
{
    const struct attempts *attempts = cage->hosted ? cage->hosted->attempts : NULL;
    int64_t next = is_unwatched(cage) ? watch_at_ms(cage) : INT64_MAX;

    if (!attempts)
        return next;
    if (attempts_next_ms(attempts) < next)
        next = attempts_next_ms(attempts);
    if (attempts_are_untold(attempts, 0, /* all= */ true) && attempts->tell_at_ms < next)
        next = attempts->tell_at_ms;
    return next;
}

void run_egress_end(struct supervisor *self, struct cage *cage)
{
    (void) self;
    for (int turn = 0; turn < DRAIN_TURNS_MAX && hear(cage); turn++)
        ;
    (void) egress_stop(&cage->egress);
}

void run_egress_finish(struct supervisor *self, struct cage *cage)
{
    const struct attempts *attempts = cage->hosted->attempts;

    say(cage, clock_now_ms(), /* all= */ true);
    if (attempts && attempts->others > attempts->others_told)
        app_log_say(&cage->hosted->log, "tried others x%" PRIu64,
                    attempts->others - attempts->others_told);
    if (cage->hits.egress_denied > 0)
        app_log_say(&cage->hosted->log, "connections out that were denied: %" PRIu64,
                    cage->hits.egress_denied);
    tell(self, cage, clock_now_ms(), /* all= */ true);
}

/* ---- requests ---- */

static bool set_grants(struct hosted *hosted, const struct egress_grants *grants,
                       struct fault *fault)
{
    struct egress_grants *copy = malloc(sizeof *copy);

    if (!copy)
        return fault_set(fault, FAULT_internal, "no memory for grants");
    *copy = *grants;
    free(hosted->grants);
    hosted->grants = copy;
    return true;
}

void run_egress_allow(struct supervisor *self, struct request *request)
{
    struct hosted *hosted = hosted_know(self, request->app_id, &request->fault);
    bool is_late = hosted && request->revision < hosted->egress_revision;

    if (!hosted || (!is_late && !set_grants(hosted, request->grants, &request->fault))) {
        request_answer(self, request, false);
        return;
    }
    if (!is_late)
        hosted->egress_revision = request->revision;
    for (struct cage *cage = self->cages; cage && !is_late; cage = cage->next)
        if (cage->hosted == hosted)
            egress_tell(&cage->egress, hosted->grants);
    request_answer(self, request, true);
}

void run_egress_forget(struct supervisor *self, struct request *request)
{
    struct hosted *hosted = hosted_find(self, request->app_id);

    if (hosted) {
        hosted->egress_revision = 0;
        free(hosted->grants);
        free(hosted->attempts);
        hosted->grants = NULL;
        hosted->attempts = NULL;
    }
    request_answer(self, request, true);
}

void run_egress_tried(struct supervisor *self, struct request *request)
{
    const struct hosted *hosted = hosted_find(self, request->app_id);

    /* Whoever was refused just now shall find it. */
    for (struct cage *cage = self->cages; cage; cage = cage->next)
        if (cage->hosted == hosted)
            (void) hear(cage);
    if (hosted && hosted->attempts)
        *request->attempts = *hosted->attempts;
    request_answer(self, request, true);
}

bool supervisor_next_tried(struct supervisor *self, struct tried *out)
{
    pthread_mutex_lock(&self->lock);
    bool found = self->tried != NULL;
    if (found)
        *out = self->tried->tried;
    pthread_mutex_unlock(&self->lock);
    return found;
}

void supervisor_forget_tried(struct supervisor *self, const char *event_id)
{
    pthread_mutex_lock(&self->lock);
    struct tried_report *first = self->tried;
    if (first && strcmp(first->tried.event_id, event_id) == 0) {
        self->tried = first->next;
        self->tried_count--;
        if (!self->tried)
            self->tried_end = &self->tried;
        free(first);
    }
    pthread_mutex_unlock(&self->lock);
}
