/* plain_app.c - stands where Node.js stands, for tests of what a cage holds and not of what it runs.
 *
 * Its script is one word, the name of a row of the table at the foot: what it does when it begins,
 * and what it answers to a path. So the limits can be tried where there is no Node.js, and where
 * one would take minutes. Static, without a sanitizer: it runs inside cages.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MB = 1 << 20, PIECE_OCTETS = 4 * MB, ANSWER_SIZE = 32768, REQUEST_SIZE = 4096 };

static char answer[ANSWER_SIZE];        /* to the request that is served */
static char zeros[PIECE_OCTETS];

static void say(const char *text)
{
    (void) snprintf(answer, sizeof answer, "%s", text);
}

/* As SERVER_SAYING of rig.h puts it. */
static void say_threw(void)
{
    (void) snprintf(answer, sizeof answer, "threw %s", strerrorname_np(errno));
}

/* Whether all of it was written; errno says why not. */
static int put(const char *path, size_t octets)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t written = 0;
    ssize_t size = 0;

    while (fd >= 0 && written < octets &&
           (size = write(fd, zeros, octets - written < sizeof zeros ? octets - written : sizeof zeros)) > 0)
        written += (size_t)size;
    int error = errno;
    if (fd >= 0)
        (void) close(fd);
    errno = error;
    return fd >= 0 && written == octets;
}

static void read_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, answer, sizeof answer - 1) : -1;

    if (size < 0)
        say_threw();
    else
        answer[size] = '\0';
    if (fd >= 0)
        (void) close(fd);
}

/* ---- what apps take; called when the answer is out, and then for ever ---- */

static void eat_memory(void)
{
    for (;;) {
        char *piece = malloc(8 * MB);
        if (piece)
            memset(piece, 1, 8 * MB);
    }
}

static void spin(void)
{
    for (;;)
        ;
}

static char *numbered(const char *directory)
{
    static char path[64];
    static unsigned n;

    (void) snprintf(path, sizeof path, "%s/%u", directory, n++);
    return path;
}

static void breathe(void)
{
    (void) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void fill_data(void)
{
    for (;; breathe())
        (void) put(numbered("/data"), MB / 4);
}

static void fill_at_once(void)
{
    for (;;)
        (void) put(numbered("/data"), 4 * MB);
}

static void fill_code(void)
{
    for (;; breathe())
        (void) put(numbered("/app"), MB / 4);
}

static void fill_both(void)
{
    for (;; breathe()) {
        (void) put(numbered("/app"), MB / 4);
        (void) put(numbered("/data"), MB / 4);
    }
}

static void make_files(void)
{
    for (;; breathe())
        (void) put(numbered("/data"), 0);
}

static void fill_nameless(void)
{
    for (int n = 0;; breathe()) {
        int fd = n++ < 500 ? open("/data/x", O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
        (void) unlink("/data/x");
        if (fd >= 0)
            (void) !write(fd, zeros, MB / 4);
    }
}

static void go_deep(void)
{
    if (chdir("/data") < 0)
        return;
    for (;; breathe())
        if (mkdir("d", 0755) == 0)
            (void) !chdir("d");
}

/* ---- beginnings ---- */

static void ignore_size(void)
{
    (void) signal(SIGXFSZ, SIG_IGN);
}

static void ignore_term(void)
{
    (void) signal(SIGTERM, SIG_IGN);
}

static void quit(void)
{
    exit(1);
}

/* In a child, so that the app goes on answering. */
static void flood_log(void)
{
    static char line[3000];

    memset(line, 'x', sizeof line - 1);
    if (fork() == 0)
        for (unsigned long i = 0;; i++)
            printf("%s%lu\n", line, i);
}

static void count_start(void)
{
    int fd = open("/data/n", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    (void) !write(fd, "+", 1);
    (void) close(fd);
    ignore_term();
}

static void leave_child(void)
{
    if (fork() == 0) {
        (void) setsid();
        for (;;)
            (void) pause();
    }
}

static void keep_some(void)
{
    (void) put("/data/1", MB);
    (void) mkdir("/data/2", 0755);
    (void) put("/data/3", 0);
    (void) truncate("/data/3", MB);
}

static void shut_directory(void)
{
    (void) mkdir("/data/d", 0);
}

/* ---- answers ---- */

static void say_one(const char *path)
{
    (void) path;
    say("1");
}

static void say_first(const char *path)
{
    (void) path;
    say("first");
}

static void say_calm(const char *path)
{
    (void) path;
    say("calm");
}

/* Files of 1 MB in the directory that the path is, until no more go in. */
static void fill_directory(const char *path)
{
    char name[REQUEST_SIZE + 16];
    int n = 0;

    for (; n < 1000; n++) {
        (void) snprintf(name, sizeof name, "%s/%d", path, n);
        if (!put(name, MB))
            break;
    }
    (void) snprintf(answer, sizeof answer, "%d %s", n, strerrorname_np(errno));
    for (int i = 0; i <= n; i++) {
        (void) snprintf(name, sizeof name, "%s/%d", path, i);
        (void) unlink(name);
    }
}

static void bomb(const char *path)
{
    static unsigned made, failed;

    for (int i = 0; strcmp(path, "/bomb") == 0 && i < 120; i++) {
        pid_t child = fork();
        if (child == 0 && i < 60)
            (void) execl("/isekai/init", "init", NULL);
        while (child == 0)
            (void) pause();
        made += child > 0 && i >= 60;
        failed += child < 0;
    }
    (void) snprintf(answer, sizeof answer, "%u %u", made, failed);
}

static void write_large(void)
{
    int fd = open("/data/big", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    for (int n = 0; write(fd, zeros, MB) > 0; n++)
        if (n > 4)
            exit(1);
    say_threw();
    (void) close(fd);
}

/* As many as it can, and then none of them. */
static void open_many(void)
{
    int first = open("/app/server.js", O_RDONLY), last = first, fd;
    char count[16];

    while ((fd = open("/app/server.js", O_RDONLY)) >= 0)
        last = fd;
    (void) snprintf(count, sizeof count, "%d", last - first + 1);
    for (fd = first; fd <= last; fd++)
        (void) close(fd);
    say(count);
}

static void make_files_large(const char *path)
{
    say("1");
    if (strcmp(path, "/big") == 0)
        write_large();
    else if (strcmp(path, "/sparse") == 0 &&
             ftruncate(open("/data/s", O_WRONLY | O_CREAT | O_CLOEXEC, 0644), 1000000000000) < 0)
        say_threw();
    else if (strcmp(path, "/many") == 0)
        open_many();
}

static void try_wishes(const char *path)
{
    if (strcmp(path, "/") == 0)
        read_file("/proc/self/limits");
    else if (put("/data/f", strtoul(path + 1, NULL, 10) * MB))
        say("written");
    else
        say_threw();
}

/* What the probe of syscall_probe.c prints, and how it ended. */
static void run_probe(const char *path)
{
    size_t used = 0;
    ssize_t size;
    int ends[2], status;

    (void) path;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        (void) dup2(ends[1], STDOUT_FILENO);
        (void) execl("/data/probe", "probe", NULL);
        _exit(127);
    }
    (void) close(ends[1]);
    while ((size = read(ends[0], answer + used, sizeof answer - 32 - used)) > 0)
        used += (size_t)size;
    (void) close(ends[0]);
    (void) waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        (void) snprintf(answer + used, sizeof answer - used, "signal %d\n", WTERMSIG(status));
    else
        (void) snprintf(answer + used, sizeof answer - used, "status %d\n", WEXITSTATUS(status));
}

static void ask_for_root(const char *path)
{
    (void) path;
    for (int i = 0; i < 1500; i++)
        (void) syscall(SYS_setuid, 0);
    if (syscall(SYS_setgid, 0) < 0)
        say(strerrorname_np(errno));
}

static void say_starts(const char *path)
{
    (void) path;
    read_file("/data/n");
}

static void say_who(const char *path)
{
    (void) path;
    (void) snprintf(answer, sizeof answer, "%u %s", getuid(),
                    access("/root", F_OK) == 0 ? "true" : "false");
}

/* ---- the table ---- */

static const struct app {
    const char *word;
    void (*begin)(void);
    void (*answer)(const char *path);
    const char *path;                   /* after whose answer it goes to `after` for ever */
    void (*after)(void);
} apps[] = {
    {"one",        NULL,           say_one,          NULL,    NULL},
    {"first",      NULL,           say_first,        NULL,    NULL},
    {"calm",       NULL,           say_calm,         NULL,    NULL},
    {"quit",       quit,           say_one,          NULL,    NULL},
    {"deaf",       ignore_term,    say_one,          NULL,    NULL},
    {"counting",   count_start,    say_one,          NULL,    NULL},
    {"parent",     leave_child,    say_one,          NULL,    NULL},
    {"counted",    NULL,           say_starts,       NULL,    NULL},
    {"who",        shut_directory, say_who,          NULL,    NULL},
    {"probe",      NULL,           run_probe,        NULL,    NULL},
    {"asker",      NULL,           ask_for_root,     NULL,    NULL},
    {"hog",        NULL,           say_one,          "/eat",  eat_memory},
    {"tmp",        NULL,           fill_directory,   NULL,    NULL},
    {"bomb",       NULL,           bomb,             NULL,    NULL},
    {"spin",       NULL,           say_one,          "/spin", spin},
    {"large",      ignore_size,    make_files_large, NULL,    NULL},
    {"wishes",     ignore_size,    try_wishes,       NULL,    NULL},
    {"flood",      flood_log,      say_one,          NULL,    NULL},
    {"octets",     NULL,           say_one,          "/fill", fill_data},
    {"at-once",    NULL,           say_one,          "/fill", fill_at_once},
    {"code",       NULL,           say_one,          "/fill", fill_code},
    {"both",       NULL,           say_one,          "/fill", fill_both},
    {"files",      NULL,           say_one,          "/fill", make_files},
    {"unlinked",   NULL,           say_one,          "/fill", fill_nameless},
    {"deep",       NULL,           say_one,          "/fill", go_deep},
    {"filler",     fill_data,      say_one,          NULL,    NULL},
    {"modest",     keep_some,      say_one,          NULL,    NULL},
};

static const struct app *find(const char *script)
{
    char word[32] = "";
    int fd = open(script, O_RDONLY | O_CLOEXEC);

    (void) !read(fd, word, sizeof word - 1);
    (void) close(fd);
    for (size_t i = 0; i < sizeof apps / sizeof *apps; i++)
        if (strcmp(apps[i].word, word) == 0)
            return &apps[i];
    (void) fprintf(stderr, "plain_app: no row '%s'\n", word);
    exit(64);
}

static int listen_on(const char *port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((in_port_t)(port ? strtoul(port, NULL, 10) : 0)),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0) {
        perror("plain_app: listen");
        exit(1);
    }
    return fd;
}

/* One request of a connection; the path, without its query, is left in `path`. */
static void serve(int connection, const struct app *app, char path[REQUEST_SIZE])
{
    char request[REQUEST_SIZE] = "";
    size_t used = 0;
    ssize_t size;

    while (!strstr(request, "\r\n\r\n") && used < sizeof request - 1 &&
           (size = read(connection, request + used, sizeof request - 1 - used)) > 0)
        request[used += (size_t)size] = '\0';
    *path = '\0';
    if (sscanf(request, "%*s %4095[^ ?]", path) != 1)
        return;
    *answer = '\0';
    app->answer(path);
    (void) dprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                   strlen(answer), answer);
}

int main(int count, char **words)
{
    const struct app *app = find(count > 1 ? words[count - 1] : "");
    char path[REQUEST_SIZE];

    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGCHLD, SIG_DFL);
    if (app->begin)
        app->begin();
    int listener = listen_on(getenv("PORT"));
    for (;;) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0)
            continue;
        serve(connection, app, path);
        (void) close(connection);
        if (app->path && strcmp(path, app->path) == 0)
            app->after();
    }
}
