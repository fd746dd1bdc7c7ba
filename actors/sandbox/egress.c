/* egress.c - a cage's socket out, and the process behind it; see egress.h. */
#include "actors/sandbox/egress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/egress/address.h"
#include "bus/clock.h"
#include "bus/owned.h"
#include "bus/settings.h"

enum { FD_SAFE = 64, EXIT_NOT_STARTED = 127 };

/* ---- the directory ---- */

static bool check_hosts(const char *hosts, struct fault *fault)
{
    char host[HOST_SIZE];

    for (const char *at = hosts; *at;) {
        size_t size = strcspn(at, ","), name = strcspn(at, "=");
        if (name >= size || !host_read((struct text){at, name}, host) ||
            !host_read((struct text){at + name + 1, size - name - 1}, host) ||
            !host_is_address(host))
            return fault_set(fault, FAULT_malformed, "EGRESS_HOSTS: '%.*s' is not name=address",
                             (int)size, at);
        at += size + (at[size] == ',');
    }
    return true;
}

bool egress_host_open(struct egress_host *out, const char *runtime,
                      const struct sandbox_settings *settings, struct fault *fault)
{
    char path[PATH_MAX];
    struct ranges ignored;

    *out = (struct egress_host){
        .doors = {.directory = -1, .for_group = false}, .runtime = runtime,
        .ranges = settings->egress_allow_addresses, .hosts = settings->egress_hosts,
    };
    if (!ranges_read(out->ranges, &ignored, fault) || !check_hosts(out->hosts, fault))
        return false;
    (void) snprintf(out->connections, sizeof out->connections, "%" PRIu64,
                    settings->egress_connections_max);
    (void) snprintf(out->idle_ms, sizeof out->idle_ms, "%" PRIu64, settings->egress_idle_ms);
    if (snprintf(path, sizeof path, "%s/egress", runtime) >= (int)sizeof path)
        return fault_set(fault, FAULT_internal, "the data directory's path is too long");
    if (mkdir(path, 0711) < 0 && errno != EEXIST)
        return fault_set(fault, FAULT_internal, "mkdir '%s': %s", path, strerror(errno));
    out->doors.directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out->doors.directory < 0 ||
        fchmod(out->doors.directory, geteuid() == 0 ? 0711 : 0700) < 0)
        return fault_set(fault, FAULT_internal, "'%s': %s", path, strerror(errno));
    doors_clear(&out->doors);
    return true;
}

void egress_host_close(struct egress_host *self)
{
    doors_close(&self->doors);
}

/* ---- the socket ---- */

bool egress_open(struct egress *out, const struct egress_host *host, const char *name, uid_t uid,
                 struct fault *fault)
{
    *out = EGRESS_NONE;
    if (!door_open(&out->door, &host->doors, name, fault))
        return false;
    if (uid == 0 || fchownat(host->doors.directory, name, uid, uid, AT_SYMLINK_NOFOLLOW) == 0)
        return true;
    (void) fault_set(fault, FAULT_internal, "chown a cage's socket: %s", strerror(errno));
    door_close(&out->door, &host->doors);
    return false;
}

void egress_path(const struct egress *self, const struct egress_host *host, char *out, size_t size)
{
    (void) snprintf(out, size, "%s/egress/%s", host->runtime, self->door.name);
}

void egress_close(struct egress *self, const struct egress_host *host)
{
    door_close(&self->door, &host->doors);
}

/* ---- the process ---- */

struct spawn {
    const char *program, *argv[EGRESS_ARG_COUNT + 1];
    int ends[EGRESS_FD_COUNT];
    int doors[PLACES];
    size_t door_count;
    bool joins;                     /* by writing to the doors, version 1 */
    uid_t uid;
};

/* Between clone3 and execve only system calls are made: other threads may hold any lock. */
static __attribute__((noreturn)) void become_proxy(const struct spawn *spawn)
{
    /* The resolver gives up while the app still waits. */
    static char *const environment[] = {"RES_OPTIONS=timeout:2 attempts:2", NULL};
    int ends[EGRESS_FD_COUNT];
    sigset_t none;

    for (size_t i = 0; spawn->joins && i < spawn->door_count; i++)
        if (write(spawn->doors[i], "0", 1) != 1)
            _exit(EXIT_NOT_STARTED);
    for (int i = 0; i < EGRESS_FD_COUNT; i++)
        if ((ends[i] = fcntl(spawn->ends[i], F_DUPFD_CLOEXEC, FD_SAFE)) < 0)
            _exit(EXIT_NOT_STARTED);
    for (int i = 0; i < EGRESS_FD_COUNT; i++)
        if (dup2(ends[i], i) < 0)
            _exit(EXIT_NOT_STARTED);
    if (syscall(SYS_close_range, EGRESS_FD_COUNT, ~0U, 0) < 0)
        _exit(EXIT_NOT_STARTED);
    if (spawn->uid && (syscall(SYS_setgroups, 0, NULL) < 0 ||
                       syscall(SYS_setresgid, spawn->uid, spawn->uid, spawn->uid) < 0 ||
                       syscall(SYS_setresuid, spawn->uid, spawn->uid, spawn->uid) < 0))
        _exit(EXIT_NOT_STARTED);
    if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        _exit(EXIT_NOT_STARTED);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
    (void) execve(spawn->program, (char *const *)spawn->argv, environment);
    _exit(EXIT_NOT_STARTED);
}

static bool make_process(const struct spawn *spawn, const struct cage_group *group, int *pidfd,
                         struct fault *fault)
{
    struct clone_args args = {.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd,
                              .exit_signal = SIGCHLD};
    sigset_t all, before;

    if (group->of && group->of->kind == CGROUP_V2) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)spawn->doors[0];
    }
    (void) sigfillset(&all);            /* no handler of ours may run in the child */
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        become_proxy(spawn);
    int error = errno;
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid > 0 || fault_set(fault, FAULT_internal, "clone3: %s", strerror(error));
}

bool egress_start(struct egress *self, const struct egress_host *host,
                  const struct egress_start *start, struct fault *fault)
{
    OWNED(fd) int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    char program[PATH_MAX];
    int pair[2];

    self->started_ms = clock_now_ms();
    (void) snprintf(program, sizeof program, "%s/cage/egress", host->runtime);
    if (nothing < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fault_set(fault, FAULT_internal, "descriptors of a proxy: %s", strerror(errno));
    struct spawn spawn = {
        .program = program, .uid = start->uid,
        .argv = {"isekai-egress", start->app_id, host->connections, host->idle_ms, host->ranges,
                 host->hosts},
        .ends = {nothing, nothing, STDERR_FILENO, pair[1], self->door.fd},
        .joins = start->group->of && start->group->of->kind == CGROUP_V1,
    };
    bool started = group_doors(start->group, spawn.doors, &spawn.door_count, fault) &&
                   make_process(&spawn, start->group, &self->process, fault);
    for (size_t i = 0; i < spawn.door_count; i++)
        fd_drop(&spawn.doors[i]);
    (void) close(pair[1]);
    if (started)
        self->control = pair[0];
    else
        (void) close(pair[0]);
    return started;
}

void egress_tell(struct egress *self, const struct egress_grants *grants)
{
    if (self->control >= 0 && send(self->control, grants, sizeof *grants,
                                   MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof *grants)
        (void) egress_stop(self);
}

bool egress_hear(struct egress *self, struct egress_report *out)
{
    char host[HOST_SIZE];

    while (self->control >= 0) {
        ssize_t size = recv(self->control, out, sizeof *out, MSG_DONTWAIT);
        if (size < 0)
            return false;
        if (size == 0)
            (void) egress_stop(self);
        out->host[HOST_SIZE - 1] = '\0';
        if (size == (ssize_t)sizeof *out && out->port > 0 && out->end >= EGRESS_CONNECTED &&
            out->end <= EGRESS_UNREACHABLE && host_read(text_from(out->host), host) &&
            strcmp(host, out->host) == 0)
            return true;
    }
    return false;
}

bool egress_stop(struct egress *self)
{
    siginfo_t info = {.si_pid = 0};

    fd_drop(&self->control);
    if (self->process < 0)
        return true;
    (void) syscall(SYS_pidfd_send_signal, self->process, SIGKILL, NULL, 0);
    if (waitid(P_PIDFD, (id_t)self->process, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
        return false;
    fd_drop(&self->process);
    return true;
}
