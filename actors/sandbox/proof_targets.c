/* proof_targets.c - what isekai-proof is let loose on; see proof_targets.h. */
#include "actors/sandbox/proof_targets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/proof/words.h"
#include "actors/sandbox/tree.h"
#include "bus/ids.h"
#include "bus/owned.h"

static const char secret[] = "proof/other/secret";

/* ---- files ---- */

static bool own_directory(int root, const char *name, uid_t uid, struct fault *fault)
{
    if (mkdirat(root, name, 0700) < 0)
        return tree_fault(fault, "make the proof's directories");
    return uid == 0 || fchownat(root, name, uid, (gid_t)uid, AT_SYMLINK_NOFOLLOW) == 0 ||
           tree_fault(fault, "give the proof's directories away");
}

static bool make_files(struct proof_targets *self, const struct proof_place *place,
                       struct fault *fault)
{
    self->runtime = open(place->runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void) snprintf(self->app, sizeof self->app, "%.4000s/proof/app", place->runtime);
    (void) snprintf(self->data, sizeof self->data, "%.4000s/proof/data", place->runtime);
    (void) snprintf(self->other, sizeof self->other, "%.4000s/%s", place->runtime, secret);
    if (self->runtime < 0 || !tree_remove(self->runtime, "proof", fault) ||
        mkdirat(self->runtime, "proof", 0711) < 0)
        return tree_fault(fault, "make the proof's directory");
    self->root = openat(self->runtime, "proof", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (self->root < 0 || fchmod(self->root, 0711) < 0)
        return tree_fault(fault, "make the proof's directory");
    return own_directory(self->root, "app", place->uid, fault) &&
           own_directory(self->root, "data", place->uid, fault) &&
           own_directory(self->root, "other", place->uid, fault) &&
           tree_write(self->runtime, text_from(secret), TEXT_OF("of another app\n"), place->uid, fault);
}

void proof_targets_go(const struct proof_targets *self)
{
    int go = openat(self->root, "data/" PROOF_GO,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

    fd_drop(&go);
}

/* ---- listeners ---- */

/* The first IPv4 address that is not loopback; none: this host has nobody to reach there. */
static bool find_address(struct in_addr *out)
{
    struct ifaddrs *all = NULL;
    bool found = false;

    if (getifaddrs(&all) < 0)
        return false;
    for (const struct ifaddrs *at = all; at && !found; at = at->ifa_next) {
        found = at->ifa_addr && at->ifa_addr->sa_family == AF_INET && at->ifa_flags & IFF_UP &&
                !(at->ifa_flags & IFF_LOOPBACK);
        if (found)
            *out = ((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr;
    }
    freeifaddrs(all);
    return found;
}

/* The second place takes the first's port. */
static int open_socket(struct in_addr address, int type, uint16_t *port)
{
    OWNED(fd) int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(*port)};
    socklen_t size = sizeof name;

    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0 ||
        (type == SOCK_STREAM && listen(fd, 1) < 0) ||
        getsockname(fd, (struct sockaddr *)&name, &size) < 0)
        return -1;
    *port = ntohs(name.sin_port);
    return fd_take(&fd);
}

static bool listen_to_hosts(struct proof_targets *self, struct fault *fault)
{
    struct in_addr address, loopback = {.s_addr = htonl(INADDR_LOOPBACK)};

    self->tcp[0] = open_socket(loopback, SOCK_STREAM, &self->tcp_port);
    self->udp[0] = open_socket(loopback, SOCK_DGRAM, &self->udp_port);
    if (self->tcp[0] < 0 || self->udp[0] < 0)
        return fault_set(fault, FAULT_internal, "listen on loopback: %s", strerror(errno));
    if (!find_address(&address))
        return true;
    self->tcp[1] = open_socket(address, SOCK_STREAM, &self->tcp_port);
    self->udp[1] = open_socket(address, SOCK_DGRAM, &self->udp_port);
    (void) inet_ntop(AF_INET, &address, self->address, sizeof self->address);
    return true;
}

static bool listen_abstract(struct proof_targets *self, struct fault *fault)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char id[UUID_SIZE];

    uuid_make(id);
    int size = snprintf(self->abstract_name, sizeof self->abstract_name, "isekai-proof-%s", id);
    memcpy(name.sun_path + 1, self->abstract_name, (size_t)size);
    self->abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return (self->abstract >= 0 &&
            bind(self->abstract, (struct sockaddr *)&name,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size)) == 0 &&
            listen(self->abstract, 1) == 0) ||
           fault_set(fault, FAULT_internal, "an abstract socket: %s", strerror(errno));
}

/* ---- the canary ---- */

static void end_canary(int signal)
{
    _exit(signal);
}

/* Only system calls: other threads may hold any lock. SIGURG ends it, which most survive. */
static __attribute__((noreturn)) void become_canary(uid_t uid)
{
    struct sigaction ends = {.sa_handler = end_canary};
    sigset_t none;

    (void) syscall(SYS_close_range, 0, ~0U, 0);
    if (uid != 0 && (syscall(SYS_setgroups, 0, NULL) < 0 ||
                     syscall(SYS_setresgid, uid, uid, uid) < 0 ||
                     syscall(SYS_setresuid, uid, uid, uid) < 0))
        _exit(1);
    (void) syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void) sigaction(SIGURG, &ends, NULL);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
    for (;;)
        (void) pause();
}

static bool start_canary(struct proof_targets *self, uid_t uid, struct fault *fault)
{
    struct clone_args args = {.flags = CLONE_PIDFD, .exit_signal = SIGCHLD,
                              .pidfd = (uint64_t)(uintptr_t)&self->canary_pidfd};
    sigset_t all, before;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    self->canary = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (self->canary == 0)
        become_canary(uid);
    int error = errno;
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return self->canary > 0 || fault_set(fault, FAULT_internal, "clone3: %s", strerror(error));
}

/* ---- together ---- */

bool proof_targets_make(struct proof_targets *out, const struct proof_place *place,
                        struct fault *fault)
{
    *out = (struct proof_targets){.runtime = -1, .root = -1, .tcp = {-1, -1}, .udp = {-1, -1},
                                  .abstract = -1, .canary_pidfd = -1};
    return make_files(out, place, fault) && listen_to_hosts(out, fault) &&
           listen_abstract(out, fault) && start_canary(out, place->uid, fault);
}

static bool is_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&one, 1, 0) == 1;
}

static void was_reached(struct proof *proof, enum proof_row row, const char *what)
{
    struct finding *finding = &proof->findings[row];

    if (finding->outcome == proof_outcome_broke)
        return;
    finding->outcome = proof_outcome_broke;
    (void) snprintf(finding->detail, sizeof finding->detail, "%s", what);
}

void proof_targets_look(const struct proof_targets *self, struct proof *proof)
{
    for (int i = 0; i < REACHED_PLACES; i++) {
        if (is_readable(self->tcp[i]))
            was_reached(proof, PROOF_tcp, "a connection came through");
        if (is_readable(self->udp[i]))
            was_reached(proof, PROOF_udp, "a datagram came through");
    }
    if (is_readable(self->abstract))
        was_reached(proof, PROOF_abstract_socket, "a connection came through");
    if (is_readable(self->canary_pidfd))
        was_reached(proof, PROOF_signal_outside, "the canary is dead");
}

void proof_targets_drop(struct proof_targets *self)
{
    siginfo_t ignored;
    struct fault fault;

    if (self->canary_pidfd >= 0) {
        (void) syscall(SYS_pidfd_send_signal, self->canary_pidfd, SIGKILL, NULL, 0);
        (void) waitid(P_PIDFD, (id_t)self->canary_pidfd, &ignored, WEXITED);
    }
    fd_drop(&self->canary_pidfd);
    for (int i = 0; i < REACHED_PLACES; i++) {
        fd_drop(&self->tcp[i]);
        fd_drop(&self->udp[i]);
    }
    fd_drop(&self->abstract);
    fd_drop(&self->root);
    if (self->runtime >= 0)
        (void) tree_remove(self->runtime, "proof", &fault);
    fd_drop(&self->runtime);
}
