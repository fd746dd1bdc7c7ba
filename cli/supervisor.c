/* supervisor.c - one loop over signals and timers that keeps the roles of a host alive. */
#include "cli/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/clock.h"
#include "bus/log.h"
#include "bus/owned.h"
#include "bus/settings.h"
#include "bus/supervised.h"

enum {
    BACKOFF_MS_MIN = 100,
    BACKOFF_MS_MAX = 10000,
    GOOD_LIFE_MS = 30000,
    STOP_MS = 10000,
    TURN_MS = 100,
};

struct role {
    const char *name;
    pid_t pid;                  /* 0: not running */
    int reason;                 /* where it says why it cannot work; -1: nobody is there */
    int64_t started_ms;
    int64_t start_again_ms;
    uint32_t backoff_ms;
};

static const char *const role_names[] = {
#define ROLE(name) #name,
#include "cli/roles.def"
#undef ROLE
};
enum { ROLES = sizeof role_names / sizeof *role_names };

struct supervisor {
    const struct supervisor_options *options;
    int signals;
    struct role roles[ROLES];
    bool is_ready;
    bool is_ending;
    struct fault refusal;       /* of the role that cannot work here; kind NONE: all can */
};

/* In the child: default signals, a descriptor for the reason, and the program. */
static void become(int programs, const char *name, int reason)
{
    char program[32], number[16];
    char *const argv[] = {program, NULL};
    sigset_t none;

    (void) snprintf(program, sizeof program, "isekai-%s", name);
    sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
    (void) snprintf(number, sizeof number, "%d", dup(reason));     /* the copy outlives execve */
    (void) setenv(SUPERVISOR_REASON_ENV, number, 1);
    (void) execveat(programs, program, argv, environ, 0);
    fprintf(stderr, "isekai up: %s: %s\n", program, strerror(errno));
    _exit(127);
}

static void role_start(const struct supervisor *self, struct role *role)
{
    int reason[2] = {-1, -1};
    pid_t pid = pipe2(reason, O_CLOEXEC | O_NONBLOCK) == 0 ? fork() : -1;

    if (pid == 0)
        become(self->options->programs, role->name, reason[1]);
    fd_drop(&reason[1]);
    if (pid < 0) {
        fd_drop(&reason[0]);
        log_line(LOG_ERROR, NULL, "role_not_started role=%s why='%s'", role->name, strerror(errno));
        role->start_again_ms = clock_now_ms() + BACKOFF_MS_MAX;
        return;
    }
    role->pid = pid;
    role->reason = reason[0];
    role->started_ms = clock_now_ms();
}

/* It would end like that again, and nobody has been promised anything yet: all end. */
static void give_up(struct supervisor *self, const struct role *role)
{
    char reason[sizeof self->refusal.reason] = "";

    if (read(role->reason, reason, sizeof reason - 1) <= 0)
        (void) snprintf(reason, sizeof reason, "cannot work here; it said why above");
    (void) fault_set(&self->refusal, FAULT_forbidden, "isekai-%s: %s", role->name, reason);
    self->is_ending = true;
}

static bool is_refusal(int status)
{
    return WIFEXITED(status) &&
           (WEXITSTATUS(status) == EXIT_CONFIG || WEXITSTATUS(status) == EXIT_MISUSED);
}

static void role_ended(struct supervisor *self, struct role *role, int status)
{
    int64_t lived_ms = clock_now_ms() - role->started_ms;

    role->pid = 0;
    if (!self->is_ending && !self->is_ready && is_refusal(status))
        give_up(self, role);
    fd_drop(&role->reason);
    if (self->is_ending)
        return;
    role->backoff_ms = lived_ms >= GOOD_LIFE_MS ? BACKOFF_MS_MIN : role->backoff_ms * 2;
    if (role->backoff_ms > BACKOFF_MS_MAX)
        role->backoff_ms = BACKOFF_MS_MAX;
    role->start_again_ms = clock_now_ms() + role->backoff_ms;
    log_line(LOG_WARN, NULL, "role_died role=%s %s=%d start_again_ms=%u", role->name,
             WIFSIGNALED(status) ? "signal" : "exit",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), role->backoff_ms);
}

static void reap(struct supervisor *self)
{
    for (size_t i = 0; i < ROLES; i++) {
        int status;
        struct role *role = &self->roles[i];
        if (role->pid > 0 && waitpid(role->pid, &status, WNOHANG) == role->pid)
            role_ended(self, role, status);
    }
}

static void take_signals(struct supervisor *self)
{
    struct signalfd_siginfo info;

    while (read(self->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            self->is_ending = true;
    reap(self);
}

static void start_due(struct supervisor *self)
{
    for (size_t i = 0; i < ROLES; i++)
        if (self->roles[i].pid == 0 && clock_now_ms() >= self->roles[i].start_again_ms)
            role_start(self, &self->roles[i]);
}

static void wait_for_signal(struct supervisor *self, int wait_ms)
{
    struct pollfd poll_fd = {.fd = self->signals, .events = POLLIN};

    (void) poll(&poll_fd, 1, wait_ms);
    take_signals(self);
}

/* The last first: nobody is left without the one it asks. */
static void stop_all(struct supervisor *self)
{
    self->is_ending = true;
    for (size_t i = ROLES; i-- > 0;) {
        struct role *role = &self->roles[i];
        int64_t deadline_ms = clock_now_ms() + STOP_MS;
        if (role->pid > 0)
            (void) kill(role->pid, SIGTERM);
        while (role->pid > 0 && clock_now_ms() < deadline_ms)
            wait_for_signal(self, TURN_MS);
        if (role->pid > 0) {
            log_line(LOG_WARN, NULL, "role_killed role=%s after_ms=%d", role->name, STOP_MS);
            (void) kill(role->pid, SIGKILL);
        }
        while (role->pid > 0)
            wait_for_signal(self, TURN_MS);
    }
}

static void look_ready(struct supervisor *self)
{
    const struct supervisor_options *options = self->options;

    if (self->is_ready || !options->is_ready(options->self))
        return;
    self->is_ready = true;
    options->ready(options->self);
}

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool find_roles(struct supervisor *self, struct fault *fault)
{
    for (size_t i = 0; i < ROLES; i++) {
        char program[32];
        self->roles[i] = (struct role){.name = role_names[i], .reason = -1,
                                       .backoff_ms = BACKOFF_MS_MIN / 2};
        (void) snprintf(program, sizeof program, "isekai-%s", role_names[i]);
        if (faccessat(self->options->programs, program, X_OK, 0) < 0)
            return fault_set(fault, FAULT_internal, "%s is not beside isekai: %s", program,
                             strerror(errno));
    }
    return true;
}

bool supervisor_run(const struct supervisor_options *options, struct fault *fault)
{
    struct supervisor self = {.options = options};
    OWNED(fd) int signals = open_signals();
    char pid[16];

    if (signals < 0)
        return fault_set(fault, FAULT_internal, "signalfd: %s", strerror(errno));
    self.signals = signals;
    (void) snprintf(pid, sizeof pid, "%d", (int)getpid());
    (void) setenv(SUPERVISOR_ENV, pid, 1);
    if (!find_roles(&self, fault))
        return false;
    while (!self.is_ending) {
        start_due(&self);
        look_ready(&self);
        wait_for_signal(&self, TURN_MS);
    }
    stop_all(&self);
    if (self.refusal.kind == FAULT_NONE)
        return true;
    *fault = self.refusal;
    return false;
}
