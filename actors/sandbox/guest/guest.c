/* guest.c - process 1 inside gVisor: makes the app of what isekai-init sends, and says how it ended.
 *
 * runsc passes three descriptors into its sandbox and takes orders by a program of its own, so that
 * what an ordinary cage gets by descriptor (its filter, its secrets, SIGTERM) comes over a socket
 * here; nothing of it is in an argument vector or in a file. The files of the app belong to the user who
 * runs runsc, whom gVisor knows as user 0: so the app gets a user namespace of its own, of gVisor's,
 * where that user is 1000 and no capability is left.
 * gVisor has no user notification: what the filter would ask about is refused with EPERM, uncounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/guest/protocol.h"

enum { EXIT_GUEST_FAILED = 70, NOBODY = 65534 };

#define CGROUPS "/run/cgroup"

static struct {
    struct guest_start start;
    struct sock_filter filter[GUEST_FILTER_OCTETS_MAX / sizeof(struct sock_filter)];
    char texts[GUEST_TEXTS_OCTETS_MAX + 1];
    char *environment[GUEST_ENVIRONMENT_MAX + 1];
    char *arguments[GUEST_ARGUMENTS_MAX + 1];
} told;

static void fail(const char *step)
{
    (void) dprintf(STDERR_FILENO, "isekai-guest: %s: %s\n", step, strerror(errno));
    _exit(EXIT_GUEST_FAILED);
}

/* ---- what it is told ---- */

static void read_all(void *at, size_t size)
{
    for (size_t have = 0; have < size;) {
        ssize_t more = read(GUEST_FD, (char *)at + have, size - have);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            _exit(EXIT_SUCCESS);            /* the cage ends */
        have += (size_t)more;
    }
}

static char *take_texts(char *at, uint32_t count, char **out)
{
    const char *end = told.texts + told.start.texts_octets;

    for (uint32_t i = 0; i < count && at < end; i++) {
        out[i] = at;
        at += strlen(at) + 1;
    }
    return at;
}

/* What would ask process 1 of the host is refused here: gVisor knows no such question. */
static void answer_questions(size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (told.filter[i].code == (BPF_RET | BPF_K) &&
            told.filter[i].k == SECCOMP_RET_USER_NOTIF)
            told.filter[i].k = SECCOMP_RET_ERRNO | EPERM;
}

static void hear_start(void)
{
    const struct guest_start *start = &told.start;

    read_all(&told.start, sizeof told.start);
    if (start->filter_octets > sizeof told.filter || start->texts_octets > GUEST_TEXTS_OCTETS_MAX ||
        start->environment > GUEST_ENVIRONMENT_MAX || start->arguments > GUEST_ARGUMENTS_MAX ||
        start->arguments == 0) {
        errno = EINVAL;
        fail("what isekai-init says");
    }
    read_all(told.filter, start->filter_octets);
    read_all(told.texts, start->texts_octets);
    answer_questions(start->filter_octets / sizeof *told.filter);
    (void) take_texts(take_texts(told.texts, start->environment, told.environment),
                      start->arguments, told.arguments);
}

/* ---- the app ---- */

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        fail(path);
    (void) close(fd);
}

/* What is of no use to the app: gVisor's cgroups and runsc's own files, gVisor's picture of devices, and
 * this process. What covers them is read-only, and nobody may open it. */
static void hide_places(void)
{
    static const char *const places[] = {"/run", "/sys", "/proc/1"};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (mount("none", places[i], "tmpfs", MS_RDONLY, "size=4096,mode=0000") < 0)
            fail(places[i]);
}

static void take_away(const char *path, int (*take)(const char *path))
{
    if (take(path) < 0 && errno != ENOENT)
        fail(path);
}

/* Those of gVisor's that an ordinary cage does not have go, and /dev becomes somebody else's. */
static void trim_devices(void)
{
    take_away("/dev/fuse", unlink);
    take_away("/dev/net/tun", unlink);
    take_away("/dev/net", rmdir);
    if (chown("/dev", NOBODY, NOBODY) < 0)
        fail("/dev");
}

/* gVisor keeps no RLIMIT_NPROC; its own cgroups count. One more is for this process. */
static void limit_processes(void)
{
    char text[24];

    if (mkdir(CGROUPS, 0700) < 0 || mount("none", CGROUPS, "cgroup", 0, "pids") < 0)
        fail("mount gVisor's cgroups");
    if (mkdir(CGROUPS "/app", 0700) < 0)
        fail("make a cgroup");
    (void) snprintf(text, sizeof text, "%llu", (unsigned long long)told.start.processes + 1);
    write_text(CGROUPS "/app/pids.max", text);
    write_text(CGROUPS "/app/cgroup.procs", "1");
}

static void limit(int resource, uint64_t value, const char *step)
{
    struct rlimit both = {value, value};

    if (setrlimit((__rlimit_resource_t)resource, &both) < 0)
        fail(step);
}

/* Who the app is: 1000, with nothing that only root may. */
static void become_user(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};

    if (unshare(CLONE_NEWUSER) < 0)
        fail("a user namespace");
    write_text("/proc/self/gid_map", "1000 0 1");
    write_text("/proc/self/uid_map", "1000 0 1");
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability) < 0)
            fail("drop capabilities");
    if (syscall(SYS_capset, &head, none) < 0)
        fail("drop capabilities");
    if (getuid() != 1000 || getgid() != 1000)
        fail("become the app's user");
}

static void install_filter(void)
{
    struct sock_fprog program = {
        .len = (unsigned short)(told.start.filter_octets / sizeof *told.filter),
        .filter = told.filter,
    };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fail("no_new_privs");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        fail("seccomp");
}

static void become_app(const sigset_t *none)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (nothing < 0 || dup2(nothing, GUEST_FD) < 0)
        fail("/dev/null");
    (void) setsid();
    limit(RLIMIT_CORE, 0, "RLIMIT_CORE");
    limit(RLIMIT_NOFILE, told.start.open_files, "RLIMIT_NOFILE");
    limit(RLIMIT_FSIZE, told.start.file_mb << 20, "RLIMIT_FSIZE");
    become_user();
    (void) prctl(PR_SET_DUMPABLE, 1);
    (void) signal(SIGPIPE, SIG_DFL);
    (void) sigprocmask(SIG_SETMASK, none, NULL);
    install_filter();
    execve(told.arguments[0], told.arguments, told.environment);
    fail(told.arguments[0]);
}

/* ---- its life ---- */

/* The app's user is root's to gVisor, who may look into and signal what is root's: not this process. */
static void leave_user(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct only[2] = {{1U << CAP_KILL, 1U << CAP_KILL, 0}, {0, 0, 0}};

    if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0 || syscall(SYS_capset, &head, only) < 0)
        fail("become nobody");
}

static void tell_end(int status)
{
    const struct guest_end end = {status};

    (void) send(GUEST_FD, &end, sizeof end, MSG_NOSIGNAL);
    _exit(EXIT_SUCCESS);            /* and with process 1 all others in the sandbox end */
}

static void reap(pid_t app)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == app)
            tell_end(status);
}

static void hear_order(pid_t app)
{
    char octet;
    ssize_t size = read(GUEST_FD, &octet, 1);

    if (size == 1)
        (void) kill(app, SIGTERM);
    else if (size == 0 || errno != EINTR)
        _exit(EXIT_SUCCESS);
}

static void on_child(int signal)
{
    (void) signal;                  /* ppoll() returns */
}

int main(void)
{
    struct sigaction children = {.sa_handler = on_child};
    struct pollfd order = {.fd = GUEST_FD, .events = POLLIN};
    sigset_t watched, none;

    (void) prctl(PR_SET_DUMPABLE, 0);
    (void) signal(SIGPIPE, SIG_IGN);
    (void) sigemptyset(&none);
    (void) sigemptyset(&watched);
    (void) sigaddset(&watched, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &watched, NULL);
    (void) sigaction(SIGCHLD, &children, NULL);
    hear_start();
    limit_processes();
    hide_places();
    trim_devices();
    pid_t app = fork();
    if (app < 0)
        fail("fork");
    if (app == 0)
        become_app(&none);
    leave_user();
    explicit_bzero(told.texts, sizeof told.texts);      /* its secrets are the app's alone */
    for (;;) {
        if (ppoll(&order, 1, NULL, &none) > 0)
            hear_order(app);
        reap(app);
    }
}
