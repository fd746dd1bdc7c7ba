/* init.c - process 1 of a cage: starts the app, reaps, relays, and ends when the sandbox does.
 *
 * Where the app is a guest of runsc, that is what is started here, and isekai-guest behind it does
 * for the app what is done here otherwise; see guest/guest.c.
 * In a warm cage, which the sandbox boots before anybody needs it, node waits in warm.js to be told
 * which app it is, and the relay for the app's socket; all else is as in any other.
 *
 * Everything here runs before or beside hostile code of the same uid. So: this process cannot
 * be traced or looked into (not dumpable), the app is started without any of its descriptors, and
 * Landlock and the seccomp filter are on it before its first instruction (become.c). Signals from
 * inside the cage do not reach process 1; the sandbox speaks over the control socket.
 * The kernel kills every other process of the cage when this one ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actors/sandbox/init/become.h"
#include "actors/sandbox/init/guest.h"
#include "actors/sandbox/init/protocol.h"
#include "actors/sandbox/init/refusals.h"
#include "actors/sandbox/init/relay.h"

enum {
    EVENTS_AT_ONCE = 64,
    ACTIVITY_REPORT_MS = 1000,
    REFUSALS_REPORT_MS = 1000,
    LINGER_MS = 250,                    /* for answers still on their way when the app has ended */
};

struct init {
    int epoll, signals;
    char lifeline, control;             /* only their addresses are used, as names of events */
    int filter_pair[2];                 /* the app hands its filter's listener over this */
    struct refusals refusals;
    int64_t refusals_at_ms;
    struct guest guest;
    bool has_guest;
    pid_t app;                          /* or runsc, whose guest it is */
    struct relay *relay;
    int64_t stop_by_ms;                 /* 0: nobody wants it to end, or SIGTERM was sent */
    bool app_ended;
    int64_t end_by_ms;
    uint64_t octets_reported;
    int64_t report_at_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void report_counted(uint32_t kind, int32_t value, uint32_t count)
{
    struct init_report message = {kind, value, count};

    (void) send(INIT_FD_CONTROL, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void report(uint32_t kind, int32_t value)
{
    report_counted(kind, value, 0);
}

static void report_refused(uint32_t call, uint32_t count)
{
    report_counted(INIT_REFUSED, (int32_t)call, count);
}

static void watch(struct init *self, int fd, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

    if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        init_fail("epoll_ctl");
}

/* ---- the app ---- */

static void start_runtime(struct init *self, char **argv)
{
    if (!guest_open(&self->guest))
        init_fail("socketpair");
    self->has_guest = true;
    report(INIT_BEGAN, 0);
    self->app = fork();
    if (self->app < 0)
        init_fail("fork");
    if (self->app == 0)
        become_runtime(&self->guest, argv);
    (void) close(INIT_FD_SECRETS);
    guest_forked(&self->guest);
    watch(self, self->guest.ends[0], &self->guest);
}

static void start_app(struct init *self, char **argv)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, self->filter_pair) < 0)
        init_fail("socketpair");
    report(INIT_BEGAN, 0);
    self->app = fork();
    if (self->app < 0)
        init_fail("fork");
    if (self->app == 0)
        become_app(self->filter_pair[1], argv);
    (void) close(INIT_FD_SECRETS);
    (void) close(self->filter_pair[1]);
    watch(self, self->filter_pair[0], self->filter_pair);
    if (init_is_warm(argv))
        (void) close(INIT_FD_LISTENER);     /* node's end has one holder: node */
}

/* ---- events ---- */

static void app_exited(struct init *self, int status)
{
    refusals_report(&self->refusals, report_refused);
    report(INIT_APP_EXITED, self->has_guest ? guest_status(&self->guest, status) : status);
    self->app_ended = true;
    self->end_by_ms = now_ms() + LINGER_MS;
    (void) kill(-1, SIGKILL);
    relay_finish(self->relay);
}

static void reap(struct init *self)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == self->app)
            app_exited(self, status);
}

static void stop_app(struct init *self, uint32_t within_ms)
{
    relay_refuse_new(self->relay);
    self->stop_by_ms = now_ms() + within_ms;
}

/* Whoever has asked gets an answer, if the app is quick enough. */
static void stop_when_answered(struct init *self, int64_t now)
{
    if (self->stop_by_ms == 0 || (now < self->stop_by_ms && !relay_is_answered(self->relay)))
        return;
    self->stop_by_ms = 0;
    if (self->has_guest)
        guest_stop(&self->guest);
    else if (!self->app_ended)
        (void) kill(self->app, SIGTERM);
}

/* Only what comes from outside of the cage counts: the kernel writes sender 0 into that. The app
 * can queue a signal that says so too, but not one that says kill() sent it. */
static void handle_signals(struct init *self)
{
    struct signalfd_siginfo info;

    while (read(self->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap(self);
        else if (info.ssi_code == SI_USER && info.ssi_pid == 0)
            stop_app(self, 0);
    }
}

/* An order, and the descriptor that came with it, or -1. */
static ssize_t receive(struct init_order *order, int *fd)
{
    union { struct cmsghdr align; char octets[CMSG_SPACE(sizeof(int))]; } control;
    struct iovec piece = {order, sizeof *order};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.octets,
                             .msg_controllen = sizeof control.octets};
    ssize_t size = recvmsg(INIT_FD_CONTROL, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *passed = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;

    *fd = -1;
    if (passed && passed->cmsg_level == SOL_SOCKET && passed->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(passed), sizeof *fd);
    return size;
}

static void handle_orders(struct init *self)
{
    struct init_order order;
    int fd;
    ssize_t size = receive(&order, &fd);

    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
        _exit(EXIT_SUCCESS);                /* the sandbox is gone */
    if (size == sizeof order && order.kind == INIT_STOP)
        stop_app(self, order.value);
    if (size == sizeof order && order.kind == INIT_SERVE && fd >= 0) {
        relay_serve(self->relay, fd, (uint16_t)order.value);
        report(INIT_SERVES, 0);
    }
}

static void take_listener(struct init *self)
{
    self->refusals.listener = refusals_receive(self->filter_pair[0]);
    (void) close(self->filter_pair[0]);     /* leaves the epoll set with it */
    if (self->refusals.listener >= 0)
        watch(self, self->refusals.listener, &self->refusals);
}

static void dispatch(struct init *self, const struct epoll_event *event)
{
    if (event->data.ptr == &self->lifeline)
        _exit(EXIT_SUCCESS);                /* nothing is ever written to it: it has ended */
    else if (event->data.ptr == &self->control)
        handle_orders(self);
    else if (event->data.ptr == &self->signals)
        handle_signals(self);
    else if (event->data.ptr == self->filter_pair)
        take_listener(self);
    else if (event->data.ptr == &self->guest)
        guest_handle(&self->guest);
    else if (event->data.ptr == &self->refusals)
        (void) refusals_handle(&self->refusals);
    else
        relay_handle(self->relay, event->data.ptr, event->events, now_ms());
}

static void report_activity(struct init *self, int64_t now)
{
    if (relay_octets(self->relay) == self->octets_reported || now < self->report_at_ms)
        return;
    self->octets_reported = relay_octets(self->relay);
    self->report_at_ms = now + ACTIVITY_REPORT_MS;
    report(INIT_ACTIVITY, 0);
}

static void report_refusals(struct init *self, int64_t now)
{
    if (!self->refusals.changed || now < self->refusals_at_ms)
        return;
    self->refusals_at_ms = now + REFUSALS_REPORT_MS;
    refusals_report(&self->refusals, report_refused);
}

static int wait_ms(const struct init *self, int64_t now)
{
    int64_t next = relay_next_ms(self->relay);

    if (self->refusals.changed && self->refusals_at_ms < next)
        next = self->refusals_at_ms;
    if (relay_octets(self->relay) != self->octets_reported && self->report_at_ms < next)
        next = self->report_at_ms;
    if (self->stop_by_ms && self->stop_by_ms < next)
        next = self->stop_by_ms;
    if (self->app_ended && self->end_by_ms < next)
        next = self->end_by_ms;
    if (next == INT64_MAX)
        return -1;
    return next <= now ? 0 : (int)(next - now);
}

static void run(struct init *self)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int64_t now = now_ms();

    while (!self->app_ended || (now < self->end_by_ms && !relay_is_idle(self->relay))) {
        int count = epoll_wait(self->epoll, events, EVENTS_AT_ONCE, wait_ms(self, now));
        for (int i = 0; i < count; i++)
            dispatch(self, &events[i]);
        now = now_ms();
        relay_tick(self->relay, now);
        report_activity(self, now);
        report_refusals(self, now);
        stop_when_answered(self, now);
    }
}

/* ---- beginning ---- */

static void prepare(struct init *self, char **argv)
{
    sigset_t watched;

    (void) prctl(PR_SET_DUMPABLE, 0);
    if (prctl(PR_GET_DUMPABLE) != 0)
        init_fail("stay unseen");
    for (int fd = INIT_FD_CONTROL; fd < INIT_FD_COUNT; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            init_fail("a descriptor is missing");
    (void) signal(SIGPIPE, SIG_IGN);
    (void) sigemptyset(&watched);
    (void) sigaddset(&watched, SIGCHLD);
    (void) sigaddset(&watched, SIGTERM);
    (void) sigaddset(&watched, SIGINT);
    (void) sigprocmask(SIG_BLOCK, &watched, NULL);
    self->signals = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->signals < 0 || self->epoll < 0)
        init_fail("signalfd, epoll");
    self->relay = relay_new(self->epoll, (int64_t)init_argument(argv, INIT_ARG_HOLD_MS));
    if (!self->relay)
        init_fail("memory");
    if (!init_is_warm(argv))
        relay_serve(self->relay, INIT_FD_LISTENER, (uint16_t)init_argument(argv, INIT_ARG_PORT));
}

int main(int argc, char **argv)
{
    static struct init self = {.refusals.listener = -1, .guest.ends = {-1, -1}};

    if (argc <= INIT_ARG_APP || getpid() != 1) {
        errno = EINVAL;
        init_fail("this program is process 1 of a cage");
    }
    prepare(&self, argv);
    watch(&self, self.signals, &self.signals);
    watch(&self, INIT_FD_CONTROL, &self.control);
    watch(&self, INIT_FD_LIFELINE, &self.lifeline);
    if (init_argument(argv, INIT_ARG_RUNTIME_WORDS) > 0)
        start_runtime(&self, argv);
    else
        start_app(&self, argv);
    run(&self);
    return EXIT_SUCCESS;
}
