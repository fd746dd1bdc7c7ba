/* supervisor_test - roles start, come back when they die, and end in order; and together, when one of
 * them cannot work here.
 *
 * Method: a directory of shell scripts named as the roles, each writing its pid and waiting; the
 * supervisor runs in a child that is told to stop by SIGTERM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/clock.h"
#include "bus/log.h"
#include "cli/supervisor.h"

static const char *const roles[] = {
#define ROLE(name) #name,
#include "cli/roles.def"
#undef ROLE
};
enum { ROLES = sizeof roles / sizeof *roles };

static char dir[] = "/tmp/isekai-supervisor-XXXXXX";

static void path_of(const char *name, const char *suffix, char out[128])
{
    (void) snprintf(out, 128, "%s/%s%s", dir, name, suffix);
}

static bool write_program(const char *role, const char *script)
{
    char path[128], name[32];

    (void) snprintf(name, sizeof name, "isekai-%s", role);
    path_of(name, "", path);
    (void) unlink(path);                /* a program that runs cannot be written to */
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    fprintf(file, "#!/bin/sh\n%s", script);
    return fclose(file) == 0 && chmod(path, 0755) == 0;
}

static int make_programs(void **state)
{
    (void) state;
    if (!mkdtemp(dir))
        return -1;
    for (size_t i = 0; i < ROLES; i++) {
        char script[512];
        (void) snprintf(script, sizeof script, "trap 'echo %s >>%s/order; exit 0' TERM\n"
                        "echo $$ >%s/%s.tmp; mv %s/%s.tmp %s/%s.pid\n"
                        "while :; do read -r _ <&3 || :; done 3<>%s/fifo\n",
                        roles[i], dir, dir, roles[i], dir, roles[i], dir, roles[i], dir);
        if (!write_program(roles[i], script))
            return -1;
    }
    char fifo[128];
    path_of("fifo", "", fifo);
    return mkfifo(fifo, 0600);
}

static long read_pid(const char *role)
{
    char path[128], text[32] = "";
    path_of(role, ".pid", path);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    (void) !fgets(text, sizeof text, file);
    (void) fclose(file);
    return strtol(text, NULL, 10);
}

static long wait_for_pid(const char *role, long other_than)
{
    int64_t deadline_ms = clock_now_ms() + 10000;

    while (clock_now_ms() < deadline_ms) {
        long pid = read_pid(role);
        if (pid > 0 && pid != other_than)
            return pid;
        (void) poll(NULL, 0, 10);
    }
    return 0;
}

static bool never(void *self) { (void) self; return false; }
static bool at_once(void *self) { (void) self; return true; }
static void say_nothing(void *self) { (void) self; }

static void write_reason(const struct fault *fault)
{
    char path[128];

    path_of("reason", "", path);
    FILE *file = fopen(path, "w");
    if (!file)
        return;
    fprintf(file, "%s", fault->reason);
    (void) fclose(file);
}

static pid_t supervise(bool (*is_ready)(void *self))
{
    pid_t pid = fork();

    if (pid == 0) {
        struct fault fault = {0};
        /* Not O_CLOEXEC: the kernel hands a script to its shell as a path below this descriptor. */
        const struct supervisor_options options = {
            .programs = open(dir, O_PATH | O_DIRECTORY), .is_ready = is_ready,
            .ready = say_nothing,
        };
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);        /* not left behind by a failed test */
        log_begin("up", LOG_ERROR);
        bool done = supervisor_run(&options, &fault);
        write_reason(&fault);
        _exit(done ? 0 : 1);
    }
    return pid;
}

static void roles_come_back_and_end_in_order(void **state)
{
    pid_t supervisor = supervise(never);
    char path[128], line[32], expected[32];
    int status;

    (void) state;
    for (size_t i = 0; i < ROLES; i++)
        assert_int_not_equal(wait_for_pid(roles[i], 0), 0);
    long first = read_pid(roles[0]);
    assert_int_equal(kill((pid_t)first, SIGKILL), 0);
    assert_int_not_equal(wait_for_pid(roles[0], first), 0);

    assert_int_equal(kill(supervisor, SIGTERM), 0);
    assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    path_of("order", "", path);
    FILE *order = fopen(path, "r");
    assert_non_null(order);
    for (size_t i = ROLES; i-- > 0;) {
        (void) snprintf(expected, sizeof expected, "%s\n", roles[i]);
        assert_non_null(fgets(line, sizeof line, order));
        assert_string_equal(line, expected);
    }
    (void) fclose(order);
}

static void a_missing_program_is_named(void **state)
{
    const struct supervisor_options options = {
        .programs = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC), .is_ready = never,
    };
    struct fault fault = {0};

    (void) state;
    assert_false(supervisor_run(&options, &fault));
    assert_non_null(strstr(fault.reason, "isekai-broker is not beside isekai"));
    (void) close(options.programs);
}

static size_t read_text(const char *name, char out[256])
{
    char path[128];

    path_of(name, "", path);
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(out, 1, 255, file) : 0;
    out[size] = '\0';
    if (file)
        (void) fclose(file);
    return size;
}

/* The last role in the order says why it cannot work, on the descriptor that it was given. */
static const char refusing[] =
    "printf 'no water' >/proc/self/fd/$ISEKAI_SUPERVISOR_REASON\n"
    "echo again >>%s/starts\n"
    "exit 78\n";

static void put_refusing_role(void)
{
    char script[256];

    (void) snprintf(script, sizeof script, refusing, dir);
    assert_true(write_program(roles[ROLES - 1], script));
}

/* Its status; one that does not end by itself is told to, so that no role is left. */
static int wait_for_end(pid_t supervisor)
{
    int64_t deadline_ms = clock_now_ms() + 10000;
    int status;

    while (waitpid(supervisor, &status, WNOHANG) == 0) {
        if (clock_now_ms() > deadline_ms)
            (void) kill(supervisor, SIGTERM);
        (void) poll(NULL, 0, 10);
    }
    return status;
}

static void a_role_that_cannot_work_ends_all(void **state)
{
    char reason[256], expected[64];

    (void) state;
    put_refusing_role();
    int status = wait_for_end(supervise(never));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    (void) read_text("reason", reason);
    (void) snprintf(expected, sizeof expected, "isekai-%s: no water", roles[ROLES - 1]);
    assert_string_equal(reason, expected);
    for (size_t i = 0; i + 1 < ROLES; i++)
        assert_true(read_pid(roles[i]) == 0 || kill((pid_t)read_pid(roles[i]), 0) < 0);
}

/* What was found good once may be good again: somebody is just repairing it. */
static void after_ready_it_is_started_again(void **state)
{
    int64_t deadline_ms = clock_now_ms() + 10000;
    char starts[256];
    int status;

    (void) state;
    char path[128];
    path_of("starts", "", path);
    (void) unlink(path);
    put_refusing_role();
    pid_t supervisor = supervise(at_once);
    while (read_text("starts", starts) < 2 * sizeof "again" && clock_now_ms() < deadline_ms)
        (void) poll(NULL, 0, 10);
    assert_int_equal(kill(supervisor, SIGTERM), 0);
    assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(read_text("starts", starts) >= 2 * sizeof "again");
}

static int remove_programs(void **state)
{
    char path[128];

    (void) state;
    for (size_t i = 0; i < ROLES; i++) {
        char name[32];
        (void) snprintf(name, sizeof name, "isekai-%s", roles[i]);
        path_of(name, "", path);
        (void) unlink(path);
        path_of(roles[i], ".pid", path);
        (void) unlink(path);
    }
    static const char *const left[] = {"fifo", "order", "reason", "starts"};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        path_of(left[i], "", path);
        (void) unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_come_back_and_end_in_order),
        cmocka_unit_test(a_missing_program_is_named),
        cmocka_unit_test(a_role_that_cannot_work_ends_all),
        cmocka_unit_test(after_ready_it_is_started_again),
    };
    return cmocka_run_group_tests(tests, make_programs, remove_programs);
}
