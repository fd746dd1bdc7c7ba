/* rig.c - a whole sandbox in a directory of its own; see rig.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/sandbox/rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/app_log.h"
#include "actors/sandbox/tree.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { ARENA_OCTETS = 256 << 20, START_MS = 60000, POLL_MS = 5, EXIT_SKIPPED = 77 };

/* ---- making ---- */

static void make_directory(const char *path, mode_t mode)
{
    assert_int_equal(mkdir(path, mode), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void choose_runtime(struct rig *rig)
{
    const char *name = getenv("ISEKAI_TEST_RUNTIME");
    char program[PATH_MAX];

    if (!name)
        return;
    if (strcmp(name, "gvisor") == 0 && !cage_host_program("runsc", program)) {
        print_message("skipped: runsc is not installed (apt-get install runsc)\n");
        exit(EXIT_SKIPPED);
    }
    rig->settings.sandbox_runtime = name;
}

void rig_copy_program(const struct rig *rig, const char *name, const char *target)
{
    char source[2 * PATH_MAX], piece[65536];
    const char *slash = strrchr(rig->init, '/');
    ssize_t size;

    (void) snprintf(source, sizeof source, "%.*s/%s", (int)(slash - rig->init), rig->init, name);
    OWNED(fd) int from = open(source, O_RDONLY | O_CLOEXEC);
    OWNED(fd) int to = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_true(from >= 0 && to >= 0);
    while ((size = read(from, piece, sizeof piece)) > 0)
        assert_int_equal(write(to, piece, (size_t)size), size);
}

/* A copy: the build tree may be closed to the apps' users. */
static void choose_node(struct rig *rig)
{
    rig->is_plain = getenv("ISEKAI_TEST_PLAIN") != NULL;
    if (!rig->is_plain)
        return;
    (void) snprintf(rig->plain, sizeof rig->plain, "%.4000s/plain", rig->path);
    rig_copy_program(rig, "sandbox_plain_app", rig->plain);
    rig->settings.sandbox_node_path = rig->plain;
}

const char *rig_code(const struct rig *rig, const char *word, const char *server_js)
{
    return rig->is_plain ? word : server_js;
}

bool rig_is_gvisor(const struct rig *rig)
{
    return strcmp(rig->settings.sandbox_runtime, "gvisor") == 0;
}

void rig_make(struct rig *rig)
{
    const struct setting_group groups[] = {{&settings_of_bus, &rig->bus},
                                           {&settings_of_sandbox, &rig->settings},
                                           {&settings_of_gateway, &rig->gateway}};
    static char name[] = "test", *argv[] = {name, NULL};
    char preview[PATH_MAX + 16];

    memset(rig, 0, sizeof *rig);
    assert_int_equal(settings_load(groups, 3, "test", 1, argv, &rig->fault), SETTINGS_LOADED);
    (void) snprintf(rig->path, sizeof rig->path, "/tmp/isekai-sandbox-XXXXXX");
    assert_non_null(mkdtemp(rig->path));
    assert_int_equal(chmod(rig->path, 0711), 0);
    (void) snprintf(rig->data, sizeof rig->data, "%.4000s/data", rig->path);
    (void) snprintf(rig->run, sizeof rig->run, "%.4000s/run", rig->path);
    (void) snprintf(preview, sizeof preview, "%s/preview", rig->run);
    make_directory(rig->data, 0711);
    make_directory(rig->run, 0711);
    make_directory(preview, 0750);
    assert_true(cage_host_own_init(rig->init, &rig->fault));
    rig->bus.isekai_data = rig->data;
    rig->bus.isekai_run = rig->run;
    rig->bus.isekai_user = "nobody";
    rig->settings.stop_timeout_ms = 500;
    rig->settings.sandbox_registry = "off";     /* no test of a rig asks the world */
    choose_runtime(rig);
    choose_node(rig);
    rig->is_warm = getenv("ISEKAI_TEST_WARM") != NULL;
    rig->settings.sandbox_warm_cages = rig->is_warm;
    rig->arena = arena_new(ARENA_OCTETS);
    assert_non_null(rig->arena);
}

void rig_open(struct rig *rig)
{
    rig->quota = disk_quota_new(rig->data, (uid_t)rig->settings.sandbox_uid_first,
                                (uid_t)rig->settings.sandbox_uid_count);
    const struct sandbox_options options = {&rig->bus, &rig->settings, &rig->gateway, rig->init,
                                            rig->modules, rig->quota};
    bool is_open = sandbox_open(&rig->sandbox, &options, &rig->fault);
    if (!is_open && rig_is_gvisor(rig) && strstr(rig->fault.reason, "by cgroups alone")) {
        print_message("skipped: %s\n", rig->fault.reason);
        exit(EXIT_SKIPPED);
    }
    if (!is_open)
        fail_msg("sandbox_open: %s", rig->fault.reason);
    rig->is_open = true;
}

void rig_shut(struct rig *rig)
{
    if (rig->is_open)
        sandbox_close(&rig->sandbox, clock_now_ms() + RIG_WAIT_MS);
    rig->is_open = false;
    disk_quota_free(rig->quota);
    rig->quota = NULL;
}

void rig_remove(struct rig *rig)
{
    rig_shut(rig);
    assert_true(tree_remove(AT_FDCWD, rig->path, &rig->fault));
    arena_free(rig->arena);
    rig->arena = NULL;
}

/* ---- changes ---- */

static bool has_warm(void *rig_)
{
    const struct rig *rig = rig_;

    return supervisor_count_warm(rig->sandbox.supervisor) == rig->warm_wanted;
}

void rig_wait_warm(struct rig *rig, uint64_t count)
{
    rig->warm_wanted = count;
    assert_true(rig_wait(has_warm, rig));
}

bool rig_start_files(struct rig *rig, const char *app_id, uint64_t version, struct files files,
                     const struct run_config *config)
{
    char run_id[32];

    (void) snprintf(run_id, sizeof run_id, "run-%" PRIu64, ++rig->run_number);
    const struct start_request request = {
        .app_id = text_from(app_id), .run_id = text_from(run_id), .version = version,
        .files = files, .config = config,
    };
    rig->fault = (struct fault){0};
    if (rig->is_warm)
        rig_wait_warm(rig, rig->settings.sandbox_warm_cages);
    return sandbox_start(&rig->sandbox, &request, rig->secrets, NULL, clock_now_ms() + START_MS, rig->arena,
                         &rig->state, &rig->failure, &rig->fault);
}

bool rig_start(struct rig *rig, const char *app_id, uint64_t version, const char *server_js)
{
    const struct file file = {.path = TEXT_OF("server.js"), .content = text_from(server_js)};

    return rig_start_files(rig, app_id, version, (struct files){&file, 1}, NULL);
}

bool rig_stop(struct rig *rig, const char *app_id)
{
    return sandbox_stop(&rig->sandbox, text_from(app_id), clock_now_ms() + START_MS, rig->arena,
                        &rig->state, &rig->fault);
}

bool rig_get(struct rig *rig, const char *app_id)
{
    return sandbox_get(&rig->sandbox, text_from(app_id), rig->arena, &rig->state, &rig->fault);
}

/* ---- the app's door ---- */

static void socket_path(struct rig *rig, const char *app_id, struct sockaddr_un *out)
{
    char label[APP_LABEL_SIZE];

    text_app_label(text_from(app_id), label);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void) snprintf(out->sun_path, sizeof out->sun_path, "%.30s/preview/%.63s.sock", rig->run,
                    label);
}

bool rig_socket_is_there(struct rig *rig, const char *app_id)
{
    struct sockaddr_un address;

    socket_path(rig, app_id, &address);
    return access(address.sun_path, F_OK) == 0;
}

int rig_connect(struct rig *rig, const char *app_id)
{
    OWNED(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {RIG_WAIT_MS / 1000, 0};
    struct sockaddr_un address;

    socket_path(rig, app_id, &address);
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    return fd_take(&fd);
}

bool rig_ask(struct rig *rig, const char *app_id, const char *path)
{
    OWNED(fd) int fd = rig_connect(rig, app_id);
    char request[1024];
    size_t size = 0;
    ssize_t more;

    rig->answer[0] = '\0';
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: test\r\n\r\n", path);
    if (fd < 0 || send(fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        return false;
    while (size < sizeof rig->answer - 1 &&
           (more = recv(fd, rig->answer + size, sizeof rig->answer - 1 - size, 0)) > 0)
        size += (size_t)more;
    rig->answer[size] = '\0';
    return size > 0;
}

/* ---- looking ---- */

static const char *join(struct rig *rig, const struct log_line *lines, uint32_t count)
{
    struct text text = arena_text(rig->arena, TEXT_OF(""));

    for (uint32_t i = 0; i < count; i++)
        text = arena_print(rig->arena, "%.*s%.*s\n", TEXT_ARGS(text), TEXT_ARGS(lines[i].line));
    return text.at;
}

const char *rig_log(struct rig *rig, const char *app_id)
{
    const struct logs_request request = {.app_id = text_from(app_id), .tail = 200};
    struct logs_reply reply;

    assert_true(sandbox_logs(&rig->sandbox, &request, rig->arena, &reply, &rig->fault));
    return join(rig, reply.logs.at, reply.logs.count);
}

const char *rig_failure_log(struct rig *rig)
{
    return join(rig, rig->failure.log.at, rig->failure.log.count);
}

bool rig_wait(bool (*is_true)(void *self), void *self)
{
    int64_t deadline_ms = clock_now_ms() + RIG_WAIT_MS;

    while (!is_true(self)) {
        if (clock_left_ms(deadline_ms) == 0)
            return false;
        (void) poll(NULL, 0, POLL_MS);
    }
    return true;
}

bool rig_next_ended(struct rig *rig, struct ended_run *out)
{
    while (supervisor_next_ended(rig->sandbox.supervisor, out)) {
        if (!out->is_record)
            return true;
        supervisor_forget_ended(rig->sandbox.supervisor, out->number);
    }
    return false;
}

unsigned rig_count_entries(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    unsigned count = 0;

    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    if (dir)
        (void) closedir(dir);
    return count;
}

unsigned rig_count_fds(void)
{
    return rig_count_entries("/proc/self/fd");
}

static bool fds_at_most(void *count)
{
    return rig_count_fds() <= *(unsigned *)count;
}

bool rig_fds_at_most(unsigned count)
{
    if (rig_wait(fds_at_most, &count))
        return true;
    print_error("%u descriptors, and not %u at most\n", rig_count_fds(), count);
    return false;
}

unsigned rig_count_mounts(void)
{
    FILE *file = fopen("/proc/self/mounts", "re");
    unsigned count = 0;
    int c;

    while (file && (c = fgetc(file)) != EOF)
        count += c == '\n';
    if (file)
        (void) fclose(file);
    return count;
}

bool rig_has_cgroups(const struct rig *rig)
{
    return rig->sandbox.cgroups.kind != CGROUP_NONE;
}

unsigned rig_count_cgroups(struct rig *rig)
{
    unsigned count = 0;

    for (int place = 0; place < PLACES; place++) {
        int fd = rig->sandbox.cgroups.dirs[place];
        int copy = fd >= 0 ? openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
        struct dirent *entry;
        while (dir && (entry = readdir(dir)))
            count += entry->d_type == DT_DIR && entry->d_name[0] != '.';
        if (dir)
            (void) closedir(dir);
    }
    return count;
}

/* bwrap's command line names the directories it binds. */
static bool names(const char *pid, const char *what)
{
    char path[300], text[16384];
    ssize_t size;

    (void) snprintf(path, sizeof path, "/proc/%.200s/cmdline", pid);
    OWNED(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (size = read(fd, text, sizeof text)) <= 0)
        return false;
    return memmem(text, (size_t)size, what, strlen(what)) != NULL;
}

unsigned rig_count_processes(struct rig *rig)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    unsigned count = 0;

    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
                 names(entry->d_name, rig->path);
    if (dir)
        (void) closedir(dir);
    return count;
}
