/* run_gone.c - bubblewrap has ended: make sure that nothing is left, give the verdict, tell whoever
 * waits, and keep a report for the store.
 */
#include "actors/sandbox/supervisor_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/run_notes.h"
#include "bus/clock.h"
#include "bus/owned.h"

/* ---- clearing ---- */

/* bubblewrap waited for process 1, which waited for the app: their usage comes with it. */
static void reap(struct cage *cage, struct run_end *end)
{
    struct rusage usage = {0};
    siginfo_t info;

    if (cage->process.pidfd < 0)
        return;
    (void) syscall(SYS_waitid, P_PIDFD, cage->process.pidfd, &info, WEXITED, &usage);
    fd_drop(&cage->process.pidfd);
    end->peak_memory_bytes = (uint64_t)usage.ru_maxrss * 1024;
    end->cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void run_read_hits(const struct cage *cage, const struct group_usage *usage, struct hits *out)
{
    *out = cage->hits;
    out->cpu_throttled_ms = usage->throttled_us / 1000;
    out->pids_refused = usage->pids_refused;
    out->disk_refused = cage->is_disk_over;
    out->log_octets_dropped = cage->hosted->log.dropped_ever - cage->dropped_before;
}

static void judge(struct supervisor *self, struct cage *cage, struct verdict *verdict)
{
    struct run_end measured = {.cpu_seconds = 0};
    struct group_usage usage;

    if (verdict->end.ended_at)
        return;                     /* judged already; only its cgroup is not gone yet */
    disk_watch_remove(self->disk, cage->number);     /* its process id is free from here on */
    reap(cage, &measured);
    group_read_usage(&cage->group, &usage);
    const struct end_facts facts = {
        .asked = cage->asked, .began = cage->began, .answered = cage->answered_ms != 0,
        .exited = cage->exited, .status = cage->status, .oom_kills = usage.oom_kills,
        .memory_peak_bytes = usage.memory_peak_bytes ? usage.memory_peak_bytes
                                                     : measured.peak_memory_bytes,
        .disk = cage->is_disk_over ? &cage->disk : NULL,
        .port = cage->hosted->port, .limits = &cage->plan.limits,
    };
    verdict_of(&facts, verdict);
    verdict->end.peak_memory_bytes = facts.memory_peak_bytes;
    verdict->end.cpu_seconds = usage.has_cpu ? (double)(usage.cpu_us - cage->warmth.cpu_us) / 1e6
                                             : measured.cpu_seconds;
    verdict->end.started_at = cage->begun_wall_ms;
    verdict->end.ended_at = clock_wall_ms();
    run_read_hits(cage, &usage, &verdict->hits);
}

/* ---- telling ---- */

static void answer_starter(struct supervisor *self, struct cage *cage,
                           const struct verdict *verdict)
{
    struct request *starter = cage->starter;

    cage->starter = NULL;
    if (!starter)
        return;
    starter->outcome = (struct run_outcome){.verdict = *verdict, .log_after = cage->log_after};
    if (cage->abandoned)
        (void) fault_set(&starter->fault, FAULT_conflict, "another change of the app took over");
    else if (self->is_stopping)
        (void) fault_set(&starter->fault, FAULT_interrupted, "the sandbox is stopping");
    else if (verdict->is_our_failure)
        (void) fault_set(&starter->fault, FAULT_internal, "%s", verdict->text);
    else
        (void) fault_set(&starter->fault, FAULT_start_failed, "The app %s.", verdict->text);
    request_answer(self, starter, false);
}

static void answer_enders(struct supervisor *self, struct cage *cage,
                          const struct verdict *verdict)
{
    while (cage->enders) {
        struct request *ender = cage->enders;
        cage->enders = ender->next;
        ender->end = verdict->end;
        ender->plan = cage->plan;
        (void) secrets_hold(ender->plan.secrets);
        request_answer(self, ender, true);
    }
}

static void add_report(struct supervisor *self, const struct ended_run *ended, int64_t due_ms)
{
    struct report *report = calloc(1, sizeof *report);

    if (!report)
        return;
    pthread_mutex_lock(&self->lock);
    report->ended = *ended;
    report->ended.number = ++self->report_number;
    report->due_ms = due_ms;
    *self->reports_end = report;
    self->reports_end = &report->next;
    if (++self->report_count > ENDED_MAX) {
        struct report *oldest = self->reports;
        self->reports = oldest->next;
        self->report_count--;
        free(oldest);
    }
    pthread_mutex_unlock(&self->lock);
}

/* The change that ends a run tells what its app is then; a trial's app is as it was. */
static bool is_only_a_record(const struct cage *cage, const struct verdict *verdict)
{
    return cage->plan.role == RUN_TRIAL || !cage->answered_ms || cage->is_quiet || cage->enders ||
           verdict->end.reason == end_reason_stopped;
}

static void describe_end(const struct supervisor *self, const struct cage *cage,
                         const struct verdict *verdict, struct ended_run *out)
{
    *out = (struct ended_run){
        .status = verdict->status, .end = verdict->end, .hits = verdict->hits,
        .version = cage->plan.version, .is_record = is_only_a_record(cage, verdict),
        .log_after = cage->log_after, .log_until = cage->hosted->log.seq,
    };
    (void) snprintf(out->app_id, sizeof out->app_id, "%s", cage->plan.app_id);
    (void) snprintf(out->run_id, sizeof out->run_id, "%s", cage->plan.run_id);
    (void) snprintf(out->level, sizeof out->level, "%s", self->parts.level);
    (void) snprintf(out->note, sizeof out->note, "%" PRId64 "-%" PRIu64, cage->begun_wall_ms,
                    cage->number);
    if (verdict->status == app_status_error)
        (void) snprintf(out->text, sizeof out->text, "The app %.140s.", verdict->text);
}

/* On a full disk the note of the beginning stays: better than none. */
static void write_note(const struct cage *cage, const struct ended_run *ended)
{
    struct fault ignored;

    (void) run_note_write(cage->hosted->directory, ended, &ignored);
}

void run_note_beginning(struct supervisor *self, const struct cage *cage)
{
    const struct verdict lost = {
        .end = {.reason = end_reason_host_lost, .started_at = cage->begun_wall_ms},
        .status = app_status_stopped,
    };
    struct ended_run ended;

    if (cage->plan.role == RUN_TRIAL)
        return;
    describe_end(self, cage, &lost, &ended);
    ended.is_record = true;         /* the store knows what should run */
    write_note(cage, &ended);
}

/* A trial that answered was no run of its own. */
static void report_end(struct supervisor *self, const struct cage *cage,
                       const struct verdict *verdict)
{
    bool is_trial = cage->plan.role == RUN_TRIAL;
    struct ended_run ended;

    if (is_trial && cage->answered_ms)
        return;
    describe_end(self, cage, verdict, &ended);
    if (is_trial)
        ended.note[0] = '\0';
    else
        write_note(cage, &ended);
    if (!cage->is_quiet)            /* else the next sandbox finds the note */
        add_report(self, &ended, cage->answered_ms ? cage->answered_ms + SETTLE_MS : 0);
}

static void remember_last(struct cage *cage, const struct verdict *verdict)
{
    struct run_view *last = &cage->hosted->last;

    if (cage->plan.role == RUN_TRIAL)
        return;
    *last = (struct run_view){.is_known = true, .version = cage->plan.version,
                              .status = verdict->status, .end = verdict->end,
                              .hits = verdict->hits};
    (void) snprintf(last->app_id, sizeof last->app_id, "%s", cage->plan.app_id);
    (void) snprintf(last->run_id, sizeof last->run_id, "%s", cage->plan.run_id);
}

static const char *reason_in_words(const struct verdict *verdict)
{
    switch (verdict->end.reason) {
    case end_reason_stopped: return "was stopped";
    case end_reason_evicted: return "sleeps until somebody comes";
    case end_reason_wall: return "had all its time";
    default: return verdict->text;
    }
}

static void discard_copies(struct supervisor *self, struct cage *cage)
{
    struct workspace *workspace = self->parts.workspace;
    struct fault ignored;

    if (*cage->plan.app_copy)
        (void) workspace_discard(workspace, cage->hosted->directory, cage->plan.app_copy, &ignored);
    if (*cage->plan.data_copy)
        (void) workspace_discard_data(workspace, cage->hosted->directory, cage->plan.data_copy,
                                      cage->plan.lent_uid, &ignored);
    sweeper_wake(self->parts.sweeper);
}

static void drop_descriptors(struct cage *cage)
{
    probe_drop(&cage->probe);
    cage_process_drop(&cage->process);
    fd_drop(&cage->init);
    fd_drop(&cage->warmth.handover);
}

/* Whoever waits hears of it last, when nothing is left. */
static void finish(struct supervisor *self, struct cage *cage, const struct verdict *verdict)
{
    run_drain_logs(self, cage);
    app_log_end_lines(&cage->hosted->log);
    app_log_show(&cage->hosted->log, cage->plan.secrets);
    run_egress_finish(self, cage);
    app_log_say(&cage->hosted->log, "version %" PRIu64 " %s", cage->plan.version,
                reason_in_words(verdict));
    remember_last(cage, verdict);
    if (cage->plan.role == RUN_SERVES)
        counters_add(self, verdict);
    report_end(self, cage, verdict);
    if (verdict->is_our_failure) {
        pthread_mutex_lock(&self->lock);
        self->is_well = false;
        pthread_mutex_unlock(&self->lock);
    }
    discard_copies(self, cage);
    disk_quota_take_back(self->parts.quota, &cage->share);
    door_close(&cage->door, &self->doors);
    egress_close(&cage->egress, self->parts.egress);
    cage->hosted->door_kept = cage->plan.role == RUN_SERVES ? cage->keep_door
                                                            : cage->hosted->door_kept;
    if (cage->plan.role == RUN_SERVES && !cage->keep_door)
        door_close(&cage->hosted->door, &self->doors);
    hosted_release(self, cage->hosted);
    drop_descriptors(cage);
    answer_starter(self, cage, verdict);
    answer_enders(self, cage, verdict);
}

static bool try_clear_warm(struct supervisor *self, struct cage *cage)
{
    struct run_end nobodys;

    reap(cage, &nobodys);
    if (!group_remove(&cage->group))
        return false;
    egress_close(&cage->egress, self->parts.egress);
    drop_descriptors(cage);
    warm_gone(self, cage);
    return true;
}

bool run_try_clear(struct supervisor *self, struct cage *cage)
{
    if (!egress_stop(&cage->egress) || !group_kill(&cage->group))
        return false;
    if (cage->plan.role == RUN_WARM)
        return try_clear_warm(self, cage);
    judge(self, cage, &cage->verdict);
    if (!group_remove(&cage->group))
        return false;
    finish(self, cage, &cage->verdict);
    return true;
}


/* ---- reports ---- */

bool supervisor_next_ended(struct supervisor *self, struct ended_run *out)
{
    bool found = false;

    pthread_mutex_lock(&self->lock);
    for (struct report *report = self->reports; report && !found; report = report->next) {
        if (report->due_ms > clock_now_ms())
            continue;
        *out = report->ended;
        found = true;
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

void supervisor_forget_ended(struct supervisor *self, uint64_t number)
{
    pthread_mutex_lock(&self->lock);
    for (struct report **at = &self->reports; *at; at = &(*at)->next) {
        struct report *report = *at;
        if (report->ended.number != number)
            continue;
        *at = report->next;
        if (!report->next)
            self->reports_end = at;
        self->report_count--;
        free(report);
        break;
    }
    pthread_mutex_unlock(&self->lock);
}

void reports_settle(struct supervisor *self, const char *app_id)
{
    pthread_mutex_lock(&self->lock);
    for (struct report *report = self->reports; report; report = report->next)
        if (strcmp(report->ended.app_id, app_id) == 0) {
            report->ended.status = app_status_stopped;
            report->ended.text[0] = '\0';
        }
    pthread_mutex_unlock(&self->lock);
}

void supervisor_report(struct supervisor *self, const struct ended_run *ended)
{
    add_report(self, ended, clock_now_ms());
}
