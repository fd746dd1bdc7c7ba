/* run.c - beginning a run, moving it through its states, and wishing it to end.
 *
 * run_move() is the one door through which a cage changes its state; what a state does on
 * arrival stands there.
 */
#include "actors/sandbox/supervisor_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actors/sandbox/init/protocol.h"
#include "actors/sandbox/runtime.h"
#include "bus/clock.h"
#include "bus/owned.h"

struct cage *run_of(struct supervisor *self, const char *app_id, enum run_role role)
{
    for (struct cage *cage = self->cages; cage; cage = cage->next)
        if (cage->state != CAGE_GONE && cage->plan.role == role &&
            strcmp(cage->plan.app_id, app_id) == 0)
            return cage;
    return NULL;
}

/* ---- ending ---- */

void run_kill(struct cage *cage)
{
    int first = cage->init >= 0 ? cage->init : cage->process.pidfd;

    fd_drop(&cage->process.lifeline);
    if (first >= 0)
        (void) syscall(SYS_pidfd_send_signal, first, SIGKILL, NULL, 0);
    (void) group_kill(&cage->group);
}

void run_move(struct supervisor *self, struct cage *cage, enum cage_event event)
{
    cage->state = cage_state_after(cage->state, event);
    switch (cage->state) {
    case CAGE_KILLING:
        run_kill(cage);
        cage->late_at_ms = clock_now_ms() + KILL_AGAIN_MS;
        break;
    case CAGE_CLEARING:
        cage->late_at_ms = clock_now_ms();
        break;
    default:
        break;
    }
    if (cage->state != CAGE_STARTING && cage->state != CAGE_RUNNING && !cage->probe.answered)
        probe_drop(&cage->probe);
    if (cage->state == CAGE_KILLING || cage->state == CAGE_CLEARING)
        run_egress_end(self, cage);
}

static void send_stop(struct cage *cage)
{
    uint64_t half_ms = cage->plan.limits.stop_timeout_ms / 2;
    struct init_order order = {INIT_STOP, half_ms < ANSWERS_MS ? (uint32_t)half_ms : ANSWERS_MS};

    (void) send(cage->process.control, &order, sizeof order, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void run_stop(struct supervisor *self, struct cage *cage, enum end_reason reason)
{
    if (cage->state == CAGE_STARTING || cage->state == CAGE_RUNNING) {
        cage->asked = reason;
        cage->late_at_ms = clock_now_ms() + (int64_t)cage->plan.limits.stop_timeout_ms;
        send_stop(cage);
    }
    /* Who connects from now on shall learn that it does not run, unless somebody follows. */
    if (cage->plan.role == RUN_SERVES && !cage->keep_door)
        door_close(&cage->hosted->door, &self->doors);
    run_move(self, cage, CAGE_STOP);
}

void run_end_asked(struct supervisor *self, struct request *request)
{
    struct cage *cage = run_of(self, request->app_id, request->role);

    if (request->role == RUN_SERVES)
        reports_settle(self, request->app_id);
    if (!cage) {
        if (request->role == RUN_SERVES)
            hosted_note_stopped(self, request->app_id, request->keep_door);
        request_answer(self, request, true);
        return;
    }
    request->next = cage->enders;
    cage->enders = request;
    cage->keep_door = request->keep_door;
    run_stop(self, cage, end_reason_stopped);
}

/* ---- beginning ---- */

static uint64_t count_serving(const struct supervisor *self)
{
    uint64_t count = 0;

    for (const struct cage *cage = self->cages; cage; cage = cage->next)
        count += cage->plan.role == RUN_SERVES && cage->asked == end_reason_absent;
    return count;
}

/* Put the app to sleep that nobody has used for the longest time. */
static bool evict_one(struct supervisor *self)
{
    int64_t used_before_ms = clock_now_ms() - EVICT_IDLE_MS;
    struct cage *idle = NULL;

    for (struct cage *cage = self->cages; cage; cage = cage->next) {
        if (cage->state != CAGE_RUNNING || cage->plan.role != RUN_SERVES ||
            cage->active_ms > used_before_ms)
            continue;
        if (!idle || cage->active_ms < idle->active_ms)
            idle = cage;
    }
    if (!idle)
        return false;
    run_stop(self, idle, end_reason_evicted);
    return true;
}

static bool may_begin(struct supervisor *self, const struct run_plan *plan, struct fault *fault)
{
    if (self->is_stopping)
        return fault_set(fault, FAULT_interrupted, "the sandbox is stopping");
    if (!prover_allows(self->parts.prover, fault))
        return false;
    if (run_of(self, plan->app_id, plan->role))
        return fault_set(fault, FAULT_conflict, "the app has a run already");
    if (self->cage_count >= CAGES_MAX)
        return fault_set(fault, FAULT_capacity, "%d cages are here", CAGES_MAX);
    if (plan->role == RUN_SERVES && count_serving(self) >= self->parts.running_max &&
        !evict_one(self)) {
        (void) fault_set(fault, FAULT_capacity, "%" PRIu64 " apps run here, all in use",
                         self->parts.running_max);
        return fault_retry_after(fault, EVICT_IDLE_MS);
    }
    return true;
}

bool run_make_group(struct supervisor *self, struct cage *cage, struct fault *fault)
{
    const struct limits *limits = &cage->plan.limits;
    char name[GROUP_NAME_SIZE];

    cage->boosted = limits->cpu_percent < START_BOOST_PERCENT;
    struct group_limits most = runtime_group_limits(self->parts.host->runtime, limits);
    if (cage->boosted)
        most.cpu_percent = START_BOOST_PERCENT;
    (void) snprintf(name, sizeof name, "cage-%" PRIu64, cage->number);
    return group_make(self->parts.cgroups, name, &most, &cage->group, fault);
}

static const struct door *door_of(const struct cage *cage)
{
    return cage->plan.role == RUN_TRIAL ? &cage->door : &cage->hosted->door;
}

static bool open_door(struct supervisor *self, struct cage *cage, struct fault *fault)
{
    char name[DOOR_NAME_SIZE];

    if (cage->plan.role == RUN_SERVES)
        return hosted_open_door(self, cage->hosted, fault);
    (void) snprintf(name, sizeof name, ".trial-%" PRIu64, cage->number);
    return door_open(&cage->door, &self->doors, name, fault);
}

static bool start_process(struct supervisor *self, struct cage *cage, struct fault *fault)
{
    const struct run_plan *plan = &cage->plan;
    char app[2 * PATH_MAX], data[2 * PATH_MAX], egress[2 * PATH_MAX], installed[2 * PATH_MAX];
    const struct cage_mount modules = {installed, "/app/node_modules"};
    const struct cage_spec spec = {
        .host = self->parts.host, .app_path = app, .data_path = data, .egress_path = egress,
        .entry = &plan->entry, .limits = &plan->limits, .port = cage->hosted->port,
        .uid = plan->uid, .listener = door_of(cage)->fd, .filter = self->filter,
        .group = &cage->group, .secrets = plan->secrets, .mounts = &modules,
        .mount_count = *plan->installed ? 1 : 0,
    };

    (void) snprintf(app, sizeof app, "%s/apps/%s/%s", self->parts.workspace->path, plan->app_id,
                    plan->app_copy);
    (void) snprintf(data, sizeof data, "%s/apps/%s/%s", self->parts.workspace->path,
                    plan->app_id, *plan->data_copy ? plan->data_copy : "data");
    (void) snprintf(installed, sizeof installed, "%s/installed/%s/node_modules",
                    self->parts.workspace->path, plan->installed);
    egress_path(&cage->egress, self->parts.egress, egress, sizeof egress);
    return cage_start(&spec, &cage->process, fault);
}

bool run_start_cold(struct supervisor *self, struct cage *cage, struct fault *fault)
{
    if (!run_make_group(self, cage, fault) ||
        !run_egress_open(self, cage, fault) ||
        !start_process(self, cage, fault))
        return false;
    const int fds[] = {[WATCH_PROCESS] = cage->process.pidfd,
                       [WATCH_CONTROL] = cage->process.control,
                       [WATCH_OUT] = cage->process.log[0], [WATCH_ERR] = cage->process.log[1]};
    for (size_t kind = 0; kind < sizeof fds / sizeof *fds; kind++)
        run_watch(self, cage, (enum watch_kind)kind, fds[kind]);
    run_egress_tick(self, cage, clock_now_ms());
    return true;
}

static void ask_first(struct supervisor *self, struct cage *cage)
{
    struct sockaddr_un address;

    door_address(door_of(cage), &self->doors, &address);
    if (probe_begin(&cage->probe, &address, clock_now_ms()))
        run_watch(self, cage, WATCH_PROBE, cage->probe.fd);
}

static void discard_copies(struct supervisor *self, const struct run_plan *plan)
{
    struct fault ignored;
    OWNED(fd) int app = workspace_app(self->parts.workspace, plan->app_id, false, &ignored);

    if (app < 0)
        return;
    if (*plan->app_copy)
        (void) workspace_discard(self->parts.workspace, app, plan->app_copy, &ignored);
    if (*plan->data_copy)
        (void) workspace_discard_data(self->parts.workspace, app, plan->data_copy, plan->lent_uid,
                                      &ignored);
    sweeper_wake(self->parts.sweeper);
}

struct cage *run_new(struct supervisor *self)
{
    struct cage *cage = calloc(1, sizeof *cage);

    if (!cage)
        return NULL;
    cage->number = ++self->cage_number;
    cage->process = (struct cage_process){.pidfd = -1, .control = -1, .log = {-1, -1},
                                          .lifeline = -1};
    cage->init = cage->door.fd = cage->probe.fd = cage->warmth.handover = -1;
    cage->egress = EGRESS_NONE;
    return cage;
}

void run_add(struct supervisor *self, struct cage *cage)
{
    cage->next = self->cages;
    self->cages = cage;
    self->cage_count++;
}

static struct cage *cage_new(struct supervisor *self, const struct run_plan *plan,
                             struct fault *fault)
{
    struct cage *cage = run_new(self);
    int64_t now = clock_now_ms();

    if (!cage) {
        (void) fault_set(fault, FAULT_internal, "no memory for a cage");
        return NULL;
    }
    cage->plan = *plan;
    cage->keep_door = plan->keep_door;
    cage->hosted = hosted_hold(self, plan->app_id, fault);
    if (!cage->hosted) {
        free(cage);
        return NULL;
    }
    if (!app_log_hide(&cage->hosted->log, plan->secrets, fault)) {
        hosted_release(self, cage->hosted);
        free(cage);
        return NULL;
    }
    (void) secrets_hold(cage->plan.secrets);
    if (plan->role == RUN_SERVES) {     /* what was tried belongs to the run before */
        free(cage->hosted->attempts);
        cage->hosted->attempts = NULL;
    }
    cage->log_after = cage->hosted->log.seq;
    cage->dropped_before = cage->hosted->log.dropped_ever;
    cage->begun_ms = now;
    cage->begun_wall_ms = clock_wall_ms();
    cage->boost_until_ms = now + START_BOOST_MS;
    cage->late_at_ms = now + (int64_t)plan->limits.start_timeout_ms;
    if (plan->deadline_ms < cage->late_at_ms)
        cage->late_at_ms = plan->deadline_ms;
    return cage;
}

/* A cage that never was: what its parts have taken so far goes back. */
static void undo(struct supervisor *self, struct cage *cage)
{
    warm_take_back(self, cage);
    cage_process_drop(&cage->process);
    disk_watch_remove(self->disk, cage->number);
    disk_quota_take_back(self->parts.quota, &cage->share);
    door_close(&cage->door, &self->doors);
    egress_close(&cage->egress, self->parts.egress);
    (void) group_remove(&cage->group);
    if (cage->plan.role == RUN_SERVES)
        door_close(&cage->hosted->door, &self->doors);
    app_log_show(&cage->hosted->log, cage->plan.secrets);
    hosted_release(self, cage->hosted);
    secrets_drop(&cage->plan.secrets);
    free(cage);
}

static bool begin(struct supervisor *self, struct request *request)
{
    struct fault *fault = &request->fault;
    struct cage *cage = may_begin(self, &request->plan, fault)
                            ? cage_new(self, &request->plan, fault) : NULL;

    if (!cage)
        return false;
    bool has_door = open_door(self, cage, fault), is_warm = has_door && warm_give(self, cage);
    app_log_say(&cage->hosted->log, "version %" PRIu64 " %s%s", cage->plan.version,
                cage->plan.role == RUN_TRIAL ? "is tried out on a copy of the data" : "starts",
                is_warm ? ", warm" : "");
    if (!has_door || !run_disk_begin(self, cage, fault) ||
        (!is_warm && !run_start_cold(self, cage, fault))) {
        undo(self, cage);
        return false;
    }
    disk_watch_follow(self->disk, cage->number, cage->process.pid);
    cage->starter = request;
    run_add(self, cage);
    ask_first(self, cage);
    run_note_beginning(self, cage);
    return true;
}

void run_begin(struct supervisor *self, struct request *request)
{
    if (begin(self, request))
        return;
    warm_drop(self, request->plan.warm);
    discard_copies(self, &request->plan);
    request_answer(self, request, false);
}
