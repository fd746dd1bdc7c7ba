/* run_watch.c - what happens to a cage: its process ends, its init reports, it writes, it answers,
 * its time is up.
 */
#include "actors/sandbox/supervisor_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actors/sandbox/filter.h"
#include "actors/sandbox/init/protocol.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { DRAIN_TURNS_MAX = 64 };

void run_watch(struct supervisor *self, struct cage *cage, enum watch_kind kind, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = cage->number * WATCHES + kind};

    (void) epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* ---- isekai-init ---- */

/* The kernel says who sent it: process 1 of the cage, as a process of ours. */
static void remember_init(struct cage *cage, struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    struct ucred sender;

    if (cage->init >= 0 || !control || control->cmsg_type != SCM_CREDENTIALS)
        return;
    memcpy(&sender, CMSG_DATA(control), sizeof sender);
    if (sender.pid > 1)
        cage->init = (int)syscall(SYS_pidfd_open, sender.pid, 0);
}

/* Its number must be one that the filter refuses: process 1 is believed as far as that. */
static void take_refused(struct cage *cage, const struct init_report *report)
{
    const char *name = filter_refused_name((uint32_t)report->value);

    if (name)
        hits_set_refused(&cage->hits, name, report->count);
}

static void take_report(struct cage *cage, const struct init_report *report)
{
    switch (report->kind) {
    case INIT_BEGAN:
        cage->began = true;
        break;
    case INIT_ACTIVITY:
        cage->active_ms = clock_now_ms();
        break;
    case INIT_APP_EXITED:
        cage->exited = true;
        cage->status = report->value;
        break;
    case INIT_REFUSED:
        take_refused(cage, report);
        break;
    case INIT_SERVES:
        warm_tell_node(cage);
        break;
    default:
        break;
    }
}

/* False when there is nothing more to read now. */
static bool read_control(struct supervisor *self, struct cage *cage)
{
    struct init_report report;
    union { struct cmsghdr align; char octets[CMSG_SPACE(sizeof(struct ucred))]; } control;
    struct iovec piece = {&report, sizeof report};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.octets,
                             .msg_controllen = sizeof control.octets};
    ssize_t size = recvmsg(cage->process.control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (size <= 0) {
        (void) epoll_ctl(self->epoll, EPOLL_CTL_DEL, cage->process.control, NULL);
        return false;
    }
    if (size != sizeof report || message.msg_flags & MSG_TRUNC)
        return true;
    if (report.kind == INIT_BEGAN)
        remember_init(cage, &message);
    take_report(cage, &report);
    return true;
}

/* ---- its process ---- */

static void process_ended(struct supervisor *self, struct cage *cage)
{
    (void) epoll_ctl(self->epoll, EPOLL_CTL_DEL, cage->process.pidfd, NULL);
    for (int turn = 0; turn < DRAIN_TURNS_MAX && read_control(self, cage); turn++)
        ;                                   /* how the app ended may still stand there */
    if (warm_fall_back(self, cage))
        return;
    run_move(self, cage, CAGE_ENDED);
}

/* ---- what it writes ---- */

/* At most one buffer per turn, so that a chatty app takes turns with all others. */
static bool read_log(struct supervisor *self, struct cage *cage, enum log_stream stream)
{
    int *fd = &cage->process.log[stream];
    ssize_t size = *fd >= 0 ? read(*fd, self->scratch, sizeof self->scratch) : 0;

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (size <= 0) {
        fd_drop(fd);
        return false;
    }
    app_log_take(&cage->hosted->log, stream, self->scratch, (size_t)size);
    return true;
}

void run_drain_logs(struct supervisor *self, struct cage *cage)
{
    for (int turn = 0; turn < DRAIN_TURNS_MAX && read_log(self, cage, LOG_STDOUT); turn++)
        ;
    for (int turn = 0; turn < DRAIN_TURNS_MAX && read_log(self, cage, LOG_STDERR); turn++)
        ;
}

/* ---- whether it answers ---- */

static void end_boost(struct cage *cage)
{
    struct fault ignored;

    if (cage->boosted)
        (void) group_set_cpu(&cage->group, cage->plan.limits.cpu_percent, &ignored);
    cage->boosted = false;
}

static void answered(struct supervisor *self, struct cage *cage)
{
    struct request *starter = cage->starter;

    cage->answered_ms = cage->active_ms = clock_now_ms();
    cage->answered_wall_ms = clock_wall_ms();
    end_boost(cage);
    run_move(self, cage, CAGE_ANSWERED);
    pthread_mutex_lock(&self->lock);
    self->is_well = true;
    pthread_mutex_unlock(&self->lock);
    cage->starter = NULL;
    cage->keep_door = false;
    if (!starter)
        return;
    starter->outcome.log_after = cage->log_after;
    request_answer(self, starter, true);
}

static void try_again(struct supervisor *self, struct cage *cage, int64_t now_ms)
{
    struct sockaddr_un address;
    const struct door *door = cage->plan.role == RUN_TRIAL ? &cage->door : &cage->hosted->door;

    door_address(door, &self->doors, &address);
    if (probe_begin(&cage->probe, &address, now_ms))
        run_watch(self, cage, WATCH_PROBE, cage->probe.fd);
}

static struct cage *find(struct supervisor *self, uint64_t number)
{
    for (struct cage *cage = self->cages; cage; cage = cage->next)
        if (cage->number == number)
            return cage;
    return NULL;
}

void run_handle(struct supervisor *self, uint64_t watched)
{
    struct cage *cage = find(self, watched / WATCHES);

    if (!cage || cage->state == CAGE_GONE)
        return;
    switch ((enum watch_kind)(watched % WATCHES)) {
    case WATCH_PROCESS:
        if (cage->state != CAGE_CLEARING)
            process_ended(self, cage);
        break;
    case WATCH_CONTROL:
        (void) read_control(self, cage);
        break;
    case WATCH_OUT:
        (void) read_log(self, cage, LOG_STDOUT);
        break;
    case WATCH_ERR:
        (void) read_log(self, cage, LOG_STDERR);
        break;
    case WATCH_PROBE:
        if (cage->probe.fd >= 0 && probe_read(&cage->probe, clock_now_ms()) == PROBE_ANSWERED &&
            cage->state == CAGE_STARTING)
            answered(self, cage);
        break;
    case WATCH_HANDOVER:
        warm_handle(cage);
        break;
    case WATCH_EGRESS_DOOR:
    case WATCH_EGRESS_CONTROL:
    case WATCH_EGRESS_PROCESS:
        run_egress_handle(self, cage, (enum watch_kind)(watched % WATCHES));
        break;
    case WATCHES:
        break;
    }
}

/* ---- time ---- */

static int64_t rest_at_ms(const struct cage *cage)
{
    int64_t from = cage->plan.limits.is_wall ? cage->answered_ms : cage->active_ms;

    if (cage->state != CAGE_RUNNING || cage->plan.role == RUN_TRIAL)
        return INT64_MAX;
    return from + (int64_t)cage->plan.limits.timeout_ms;
}

static void tick_probe(struct supervisor *self, struct cage *cage, int64_t now_ms)
{
    if (cage->probe.again_at_ms == 0 || now_ms < cage->probe.again_at_ms)
        return;
    if (cage->probe.answered)
        probe_drop(&cage->probe);
    else if (cage->state == CAGE_STARTING)
        try_again(self, cage, now_ms);
}

/* Whatever it is doing with the app's files, it is gone before another cage gets them. */
static void tick_handover(struct cage *cage, int64_t now_ms)
{
    struct warmth *warmth = &cage->warmth;

    if (!warmth->by_ms || warmth->is_given_up || now_ms < warmth->by_ms)
        return;
    warmth->is_given_up = true;
    run_kill(cage);
}

void run_tick(struct supervisor *self, struct cage *cage, int64_t now_ms)
{
    if (cage->state == CAGE_GONE)
        return;
    tick_probe(self, cage, now_ms);
    tick_handover(cage, now_ms);
    run_egress_tick(self, cage, now_ms);
    if (cage->boosted && now_ms >= cage->boost_until_ms)
        end_boost(cage);
    if (now_ms >= rest_at_ms(cage))
        run_stop(self, cage, cage->plan.limits.is_wall ? end_reason_wall : end_reason_evicted);
    if (cage->state == CAGE_RUNNING || now_ms < cage->late_at_ms)
        return;
    if (cage->state == CAGE_STARTING)
        cage->asked = end_reason_start_failed;
    if (cage->state != CAGE_CLEARING)
        run_move(self, cage, CAGE_LATE);
    else if (run_try_clear(self, cage))
        run_move(self, cage, CAGE_EMPTY);
    else
        cage->late_at_ms = now_ms + KILL_AGAIN_MS;
}

int64_t run_next_ms(const struct supervisor *self, const struct cage *cage)
{
    int64_t next = rest_at_ms(cage), egress = run_egress_next_ms(cage);

    (void) self;
    if (egress < next)
        next = egress;
    if (cage->state != CAGE_RUNNING && cage->late_at_ms < next)
        next = cage->late_at_ms;
    if (cage->boosted && cage->boost_until_ms < next)
        next = cage->boost_until_ms;
    if (cage->probe.again_at_ms && cage->probe.again_at_ms < next)
        next = cage->probe.again_at_ms;
    if (cage->warmth.by_ms && !cage->warmth.is_given_up && cage->warmth.by_ms < next)
        next = cage->warmth.by_ms;
    return next;
}
