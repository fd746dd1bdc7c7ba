/* kernel.c - probes of isekai-proof: what it can ask of the kernel, and as whom. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/proof/probes.h"

enum { URING_PARAMS_OCTETS = 120, USERFAULTFD_USER_ONLY = 1 };

/* Did the call give something? A descriptor is given back. */
static bool gives_none(long result, const char *what, char detail[DETAIL_SIZE])
{
    if (result < 0)
        return true;
    (void) close((int)result);
    return broke(detail, "%s was answered", what);
}

bool probe_ptrace(const struct targets *targets, char detail[DETAIL_SIZE])
{
    pid_t child = fork();
    long result;

    (void) targets;
    if (child == 0)
        for (;;)
            (void) pause();
    result = syscall(SYS_ptrace, PTRACE_SEIZE, child, 0L, 0L);
    (void) kill(child, SIGKILL);
    (void) waitpid(child, NULL, 0);
    return result < 0 || broke(detail, "a child was traced");
}

bool probe_mount(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    if (mount("proof", "/tmp", "tmpfs", 0, "") == 0) {
        (void) umount2("/tmp", MNT_DETACH);
        return broke(detail, "mounted a tmpfs");
    }
    return umount2("/isekai", MNT_DETACH) < 0 || broke(detail, "unmounted /isekai");
}

/* In a child of its own, for a namespace cannot be left. */
static bool child_cannot(long (*call)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(call() < 0 ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static long unshare_user(void)
{
    return syscall(SYS_unshare, CLONE_NEWUSER);
}

static long clone_user(void)
{
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

    if (child == 0)
        _exit(0);
    return child;
}

bool probe_user_namespace(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    if (!child_cannot(unshare_user))
        return broke(detail, "unshare made one");
    return child_cannot(clone_user) || broke(detail, "clone made one");
}

static long enter_own(void)
{
    int fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    int other = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);

    return fd >= 0 && syscall(SYS_setns, other >= 0 ? other : fd, 0) == 0 ? 0 : -1;
}

bool probe_setns(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    return child_cannot(enter_own) || broke(detail, "entered one");
}

static long become_root(void)
{
    return syscall(SYS_setuid, 0);
}

bool probe_setuid(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    if (getuid() == 0 || geteuid() == 0 || getgid() == 0)
        return broke(detail, "is root from the start");
    return child_cannot(become_root) || broke(detail, "became root");
}

bool probe_keyctl(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) < 0 ||
           broke(detail, "keyctl was answered");
}

bool probe_io_uring(const struct targets *targets, char detail[DETAIL_SIZE])
{
    char params[URING_PARAMS_OCTETS] = "";

    (void) targets;
    return gives_none(syscall(SYS_io_uring_setup, 1, params), "io_uring_setup", detail);
}

bool probe_bpf(const struct targets *targets, char detail[DETAIL_SIZE])
{
    union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
                                 .max_entries = 1};

    (void) targets;
    return gives_none(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes), "bpf",
                      detail);
}

bool probe_perf(const struct targets *targets, char detail[DETAIL_SIZE])
{
    struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attributes,
                                         .config = PERF_COUNT_SW_CPU_CLOCK, .exclude_kernel = 1};

    (void) targets;
    return gives_none(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0), "perf_event_open",
                      detail);
}

bool probe_userfaultfd(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    return gives_none(syscall(SYS_userfaultfd, O_CLOEXEC | USERFAULTFD_USER_ONLY), "userfaultfd",
                      detail);
}

/* ---- what the kernel says of this process ---- */

static bool read_status(const char *name, unsigned long long *out)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    size_t size = strlen(name);
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file))
        found = strncmp(line, name, size) == 0 && line[size] == ':' &&
                sscanf(line + size + 1, "%llx", out) == 1;
    if (file)
        (void) fclose(file);
    return found;
}

static bool status_is(const char *name, unsigned long long wanted, char detail[DETAIL_SIZE])
{
    unsigned long long value = 0;

    if (!read_status(name, &value))
        return broke(detail, "%s cannot be read", name);
    return value == wanted || broke(detail, "%s is %llx", name, value);
}

/* gVisor says nothing of CapAmb: it has none. */
bool probe_capabilities(const struct targets *targets, char detail[DETAIL_SIZE])
{
    unsigned long long ambient;

    (void) targets;
    return status_is("CapInh", 0, detail) && status_is("CapPrm", 0, detail) &&
           status_is("CapEff", 0, detail) && status_is("CapBnd", 0, detail) &&
           (!read_status("CapAmb", &ambient) || status_is("CapAmb", 0, detail));
}

bool probe_no_new_privs(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || broke(detail, "it is off");
}

bool probe_seccomp(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    return status_is("Seccomp", 2, detail);
}
