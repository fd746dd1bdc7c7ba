/* become.c - in the child of process 1: from fork() to the app; see become.h. */
#include "actors/sandbox/init/become.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actors/sandbox/init/fence.h"
#include "actors/sandbox/init/refusals.h"

enum {
    FILTER_INSTRUCTIONS_MAX = 4096,     /* BPF_MAXINSNS */
    ENVIRONMENT_MAX = 64,
    RUNTIME_WORDS_MAX = 16,
    EXIT_INIT_FAILED = 70,
};

/* The app's log is the only place where a failure here can be told. */
void init_fail(const char *step)
{
    char line[200] = "isekai-init: ";
    const char *why = strerror(errno);

    strncat(line, step, 80);
    strncat(line, ": ", 3);
    strncat(line, why, 80);
    strncat(line, "\n", 2);
    (void) !write(STDERR_FILENO, line, strlen(line));
    _exit(EXIT_INIT_FAILED);
}

unsigned long init_argument(char **argv, enum init_argument which)
{
    return strtoul(argv[which], NULL, 10);
}

bool init_is_warm(char **argv)
{
    return init_argument(argv, INIT_ARG_PORT) == 0;
}

static char **app_words(char **argv)
{
    return argv + INIT_ARG_APP + init_argument(argv, INIT_ARG_RUNTIME_WORDS);
}

static void limit(int resource, unsigned long value, const char *step)
{
    struct rlimit both = {value, value};

    if (setrlimit((__rlimit_resource_t)resource, &both) < 0)
        init_fail(step);
}

static void limit_app(char **argv)
{
    unsigned long data_mb = init_argument(argv, INIT_ARG_DATA_MB);

    limit(RLIMIT_CORE, 0, "RLIMIT_CORE");
    limit(RLIMIT_NOFILE, init_argument(argv, INIT_ARG_OPEN_FILES), "RLIMIT_NOFILE");
    limit(RLIMIT_FSIZE, init_argument(argv, INIT_ARG_FILE_MB) << 20, "RLIMIT_FSIZE");
    limit(RLIMIT_NPROC, init_argument(argv, INIT_ARG_PROCESSES), "RLIMIT_NPROC");
    limit(RLIMIT_MEMLOCK, 64 << 10, "RLIMIT_MEMLOCK");
    limit(RLIMIT_MSGQUEUE, 0, "RLIMIT_MSGQUEUE");
    if (data_mb)
        limit(RLIMIT_DATA, data_mb << 20, "RLIMIT_DATA");
}

/* When memory runs out the kernel takes the app, not process 1, which still has to report. */
static void die_first(void)
{
    int fd;

    (void) prctl(PR_SET_DUMPABLE, 1);       /* /proc/self belongs to us only then */
    fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "500", 3) != 3)
        init_fail("oom_score_adj");
    (void) close(fd);
}

static struct sock_fprog read_filter(void)
{
    static struct sock_filter instructions[FILTER_INSTRUCTIONS_MAX];
    ssize_t size = pread(INIT_FD_FILTER, instructions, sizeof instructions, 0);

    if (size <= 0 || size % (ssize_t)sizeof *instructions != 0)
        init_fail("read the seccomp filter");
    return (struct sock_fprog){.filter = instructions,
                               .len = (unsigned short)((size_t)size / sizeof *instructions)};
}

static void install_filter(int filter_socket)
{
    const struct sock_fprog program = read_filter();

    if (!refusals_install(&program, filter_socket))
        init_fail("seccomp");
}

/* Process 1 never has the secrets: the child alone reads them, and its memory goes with execve(). */
static char **environment_with_secrets(void)
{
    static char secrets[INIT_SECRETS_OCTETS + 1];
    static char *environment[ENVIRONMENT_MAX + INIT_SECRETS_MAX + 1];
    size_t count = 0, size = 0;
    ssize_t more = 0;

    for (; environ[count] && count < ENVIRONMENT_MAX; count++)
        environment[count] = environ[count];
    while (size < INIT_SECRETS_OCTETS &&
           ((more = read(INIT_FD_SECRETS, secrets + size, INIT_SECRETS_OCTETS - size)) > 0 ||
            (more < 0 && errno == EINTR)))
        size += more > 0 ? (size_t)more : 0;
    if (more < 0)
        init_fail("read the secrets");
    for (size_t at = 0, found = 0; at < size && found < INIT_SECRETS_MAX; found++) {
        environment[count++] = secrets + at;
        at += strlen(secrets + at) + 1;
    }
    return environment;
}

static void set_signals(void)
{
    sigset_t none;

    (void) signal(SIGPIPE, SIG_DFL);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

void become_runtime(const struct guest *guest, char **argv)
{
    static char *words[RUNTIME_WORDS_MAX + 1];
    static char *const nothing[] = {NULL};
    const struct sock_fprog filter = read_filter();
    unsigned long count = init_argument(argv, INIT_ARG_RUNTIME_WORDS);
    struct guest_start start = {
        .filter_octets = filter.len * (uint32_t)sizeof *filter.filter,
        .open_files = init_argument(argv, INIT_ARG_OPEN_FILES),
        .file_mb = init_argument(argv, INIT_ARG_FILE_MB),
        .processes = init_argument(argv, INIT_ARG_PROCESSES),
    };

    for (unsigned long i = 0; i < count && i < RUNTIME_WORDS_MAX; i++)
        words[i] = argv[INIT_ARG_APP + i];
    if (!guest_tell(guest, &start, filter.filter, environment_with_secrets(),
                    app_words(argv)))
        init_fail("tell the guest");
    (void) setsid();
    die_first();
    set_signals();
    if (syscall(SYS_close_range, INIT_FD_CONTROL, ~0U, 0) < 0)
        init_fail("close_range");
    execve(words[0], words, nothing);
    init_fail(words[0]);
}

void become_app(int filter_socket, char **argv)
{
    char **environment = environment_with_secrets();
    unsigned first = INIT_FD_HANDOVER;

    (void) setsid();
    limit_app(argv);
    die_first();
    set_signals();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        init_fail("no_new_privs");
    if (!fence_close((unsigned)init_argument(argv, INIT_ARG_LANDLOCK)))
        init_fail("landlock");
    install_filter(filter_socket);
    if (init_is_warm(argv) && dup2(INIT_FD_LISTENER, (int)first++) < 0)
        init_fail("handover");
    if (syscall(SYS_close_range, first, ~0U, 0) < 0)
        init_fail("close_range");
    execve(argv[INIT_ARG_APP], argv + INIT_ARG_APP, environment);
    init_fail(argv[INIT_ARG_APP]);
}
