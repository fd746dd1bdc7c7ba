/* cage_start.c - a process becomes bubblewrap: in its cgroup, as the app's user, with what it
 * needs and nothing else.
 *
 * Between clone3 and execve only system calls are made: other threads may hold any lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/cage.h"
#include "actors/sandbox/init/protocol.h"
#include "actors/sandbox/runtime.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { FD_SAFE = 64, INIT_OPEN_FILES = 2048, EXIT_NOT_STARTED = 127, GROUP_GONE_MS = 20000 };

/* Everything the new process needs, prepared before it is made. */
struct start {
    const struct cage_spec *spec;
    struct cage_arguments arguments;
    int doors[PLACES];
    size_t door_count;
    int ends[INIT_FD_COUNT];    /* what becomes descriptor 0, 1, 2 ... in the cage */
};

static __attribute__((noreturn)) void give_up(const char *step)
{
    const char *why = strerrordesc_np(errno);

    (void) !write(STDERR_FILENO, "sandbox: ", 9);
    (void) !write(STDERR_FILENO, step, strlen(step));
    (void) !write(STDERR_FILENO, ": ", 2);
    (void) !write(STDERR_FILENO, why ? why : "?", why ? strlen(why) : 1);
    (void) !write(STDERR_FILENO, "\n", 1);
    _exit(EXIT_NOT_STARTED);
}

/* Above all targets first, so that none is overwritten before it is used. */
static void arrange_descriptors(int *ends)
{
    for (int i = 0; i < INIT_FD_COUNT; i++) {
        ends[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, FD_SAFE);
        if (ends[i] < 0)
            give_up("descriptors");
    }
    for (int i = 0; i < INIT_FD_COUNT; i++)
        if (dup2(ends[i], i) < 0)
            give_up("descriptors");
    if (syscall(SYS_close_range, INIT_FD_COUNT, ~0U, 0) < 0)
        give_up("close_range");
}

/* Raw calls: glibc's would tell all other threads, which are not here. Groups go first. */
static void become(uid_t uid)
{
    uid_t real, effective, saved;

    if (uid == 0)
        return;
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, uid, uid, uid) < 0 ||
        syscall(SYS_setresuid, uid, uid, uid) < 0)
        give_up("become the app's user");
    if (syscall(SYS_getresuid, &real, &effective, &saved) < 0 || real != uid ||
        effective != uid || saved != uid || syscall(SYS_setresuid, 0, 0, 0) == 0)
        give_up("stay the app's user");
}

static void reset_signals(void)
{
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int signal = 1; signal < NSIG; signal++)
        (void) sigaction(signal, &normal, NULL);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static void limit(int resource, rlim_t value)
{
    struct rlimit both;

    if (getrlimit((__rlimit_resource_t)resource, &both) < 0)
        give_up("getrlimit");
    if (both.rlim_max == RLIM_INFINITY || both.rlim_max > value)
        both.rlim_max = value;
    both.rlim_cur = both.rlim_max;
    if (setrlimit((__rlimit_resource_t)resource, &both) < 0)
        give_up("setrlimit");
}

static __attribute__((noreturn)) void become_cage(struct start *start)
{
    static char *const nothing[] = {NULL};
    const struct cage_spec *spec = start->spec;
    uint64_t files = spec->limits->open_files, more = spec->host->runtime->open_files;

    if (spec->group->of && spec->group->of->kind == CGROUP_V1)
        for (size_t i = 0; i < start->door_count; i++)
            if (write(start->doors[i], "0", 1) != 1)
                give_up("enter the cgroup");
    arrange_descriptors(start->ends);
    limit(RLIMIT_CORE, 0);
    if (more < INIT_OPEN_FILES)
        more = INIT_OPEN_FILES;
    limit(RLIMIT_NOFILE, files > more ? files : more);
    become(spec->uid);
    if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        give_up("no_new_privs");
    (void) umask(022);
    reset_signals();
    (void) execve(spec->host->bwrap, (char *const *)start->arguments.at, nothing);
    give_up("bwrap");
}

/* ---- in this process ---- */

static pid_t clone_into(const struct start *start, int *pidfd)
{
    struct clone_args args = {
        .flags = CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
    };

    if (start->spec->group->of && start->spec->group->of->kind == CGROUP_V2) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)start->doors[0];
    }
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static void drop_ends(struct start *start)
{
    /* The listener and the filter are the caller's. */
    static const int ours[] = {0, 1, 2, INIT_FD_CONTROL, INIT_FD_LIFELINE, INIT_FD_SECRETS};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        fd_drop(&start->ends[ours[i]]);
    for (size_t i = 0; i < start->door_count; i++)
        fd_drop(&start->doors[i]);
}

static bool open_pipe(int *read_end, int *write_end)
{
    int both[2];

    if (pipe2(both, O_CLOEXEC) < 0)
        return false;
    *read_end = both[0];
    *write_end = both[1];
    return true;
}

static bool open_ends(struct start *start, struct cage_process *out, struct fault *fault)
{
    int pair[2];

    start->ends[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (start->ends[0] < 0 || !open_pipe(&out->log[0], &start->ends[1]) ||
        !open_pipe(&out->log[1], &start->ends[2]) ||
        !open_pipe(&start->ends[INIT_FD_LIFELINE], &out->lifeline) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fault_set(fault, FAULT_internal, "descriptors of a cage: %s", strerror(errno));
    out->control = pair[0];
    start->ends[INIT_FD_CONTROL] = pair[1];
    start->ends[INIT_FD_LISTENER] = start->spec->listener;
    start->ends[INIT_FD_FILTER] = start->spec->filter;
    if (!secrets_pipe(start->spec->secrets, &start->ends[INIT_FD_SECRETS], fault))
        return false;
    int one = 1;
    (void) setsockopt(out->control, SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    for (int i = 0; i < 2; i++)
        (void) fcntl(out->log[i], F_SETFL, O_NONBLOCK);
    return true;
}

static bool make_process(struct start *start, struct cage_process *out, struct fault *fault)
{
    sigset_t all, before;

    /* No handler of ours may run in the child. */
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    out->pid = clone_into(start, &out->pidfd);
    if (out->pid == 0)
        become_cage(start);
    int error = errno;
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return out->pid > 0 || fault_set(fault, FAULT_internal, "clone3: %s", strerror(error));
}

bool cage_start(const struct cage_spec *spec, struct cage_process *out, struct fault *fault)
{
    struct start start = {.spec = spec, .ends = {-1, -1, -1, -1, -1, -1, -1, -1}};

    *out = (struct cage_process){.pidfd = -1, .control = -1, .log = {-1, -1}, .lifeline = -1};
    bool started = cage_arguments(spec, &start.arguments, fault) &&
                   open_ends(&start, out, fault) &&
                   group_doors(spec->group, start.doors, &start.door_count, fault) &&
                   make_process(&start, out, fault);
    drop_ends(&start);
    if (!started)
        cage_process_drop(out);
    return started;
}

void cage_process_drop(struct cage_process *self)
{
    fd_drop(&self->pidfd);
    fd_drop(&self->control);
    fd_drop(&self->log[0]);
    fd_drop(&self->log[1]);
    fd_drop(&self->lifeline);
}

void cage_end(struct cage_process *self, struct cage_group *group)
{
    int64_t deadline_ms = clock_now_ms() + GROUP_GONE_MS;
    siginfo_t ignored;

    if (self->pidfd >= 0) {
        (void) syscall(SYS_pidfd_send_signal, self->pidfd, SIGKILL, NULL, 0);
        (void) waitid(P_PIDFD, (id_t)self->pidfd, &ignored, WEXITED);
    }
    cage_process_drop(self);
    while ((!group_kill(group) || !group_remove(group)) && clock_left_ms(deadline_ms) > 0)
        (void) poll(NULL, 0, 1);
}
