/* syscall_probe.c - makes one system call after the other and prints the error of each.
 *
 * Runs inside a cage; static, because a cage has no loader it could count on. Every line is
 * "name errno-name". Refuses to run outside of a cage.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRY(name, ...) report(name, syscall(__VA_ARGS__))

static void report(const char *name, long result)
{
    printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "done");
}

/* The kernel counts calls of the x32 ABI from this bit on. */
enum { X32_BIT = 0x40000000 };

static void look_into_others(void)
{
    char byte;

    TRY("ptrace", SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
    TRY("ptrace_1", SYS_ptrace, PTRACE_ATTACH, 1, 0, 0);
    TRY("process_vm_readv", SYS_process_vm_readv, 1, &byte, 0, &byte, 0, 0);
    TRY("process_vm_writev", SYS_process_vm_writev, 1, &byte, 0, &byte, 0, 0);
    TRY("pidfd_open", SYS_pidfd_open, 1, 0);
    TRY("pidfd_getfd", SYS_pidfd_getfd, 0, 0, 0);
    TRY("kcmp", SYS_kcmp, 1, 1, 0, 0, 0);
    TRY("perf_event_open", SYS_perf_event_open, 0, 0, -1, -1, 0);
    TRY("prlimit_1", SYS_prlimit64, 1, RLIMIT_NOFILE, 0, 0);
    TRY("prlimit_self", SYS_prlimit64, 0, RLIMIT_NOFILE, 0, 0);
}

static void large_parts(void)
{
    TRY("bpf", SYS_bpf, 0, 0, 0);
    TRY("fallocate", SYS_fallocate, 1, 0, 0, 1);
    TRY("userfaultfd", SYS_userfaultfd, 0);
    TRY("io_uring_setup", SYS_io_uring_setup, 1, 0);
    TRY("io_uring_enter", SYS_io_uring_enter, -1, 0, 0, 0, 0, 0);
    TRY("io_uring_register", SYS_io_uring_register, -1, 0, 0, 0);
    TRY("keyctl", SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 0);
    TRY("add_key", SYS_add_key, "user", "x", "y", 1, -3);
    TRY("request_key", SYS_request_key, "user", "x", 0, 0);
    TRY("seccomp", SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, 0);
    TRY("prctl_seccomp", SYS_prctl, PR_SET_SECCOMP, 99, 0, 0, 0);
    TRY("modify_ldt", SYS_modify_ldt, 0, 0, 0);
    TRY("personality", SYS_personality, ADDR_NO_RANDOMIZE);
    TRY("fanotify_init", SYS_fanotify_init, 0, 0);
    TRY("vmsplice", SYS_vmsplice, -1, 0, 0, 0);
    TRY("uselib", SYS_uselib, 0);
}

static void namespaces_and_mounts(void)
{
    uint64_t args[11] = {CLONE_NEWUSER};

    TRY("unshare", SYS_unshare, CLONE_NEWUSER);
    TRY("setns", SYS_setns, -1, 0);
    TRY("clone_newuser", SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    TRY("clone_newnet", SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0);
    TRY("clone_newtime", SYS_clone, 0x80 | SIGCHLD, 0, 0, 0, 0);
    TRY("clone3", SYS_clone3, args, sizeof args);
    TRY("mount", SYS_mount, "none", "/tmp", "tmpfs", 0, 0);
    TRY("umount2", SYS_umount2, "/tmp", 0);
    TRY("pivot_root", SYS_pivot_root, ".", ".");
    TRY("chroot", SYS_chroot, "/");
    TRY("open_tree", SYS_open_tree, -100, "/", 0);
    TRY("move_mount", SYS_move_mount, -1, "", -1, "", 0);
    TRY("fsopen", SYS_fsopen, "tmpfs", 0);
    TRY("mount_setattr", SYS_mount_setattr, -100, "/", 0, 0, 0);
    TRY("open_by_handle_at", SYS_open_by_handle_at, -1, 0, 0);
    TRY("name_to_handle_at", SYS_name_to_handle_at, -100, "/", 0, 0, 0);
    TRY("quotactl", SYS_quotactl, 0, 0, 0, 0);
    TRY("mknod", SYS_mknod, "/data/device", 0020666, 0x103);
}

static void machine(void)
{
    TRY("reboot", SYS_reboot, 0, 0, 0, 0);
    TRY("kexec_load", SYS_kexec_load, 0, 0, 0, 0);
    TRY("init_module", SYS_init_module, 0, 0, "");
    TRY("finit_module", SYS_finit_module, -1, "", 0);
    TRY("delete_module", SYS_delete_module, "x", 0);
    TRY("swapon", SYS_swapon, "/x", 0);
    TRY("acct", SYS_acct, 0);
    TRY("syslog", SYS_syslog, 10, 0, 0);
    TRY("iopl", SYS_iopl, 3);
    TRY("settimeofday", SYS_settimeofday, 0, 0);
    TRY("sethostname", SYS_sethostname, "x", 1);
    TRY("setuid", SYS_setuid, 0);
    TRY("setgroups", SYS_setgroups, 0, 0);
    TRY("capset", SYS_capset, 0, 0);
}

static void sockets(void)
{
    TRY("socket_packet", SYS_socket, 17, SOCK_RAW, 0);
    TRY("socket_raw", SYS_socket, AF_INET, SOCK_RAW, 1);
    TRY("socket_icmp", SYS_socket, AF_INET, SOCK_DGRAM, 1);
    TRY("socket_vsock", SYS_socket, 40, SOCK_STREAM, 0);
    TRY("socket_alg", SYS_socket, 38, SOCK_SEQPACKET, 0);
    TRY("socket_bluetooth", SYS_socket, 31, SOCK_RAW, 0);
    TRY("socket_xdp", SYS_socket, 44, SOCK_RAW, 0);
    TRY("socket_netfilter", SYS_socket, AF_NETLINK, SOCK_RAW, 12);
    TRY("socket_kobject", SYS_socket, AF_NETLINK, SOCK_DGRAM, 15);
    TRY("socket_sctp", SYS_socket, AF_INET, SOCK_STREAM, 132);
    TRY("socket_inet", SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TRY("socket_route", SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    TRY("tiocsti", SYS_ioctl, 0, TIOCSTI, "x");
    /* The upper half of an argument must not hide the lower one, nor a bit of the number. */
    TRY("tiocsti_high", SYS_ioctl, 0, 0x100000000L | TIOCSTI, "x");
    TRY("socket_packet_high", SYS_socket, 0x100000011L, SOCK_RAW, 0);
    TRY("clone_newuser_high", SYS_clone, 0x100000000L | CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
#ifdef __x86_64__
    TRY("x32_ptrace", X32_BIT | 521, 0, 0, 0, 0);
    TRY("x32_getpid", X32_BIT | SYS_getpid);
#endif
    TRY("unknown", 9999);
}

/* getpid through the door of 32-bit programs: 20 is getpid there. A kernel without that door
 * sends a signal. */
static void foreign_architecture(void)
{
#ifdef __x86_64__
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L)
                         : "memory", "r8", "r9", "r10", "r11");
        _exit(result > 0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return;
    printf("i386_getpid %s\n", WIFEXITED(status) && WEXITSTATUS(status) == 1 ? "done" : "refused");
#endif
}

int main(void)
{
    if (access("/isekai/init", F_OK) < 0) {
        fputs("this program tries what it must not: run it in a cage only\n", stderr);
        return 64;
    }
    (void) setvbuf(stdout, NULL, _IONBF, 0);
    look_into_others();
    large_parts();
    namespaces_and_mounts();
    machine();
    sockets();
    foreign_architecture();
    return 0;
}
