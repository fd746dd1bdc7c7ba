/* cage_try.c - does this host let us build cages? See cage_try.h. */
#include "actors/sandbox/cage_try.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "actors/sandbox/cage.h"
#include "actors/sandbox/filter.h"
#include "actors/sandbox/init/protocol.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { WORDS_OCTETS = 512 };

/* What a kernel may have been told, and how to tell it otherwise. */
static const struct { const char *file; char refuses; const char *next; } switches[] = {
    {"/proc/sys/user/max_user_namespaces", '0', "sysctl -w user.max_user_namespaces=15000"},
    {"/proc/sys/kernel/unprivileged_userns_clone", '0',
     "sysctl -w kernel.unprivileged_userns_clone=1"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
     "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
};

static bool stands_at(const char *file, char value)
{
    OWNED(fd) int fd = open(file, O_RDONLY | O_CLOEXEC);
    char text[3] = "";

    return fd >= 0 && read(fd, text, sizeof text - 1) > 0 && text[0] == value &&
           (text[1] == '\n' || text[1] == '\0');
}

static const char *what_to_do(void)
{
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (stands_at(switches[i].file, switches[i].refuses))
            return switches[i].next;
    return "let ordinary users, or this container, make user namespaces";
}

/* bubblewrap says one line before it gives up. */
static bool refuse(const struct cage_process *process, struct fault *fault)
{
    char words[WORDS_OCTETS] = "";
    ssize_t size = read(process->log[1], words, sizeof words - 1);

    words[size > 0 ? size : 0] = '\0';
    words[strcspn(words, "\n")] = '\0';
    return fault_set(fault, FAULT_forbidden, "no cage can be built here; as root: %s (%s)",
                     what_to_do(), *words ? words : "bubblewrap gave no reason");
}

static bool wait_for_init(const struct cage_process *process, struct fault *fault)
{
    struct pollfd control = {.fd = process->control, .events = POLLIN};
    int64_t deadline_ms = clock_now_ms() + CAGE_TRY_MS;
    struct init_report report = {0};
    int ready;

    do
        ready = poll(&control, 1, (int)clock_left_ms(deadline_ms));
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return fault_set(fault, FAULT_timed_out, "no cage stands within %d ms", CAGE_TRY_MS);
    if (recv(process->control, &report, sizeof report, 0) == (ssize_t)sizeof report &&
        report.kind == INIT_BEGAN)
        return true;
    return refuse(process, fault);
}

/* bubblewrap's end is its cage's. */
static void end(struct cage_process *process)
{
    siginfo_t ignored;

    (void) syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0);
    (void) waitid(P_PIDFD, (id_t)process->pidfd, &ignored, WEXITED);
    cage_process_drop(process);
}

static bool try_with(struct cage_spec *spec, struct fault *fault)
{
    OWNED(fd) int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    OWNED(fd) int filter = -1;
    struct cage_process process;

    if (listener < 0)
        return fault_set(fault, FAULT_internal, "socket: %s", strerror(errno));
    if (!filter_make(&filter, fault))
        return false;
    spec->listener = listener;
    spec->filter = filter;
    if (!cage_start(spec, &process, fault))
        return false;
    bool stands = wait_for_init(&process, fault);
    end(&process);
    return stands;
}

bool cage_try(const struct cage_host *host, uid_t uid, struct fault *fault)
{
    static const struct entry nothing = {.is_static = true};
    static const struct limits little = {
        .memory_mb = 64, .pids = 8, .open_files = 64, .file_mb = 1, .start_timeout_ms = CAGE_TRY_MS,
    };
    static const struct cage_group none;
    struct cage_spec spec = {
        .host = host, .app_path = host->files, .data_path = host->files, .entry = &nothing,
        .limits = &little, .port = 9000, .uid = uid, .group = &none,
    };

    return try_with(&spec, fault);
}
