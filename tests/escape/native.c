/* native.c - tries by machine code what takes more than one system call, or a forged argument.
 *
 * Beside tests/sandbox/syscall_probe.c, which makes single calls. Every line is "name got" or
 * "name errno-name". Harmless by itself; refuses to run outside of a cage.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void report(const char *name, long result)
{
    printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "got");
}

/* Process 1 believes a SIGTERM that came from outside of the cage: number 0 sent it. */
static void forge_a_signal(void)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    info.si_pid = 0;
    report("forged_signal", syscall(SYS_rt_sigqueueinfo, 1, SIGTERM, &info));
    info.si_code = SI_USER;
    report("forged_as_kill", syscall(SYS_rt_sigqueueinfo, 1, SIGTERM, &info));
    info.si_code = SI_KERNEL;
    report("forged_as_kernel", syscall(SYS_rt_sigqueueinfo, 1, SIGTERM, &info));
}

static void slow_process_one(void)
{
    struct sched_param idle = {0};
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(0, &one);
    report("priority_of_1", setpriority(PRIO_PROCESS, 1, 19));
    report("priority_of_all", setpriority(PRIO_USER, 0, 19));
    report("processors_of_1", sched_setaffinity(1, sizeof one, &one));
    report("scheduler_of_1", sched_setscheduler(1, SCHED_IDLE, &idle));
    report("limits_of_1", prlimit(1, RLIMIT_NOFILE, NULL, NULL));
}

/* A message of rtnetlink: a new device, or an address for lo. */
static void change_the_network(const char *name, uint16_t type, const void *body, size_t size)
{
    struct { struct nlmsghdr head; char body[64]; } message = {
        .head = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(size), .nlmsg_type = type,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
    };
    struct { struct nlmsghdr head; struct nlmsgerr error; char rest[256]; } answer = {0};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    memcpy(message.body, body, size);
    if (fd < 0 || send(fd, &message, message.head.nlmsg_len, 0) < 0 ||
        recv(fd, &answer, sizeof answer, 0) < 0) {
        report(name, -1);
        return;
    }
    errno = -answer.error.error;
    report(name, answer.error.error ? -1 : 0);
    (void) close(fd);
}

static void networks(void)
{
    const struct ifinfomsg link = {.ifi_index = 1, .ifi_change = IFF_PROMISC, .ifi_flags = IFF_PROMISC};
    const struct ifaddrmsg address = {.ifa_family = AF_INET, .ifa_prefixlen = 8, .ifa_index = 1};
    const struct rtmsg route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    change_the_network("new_device", RTM_NEWLINK, &link, sizeof link);
    change_the_network("new_address", RTM_NEWADDR, &address, sizeof address);
    change_the_network("new_route", RTM_NEWROUTE, &route, sizeof route);
    report("mark", setsockopt(fd, SOL_SOCKET, SO_MARK, &one, sizeof one));
    report("transparent", setsockopt(fd, SOL_IP, 19 /* IP_TRANSPARENT */, &one, sizeof one));
    report("iptables", setsockopt(fd, SOL_IP, 64 /* IPT_SO_SET_REPLACE */, &one, sizeof one));
    report("device_names", syscall(SYS_ioctl, fd, 0x8910 /* SIOCGIFNAME */, &one));
}

static void memory(void)
{
    report("page_zero", (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    report("locked", syscall(SYS_mlock, mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 8 << 20));
    report("shared_segment", shmget(IPC_PRIVATE, 1 << 20, 0600));
    report("messages", msgget(IPC_PRIVATE, 0600));
    report("semaphores", semget(IPC_PRIVATE, 10, 0600));
    report("message_queue", syscall(SYS_mq_open, "/x", O_CREAT | O_RDWR, 0600, NULL));
}

/* Whether a limit or a promise about itself can be taken back. */
static void take_back(void)
{
    struct rlimit files;

    (void) getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_max++;
    report("more_files", setrlimit(RLIMIT_NOFILE, &files));
    report("privileges", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    report("keep_capabilities", prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    report("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0));
    report("adopt_orphans", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    report("filter_log", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
}

/* Its own child may be followed nowhere either. */
static void trace_a_child(void)
{
    pid_t child = fork();

    if (child == 0) {
        (void) pause();
        _exit(0);
    }
    report("trace_child", ptrace(PTRACE_ATTACH, child, NULL, NULL));
    report("seize_child", ptrace(PTRACE_SEIZE, child, NULL, NULL));
    (void) kill(child, SIGKILL);
    (void) waitpid(child, NULL, 0);
}

static void programs_without_a_name(void)
{
    int fd = (int)syscall(SYS_memfd_create, "x", 0);

    report("start_of_memory", syscall(SYS_execveat, fd, "", NULL, NULL, 0x1000 /* AT_EMPTY_PATH */));
    report("root_by_descriptor", openat(open("/", O_PATH), "../../../../etc/shadow", O_RDONLY));
    report("device", syscall(SYS_mknodat, AT_FDCWD, "/data/device", 0020666, 0x103));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "uids") == 0) {
        printf("setuid_file %d:%d\n", (int)geteuid(), (int)getegid());
        return 0;
    }
    if (access("/isekai/init", F_OK) < 0) {
        fputs("this program tries what it must not: run it in a cage only\n", stderr);
        return 64;
    }
    (void) setvbuf(stdout, NULL, _IONBF, 0);
    forge_a_signal();
    slow_process_one();
    networks();
    memory();
    take_back();
    trace_a_child();
    programs_without_a_name();
    return 0;
}
