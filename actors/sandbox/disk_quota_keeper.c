/* disk_quota_keeper.c - the process that may set quotas; see disk_quota_keeper.h.
 *
 * Its order of giving up: descriptors, then every capability but one, then every system call that
 * it does not make; only then does it look at an order. No signal ends it but SIGKILL: a terminal's
 * Ctrl-C reaches it too, and the sandbox still has limits to take back then.
 */
#include "actors/sandbox/disk_quota_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/filter.h>
#include <linux/quota.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus/owned.h"

enum { SOCKET = 3, DIRECTORY = 4, FD_SAFE = 64, BLOCK_OCTETS = 1024, RULES_MAX = 64 };

/* QCMD() of the kernel's header shifts out of an int. */
static int quota_call(int directory, uint32_t command, uint32_t uid, void *what)
{
    return (int)syscall(SYS_quotactl_fd, directory, command << SUBCMDSHIFT | USRQUOTA, uid, what);
}

bool keeper_is_enforced(int directory)
{
    struct fs_quota_statv state = {.qs_version = FS_QSTATV_VERSION1};

    return quota_call(directory, Q_XGETQSTATV, 0, &state) == 0 &&
           (state.qs_flags & FS_QUOTA_UDQ_ENFD) != 0;
}

/* ---- giving up ---- */

static bool arrange_descriptors(int socket, int directory)
{
    int safe_socket = fcntl(socket, F_DUPFD_CLOEXEC, FD_SAFE);
    int safe_directory = fcntl(directory, F_DUPFD_CLOEXEC, FD_SAFE);

    return dup2(safe_socket, SOCKET) == SOCKET && dup2(safe_directory, DIRECTORY) == DIRECTORY &&
           syscall(SYS_close_range, DIRECTORY + 1, ~0U, 0) == 0;
}

static bool keep_one_capability(void)
{
    static const cap_value_t used[] = {CAP_SYS_ADMIN};
    cap_t wanted = cap_init();
    bool set = wanted && cap_set_flag(wanted, CAP_PERMITTED, 1, used, CAP_SET) == 0 &&
               cap_set_flag(wanted, CAP_EFFECTIVE, 1, used, CAP_SET) == 0 &&
               cap_set_proc(wanted) == 0;

    if (wanted)
        (void) cap_free(wanted);
    return set && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* Written out and read back, so that the call that makes it hold is the last of its kind:
 * seccomp_load() frees memory behind it, which may be one more call. */
static bool keep_few_calls(void)
{
    static const int calls[] = {
        SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(quotactl_fd), SCMP_SYS(exit_group),
    };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool is_whole = filter != NULL;

    for (size_t i = 0; is_whole && i < sizeof calls / sizeof *calls; i++)
        is_whole = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) == 0;
    struct sock_filter rules[RULES_MAX];
    OWNED(fd) int file = memfd_create("rules", MFD_CLOEXEC);
    is_whole = is_whole && file >= 0 && seccomp_export_bpf(filter, file) == 0;
    seccomp_release(filter);
    ssize_t size = is_whole ? pread(file, rules, sizeof rules, 0) : 0;
    if (size <= 0 || (size_t)size == sizeof rules)
        return false;
    fd_drop(&file);
    const struct sock_fprog program = {
        .len = (unsigned short)((size_t)size / sizeof *rules), .filter = rules,
    };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* ---- serving ---- */

static int set(uint32_t uid, uint64_t octets, uint64_t entries)
{
    struct if_dqblk limits = {
        .dqb_bhardlimit = octets / BLOCK_OCTETS, .dqb_ihardlimit = entries,
        .dqb_valid = QIF_LIMITS,
    };

    return quota_call(DIRECTORY, Q_SETQUOTA, uid, &limits) == 0 ? 0 : errno;
}

/* Nobody of these uids runs now. A file system that cannot list them keeps what it has. */
static void forget_limits(uint32_t first, uint32_t end)
{
    struct if_nextdqblk next = {.dqb_id = 0};

    for (uint32_t uid = first; uid < end; uid = next.dqb_id + 1) {
        if (quota_call(DIRECTORY, Q_GETNEXTQUOTA, uid, &next) < 0 || next.dqb_id >= end)
            return;
        if (next.dqb_bhardlimit || next.dqb_ihardlimit)
            (void) set(next.dqb_id, 0, 0);
    }
}

void keeper_run(int socket, int directory, uid_t first, uid_t count)
{
    struct keeper_order order;
    sigset_t all;

    (void) sigfillset(&all);
    (void) sigprocmask(SIG_SETMASK, &all, NULL);
    (void) prctl(PR_SET_NAME, "isekai-quota");
    if (!arrange_descriptors(socket, directory) || !keep_one_capability() || !keep_few_calls())
        _exit(1);
    forget_limits(first, first + count);
    while (recv(SOCKET, &order, sizeof order, 0) == sizeof order) {
        bool is_apps = order.uid >= first && order.uid - first < count;
        int32_t answer = is_apps ? set(order.uid, order.octets, order.entries) : EPERM;
        if (send(SOCKET, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer)
            break;
    }
    _exit(0);
}
