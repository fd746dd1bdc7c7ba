/* guard_test - what the proxy can still do once it has closed its guard, and what not.
 *
 * Method: a child closes its guard and tries; each step that goes wrong is its exit status. Names are
 * resolved in a network and a view of the file system of the test's own, where a small DNS server of the
 * test answers; for that the test has to be root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/egress/guard.h"
#include "bus/landlock.h"

enum { NOT_HERE = 77, NOBODY = 65534, DESCRIPTORS = 64, HEAD_OCTETS = 12, TYPE_A = 1 };

static struct resolver_files files;

static bool fails_as(long result, int error)
{
    return result < 0 && errno == error;
}

static bool opens(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && close(fd) == 0;
}

static int become_nobody(void)
{
    if (geteuid() == 0 && (syscall(SYS_setgroups, 0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
                           setresuid(NOBODY, NOBODY, NOBODY) < 0))
        return -1;
    return 0;
}

/* A child's exit status: 0, or the line that was not as it should be. */
static int status_of(int (*tries)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(tries());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A process of the same user that began before the fence, and ends with this one. */
static pid_t start_neighbour(void)
{
    int line[2];
    char octet;

    if (pipe2(line, O_CLOEXEC) < 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        (void) close(line[1]);
        _exit(read(line[0], &octet, 1) == 0 ? 0 : 1);
    }
    return child;
}

/* ---- files, by Landlock alone: the filter would refuse much of it too ---- */

static int try_files(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), kept = open("/tmp", O_PATH | O_CLOEXEC);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct fault fault;
    pid_t neighbour;

    if (null < 0 || become_nobody() < 0 || (neighbour = start_neighbour()) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return __LINE__;
    if (!opens("/etc/passwd") || !resolver_files_keep(&files, &fault))
        return __LINE__;
    if (!files.is_on)
        return NOT_HERE;
    if (!fails_as(open("/etc/shadow", O_RDONLY | O_CLOEXEC), EACCES) ||
        !fails_as(open("/etc/passwd", O_RDONLY | O_CLOEXEC), EACCES))       /* which all may read */
        return __LINE__;
    if (!fails_as(open("/proc/self/status", O_RDONLY | O_CLOEXEC), EACCES) ||
        !fails_as(open("/etc", O_RDONLY | O_CLOEXEC), EACCES) ||
        !fails_as(open("/usr/lib", O_RDONLY | O_CLOEXEC), EACCES))
        return __LINE__;
    if (!fails_as(openat(kept, "isekai-guard", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), EACCES) ||
        !fails_as(mkdirat(kept, "isekai-guard", 0700), EACCES) ||
        !fails_as(open("/dev/null", O_WRONLY | O_CLOEXEC), EACCES))
        return __LINE__;
    if (!fails_as(execl("/bin/true", "true", (char *)NULL), EACCES))
        return __LINE__;
    if (landlock_version() >= 4 && !fails_as(bind(tcp, (struct sockaddr *)&any, sizeof any), EACCES))
        return __LINE__;
    if (landlock_version() >= 6 && !fails_as(kill(neighbour, 0), EPERM))
        return __LINE__;
    if (!opens("/etc/hosts") || !opens("/etc/nsswitch.conf") || write(null, "x", 1) != 1)
        return __LINE__;
    return resolver_files_were_exchanged(&files) ? __LINE__ : 0;
}

static void what_is_not_for_names_is_out_of_reach(void **state)
{
    int status = status_of(try_files);

    (void) state;
    if (status == NOT_HERE)
        skip();     /* this kernel has no Landlock */
    assert_int_equal(status, 0);
}

/* ---- all of the guard ---- */

static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &header, sets) < 0)
        return true;
    return sets[0].permitted || sets[1].permitted || sets[0].effective || sets[1].effective ||
           sets[0].inheritable || sets[1].inheritable;
}

/* What its start may have left it by mistake; only root can try this. */
static bool keeps_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (geteuid() != 0)
        return true;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || become_nobody() < 0 || syscall(SYS_capget, &header, sets) < 0)
        return false;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        sets[i].effective = sets[i].permitted;
    return syscall(SYS_capset, &header, sets) == 0 && has_capabilities();
}

/* One of the proxy's calls that needs a capability for this. */
static bool may_mark(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), mark = 1;
    bool may = setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;

    (void) close(fd);
    return may;
}

static int try_all(void)
{
    struct fault fault;

    if (!keeps_capabilities() || !guard_close(DESCRIPTORS, &files, &fault))
        return __LINE__;
    if (may_mark())
        return __LINE__;
    if (!fails_as(open("/etc/shadow", O_RDONLY | O_CLOEXEC), EACCES) ||
        !fails_as(open("/tmp/isekai-guard", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), EPERM))
        return __LINE__;
    if (files.is_on && opens("/etc/passwd"))
        return __LINE__;
    if (!fails_as(socket(AF_UNIX, SOCK_STREAM, 0), EPERM) || !fails_as(kill(getppid(), 0), EPERM) ||
        !fails_as(execl("/bin/true", "true", (char *)NULL), EPERM) || !fails_as(fork(), EPERM))
        return __LINE__;
    return opens("/etc/hosts") ? 0 : __LINE__;
}

static void nothing_is_left_that_it_does_not_use(void **state)
{
    (void) state;
    assert_int_equal(status_of(try_all), 0);
}

static int try_as_root(void)
{
    struct fault fault;

    return guard_close(DESCRIPTORS, &files, &fault) || fault.kind != FAULT_forbidden ? __LINE__ : 0;
}

static void root_is_refused(void **state)
{
    (void) state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(status_of(try_as_root), 0);
}

/* ---- names ---- */

static char place[] = "/tmp/isekai-guard-XXXXXX";

static bool put_file(const char *name, const char *text, const char *over)
{
    char path[64];
    int fd;

    (void) snprintf(path, sizeof path, "%s/%s", place, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0 &&
           mount(path, over, NULL, MS_BIND, NULL) == 0;
}

static bool make_world(void)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd;

    if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return ioctl(fd, SIOCSIFFLAGS, &loopback) == 0 && close(fd) == 0 && mkdtemp(place) &&
           mount("none", place, "tmpfs", 0, "mode=755") == 0 &&
           put_file("resolv", "nameserver 127.0.0.1\n", "/etc/resolv.conf") &&
           put_file("hosts", "192.0.2.1 beside.test\n", "/etc/hosts") &&
           put_file("nsswitch", "hosts: files dns\n", "/etc/nsswitch.conf");
}

/* Every name is 203.0.113.7. Who asks for one that begins with an x finds another /etc/hosts then. */
static void answer(int fd)
{
    static const unsigned char address[] = {0xc0, HEAD_OCTETS, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, 203, 0, 113, 7};
    unsigned char packet[512];
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    ssize_t size = recvfrom(fd, packet, sizeof packet - sizeof address, 0, (struct sockaddr *)&from, &from_size);
    size_t end = HEAD_OCTETS;

    if (size <= HEAD_OCTETS)
        return;
    while (end < (size_t)size && packet[end])
        end += packet[end] + 1u;
    end += 5;
    bool has_one = packet[end - 3] == TYPE_A;
    packet[2] = 0x81;
    packet[3] = 0x80;
    memset(packet + 6, 0, 6);
    packet[7] = has_one;
    if (has_one)
        memcpy(packet + end, address, sizeof address);
    if (packet[HEAD_OCTETS + 1] == 'x' && !put_file("hosts2", "192.0.2.2 beside.test\n", "/etc/hosts"))
        _exit(1);
    (void) sendto(fd, packet, end + (has_one ? sizeof address : 0), 0, (struct sockaddr *)&from, from_size);
}

static pid_t start_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    pid_t server = fork();
    if (server == 0)
        for (;;)
            answer(fd);
    (void) close(fd);
    return server;
}

static bool resolves(const char *name, const char *wanted)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
    char text[INET_ADDRSTRLEN] = "";

    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return false;
    (void) inet_ntop(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr, text, sizeof text);
    freeaddrinfo(found);
    return strcmp(text, wanted) == 0;
}

static int try_names(void)
{
    struct fault fault;

    if (become_nobody() < 0 || !guard_close(DESCRIPTORS, &files, &fault))
        return __LINE__;
    if (!resolves("granted.test", "203.0.113.7"))
        return __LINE__;
    if (!resolves("beside.test", "192.0.2.1"))
        return __LINE__;
    if (resolver_files_were_exchanged(&files))
        return __LINE__;
    if (!resolves("x.test", "203.0.113.7"))
        return __LINE__;
    return resolver_files_were_exchanged(&files) == files.is_on ? 0 : __LINE__;
}

/* In a process of its own, for its world is for good. */
static int try_names_in_a_world(void)
{
    pid_t server;
    int status;

    if (!make_world() || (server = start_server()) < 0)
        return __LINE__;
    status = status_of(try_names);
    (void) kill(server, SIGKILL);
    (void) waitpid(server, NULL, 0);
    (void) umount2(place, MNT_DETACH);
    (void) rmdir(place);
    return status;
}

static void names_are_resolved_and_what_is_exchanged_is_noticed(void **state)
{
    (void) state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(status_of(try_names_in_a_world), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_for_names_is_out_of_reach),
        cmocka_unit_test(nothing_is_left_that_it_does_not_use),
        cmocka_unit_test(root_is_refused),
        cmocka_unit_test(names_are_resolved_and_what_is_exchanged_is_noticed),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
