/* guard.c - giving up what the proxy does not use; see guard.h. */
#include "actors/sandbox/egress/guard.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct row {
    const char *call;
    unsigned count;
    struct scmp_arg_cmp compared;
} rows[] = {
#define CALL(call) {#call, 0, {0}},
#define CALL_MASKED(call, arg, mask, value) \
    {#call, 1, {arg, SCMP_CMP_MASKED_EQ, (uint32_t)(mask), (uint32_t)(value)}},
#include "actors/sandbox/egress/calls.def"
};

/* A name that this kind of processor does not have is passed over. */
static bool fill(scmp_filter_ctx context, struct fault *fault)
{
    if (seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) < 0 ||
        seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) < 0)
        return fault_set(fault, FAULT_internal, "seccomp attributes were refused");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int number = seccomp_syscall_resolve_name(rows[i].call);
        int failed = number < 0 ? 0 : seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number,
                                                             rows[i].count, &rows[i].compared);
        if (failed)
            return fault_set(fault, FAULT_internal, "seccomp row '%s': %s", rows[i].call,
                             strerror(-failed));
    }
    return true;
}

static bool install_filter(struct fault *fault)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));

    if (!context)
        return fault_set(fault, FAULT_internal, "seccomp_init: no memory");
    bool filled = fill(context, fault);
    int failed = filled ? seccomp_load(context) : 0;
    seccomp_release(context);
    if (failed)
        return fault_set(fault, FAULT_internal, "seccomp_load: %s", strerror(-failed));
    return filled;
}

static bool limit(__rlimit_resource_t resource, rlim_t value, struct fault *fault)
{
    const struct rlimit both = {value, value};

    return setrlimit(resource, &both) == 0 ||
           fault_set(fault, FAULT_internal, "setrlimit: %s", strerror(errno));
}

/* Whoever started it should have left it none. Those of the ambient set go with the permitted ones. */
static bool drop_capabilities(struct fault *fault)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capset, &header, none) == 0 ||
           fault_set(fault, FAULT_internal, "capset: %s", strerror(errno));
}

/* The kernel is asked: a call that returned 0 is a claim, not a fact. */
static bool is_closed(struct fault *fault)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 || errno != EPERM) {
        (void) close(fd);
        return fault_set(fault, FAULT_internal, "UNIX sockets can still be made");
    }
    return true;
}

bool guard_close(size_t descriptors, struct resolver_files *files, struct fault *fault)
{
    if (geteuid() == 0 || getuid() == 0)
        return fault_set(fault, FAULT_forbidden, "it runs as root");
    if (!limit(RLIMIT_CORE, 0, fault) || !limit(RLIMIT_FSIZE, 0, fault) ||
        !limit(RLIMIT_NOFILE, descriptors, fault))
        return false;
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fault_set(fault, FAULT_internal, "prctl: %s", strerror(errno));
    return drop_capabilities(fault) && resolver_files_keep(files, fault) && install_filter(fault) &&
           is_closed(fault);
}
