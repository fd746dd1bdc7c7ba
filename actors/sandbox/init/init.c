/* init.c - process 1 of a cage: starts the app, reaps, relays, and ends when the sandbox does.
 *
 * Where the app is a guest of runsc, that is what is started here, and isekai-guest behind it does
 * for the app what is done here otherwise; see guest/guest.c.
 * In a warm cage, which the sandbox boots before anybody needs it, node waits in warm.js to be told
 * which app it is, and the relay for the app's socket; all else is as in any other.
 *
 * Everything here runs before or beside hostile code of the same uid. So: this process cannot
 * be traced or looked into (not dumpable), the app is started without any of its descriptors,
 * and Landlock and the seccomp filter are on the app before its first instruction. Signals from inside the
 * cage do not reach process 1; the sandbox speaks over the control socket.
 * The kernel kills every other process of the cage when this one ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actors/sandbox/init/fence.h"
#include "actors/sandbox/init/guest.h"
#include "actors/sandbox/init/protocol.h"
#include "actors/sandbox/init/refusals.h"
#include "actors/sandbox/init/relay.h"

enum {
    FILTER_INSTRUCTIONS_MAX = 4096,     /* BPF_MAXINSNS */
    EVENTS_AT_ONCE = 64,
    ACTIVITY_REPORT_MS = 1000,
    REFUSALS_REPORT_MS = 1000,
    LINGER_MS = 250,                    /* for answers still on their way when the app has ended */
    ENVIRONMENT_MAX = 64,
    RUNTIME_WORDS_MAX = 16,
    EXIT_INIT_FAILED = 70,
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

/* The app's log is the only place where a failure here can be told. */
static void fail(const char *step)
{
    char line[200] = "isekai-init: ";
    const char *why = strerror(errno);

    strncat(line, step, 80);
    strncat(line, ": ", 3);
    strncat(line, why, 80);
    strncat(line, "\n", 2);
    (void) !write(STDERR_FILENO, line, strlen(line));
    _exit(EXIT_INIT_FAILED);
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
        fail("epoll_ctl");
}

/* ---- the app ---- */

static unsigned long argument(char **argv, enum init_argument which)
{
    return strtoul(argv[which], NULL, 10);
}

static bool is_warm(char **argv)
{
    return argument(argv, INIT_ARG_PORT) == 0;
}

static char **app_words(char **argv)
{
    return argv + INIT_ARG_APP + argument(argv, INIT_ARG_RUNTIME_WORDS);
}

static void limit(int resource, unsigned long value, const char *step)
{
    struct rlimit both = {value, value};

    if (setrlimit((__rlimit_resource_t)resource, &both) < 0)
        fail(step);
}

static void limit_app(char **argv)
{
    unsigned long data_mb = argument(argv, INIT_ARG_DATA_MB);

    limit(RLIMIT_CORE, 0, "RLIMIT_CORE");
    limit(RLIMIT_NOFILE, argument(argv, INIT_ARG_OPEN_FILES), "RLIMIT_NOFILE");
    limit(RLIMIT_FSIZE, argument(argv, INIT_ARG_FILE_MB) << 20, "RLIMIT_FSIZE");
    limit(RLIMIT_NPROC, argument(argv, INIT_ARG_PROCESSES), "RLIMIT_NPROC");
    limit(RLIMIT_MEMLOCK, 64 << 10, "RLIMIT_MEMLOCK");
    limit(RLIMIT_MSGQUEUE, 0, "RLIMIT_MSGQUEUE");
    if (data_mb)
        limit(RLIMIT_DATA, data_mb << 20, "RLIMIT_DATA");
}

/* When memory runs out the kernel takes the app, not process 1, which still has to report. */
static void die_first(void)
{
    int fd;

    (void) prctl(PR_SET_DUMPABLE, 1);       /* /proc/self belongs to us only then */
    fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "500", 3) != 3)
        fail("oom_score_adj");
    (void) close(fd);
}

static struct sock_fprog read_filter(void)
{
    static struct sock_filter instructions[FILTER_INSTRUCTIONS_MAX];
    ssize_t size = pread(INIT_FD_FILTER, instructions, sizeof instructions, 0);

    if (size <= 0 || size % (ssize_t)sizeof *instructions != 0)
        fail("read the seccomp filter");
    return (struct sock_fprog){.filter = instructions,
                               .len = (unsigned short)((size_t)size / sizeof *instructions)};
}

static void install_filter(const struct init *self)
{
    const struct sock_fprog program = read_filter();

    if (!refusals_install(&program, self->filter_pair[1]))
        fail("seccomp");
}

/* Process 1 never has the secrets: the child alone reads them, and its memory goes with execve(). */
static char **environment_with_secrets(void)
{
    static char secrets[INIT_SECRETS_OCTETS + 1];
    static char *environment[ENVIRONMENT_MAX + INIT_SECRETS_MAX + 1];
    size_t count = 0, size = 0;
    ssize_t more = 0;

    for (; environ[count] && count < ENVIRONMENT_MAX; count++)
        environment[count] = environ[count];
    while (size < INIT_SECRETS_OCTETS &&
           ((more = read(INIT_FD_SECRETS, secrets + size, INIT_SECRETS_OCTETS - size)) > 0 ||
            (more < 0 && errno == EINTR)))
        size += more > 0 ? (size_t)more : 0;
    if (more < 0)
        fail("read the secrets");
    for (size_t at = 0, found = 0; at < size && found < INIT_SECRETS_MAX; found++) {
        environment[count++] = secrets + at;
        at += strlen(secrets + at) + 1;
    }
    return environment;
}

static void set_signals(void)
{
    sigset_t none;

    (void) signal(SIGPIPE, SIG_DFL);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: from here to runsc, which has none of it but the socket. */
static void become_runtime(const struct init *self, char **argv)
{
    static char *words[RUNTIME_WORDS_MAX + 1];
    static char *const nothing[] = {NULL};
    const struct sock_fprog filter = read_filter();
    unsigned long count = argument(argv, INIT_ARG_RUNTIME_WORDS);
    struct guest_start start = {
        .filter_octets = filter.len * (uint32_t)sizeof *filter.filter,
        .open_files = argument(argv, INIT_ARG_OPEN_FILES),
        .file_mb = argument(argv, INIT_ARG_FILE_MB),
        .processes = argument(argv, INIT_ARG_PROCESSES),
    };

    for (unsigned long i = 0; i < count && i < RUNTIME_WORDS_MAX; i++)
        words[i] = argv[INIT_ARG_APP + i];
    if (!guest_tell(&self->guest, &start, filter.filter, environment_with_secrets(),
                    app_words(argv)))
        fail("tell the guest");
    (void) setsid();
    die_first();
    set_signals();
    if (syscall(SYS_close_range, INIT_FD_CONTROL, ~0U, 0) < 0)
        fail("close_range");
    execve(words[0], words, nothing);
    fail(words[0]);
}

/* In the child: from here to the app. Process 1's descriptors are closed on exec, and here too. */
static void become_app(const struct init *self, char **argv)
{
    char **environment = environment_with_secrets();
    unsigned first = INIT_FD_HANDOVER;

    (void) setsid();
    limit_app(argv);
    die_first();
    set_signals();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fail("no_new_privs");
    if (!fence_close((unsigned)argument(argv, INIT_ARG_LANDLOCK)))
        fail("landlock");
    install_filter(self);
    if (is_warm(argv) && dup2(INIT_FD_LISTENER, (int)first++) < 0)
        fail("handover");
    if (syscall(SYS_close_range, first, ~0U, 0) < 0)
        fail("close_range");
    execve(argv[INIT_ARG_APP], argv + INIT_ARG_APP, environment);
    fail(argv[INIT_ARG_APP]);
}

static void start_runtime(struct init *self, char **argv)
{
    if (!guest_open(&self->guest))
        fail("socketpair");
    self->has_guest = true;
    report(INIT_BEGAN, 0);
    self->app = fork();
    if (self->app < 0)
        fail("fork");
    if (self->app == 0)
        become_runtime(self, argv);
    (void) close(INIT_FD_SECRETS);
    guest_forked(&self->guest);
    watch(self, self->guest.ends[0], &self->guest);
}

static void start_app(struct init *self, char **argv)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, self->filter_pair) < 0)
        fail("socketpair");
    report(INIT_BEGAN, 0);
    self->app = fork();
    if (self->app < 0)
        fail("fork");
    if (self->app == 0)
        become_app(self, argv);
    (void) close(INIT_FD_SECRETS);
    (void) close(self->filter_pair[1]);
    watch(self, self->filter_pair[0], self->filter_pair);
    if (is_warm(argv))
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
        fail("stay unseen");
    for (int fd = INIT_FD_CONTROL; fd < INIT_FD_COUNT; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            fail("a descriptor is missing");
    (void) signal(SIGPIPE, SIG_IGN);
    (void) sigemptyset(&watched);
    (void) sigaddset(&watched, SIGCHLD);
    (void) sigaddset(&watched, SIGTERM);
    (void) sigaddset(&watched, SIGINT);
    (void) sigprocmask(SIG_BLOCK, &watched, NULL);
    self->signals = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->signals < 0 || self->epoll < 0)
        fail("signalfd, epoll");
    self->relay = relay_new(self->epoll, (int64_t)argument(argv, INIT_ARG_HOLD_MS));
    if (!self->relay)
        fail("memory");
    if (!is_warm(argv))
        relay_serve(self->relay, INIT_FD_LISTENER, (uint16_t)argument(argv, INIT_ARG_PORT));
}

int main(int argc, char **argv)
{
    static struct init self = {.refusals.listener = -1, .guest.ends = {-1, -1}};

    if (argc <= INIT_ARG_APP || getpid() != 1) {
        errno = EINVAL;
        fail("this program is process 1 of a cage");
    }
    prepare(&self, argv);
    watch(&self, self.signals, &self.signals);
    watch(&self, INIT_FD_CONTROL, &self.control);
    watch(&self, INIT_FD_LIFELINE, &self.lifeline);
    if (argument(argv, INIT_ARG_RUNTIME_WORDS) > 0)
        start_runtime(&self, argv);
    else
        start_app(&self, argv);
    run(&self);
    return EXIT_SUCCESS;
}
