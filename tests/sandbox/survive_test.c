/* survive_test - nothing is left: after many starts, a kill -9 of the sandbox, a restart.
 *
 * Method: count descriptors, mounts, cgroups, processes, files and sockets before and after.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/tree.h"
#include "bus/clock.h"
#include "bus/owned.h"
#include "tests/sandbox/rig.h"

enum { CYCLES = 50 };

static void test_many_starts_leave_nothing(void **state)
{
    static struct rig rig;
    char apps[2 * PATH_MAX];

    (void) state;
    rig_make(&rig);
    rig_open(&rig);
    assert_true(rig_start(&rig, "app", 1, rig_code(&rig, "one", SERVER_SAYING("1"))));
    assert_true(rig_stop(&rig, "app"));
    assert_true(sweeper_wait_clean(rig.sandbox.sweeper, clock_now_ms() + RIG_WAIT_MS));
    unsigned fds = rig_count_fds(), mounts = rig_count_mounts();
    (void) snprintf(apps, sizeof apps, "%s/runtime/apps/app", rig.data);
    unsigned entries = rig_count_entries(apps);
    for (int i = 0; i < CYCLES; i++) {
        assert_true(rig_start(&rig, "app", 1, rig_code(&rig, "one", SERVER_SAYING("1"))));
        assert_true(rig_stop(&rig, "app"));
        assert_int_equal(rig_count_cgroups(&rig), 0);
    }
    assert_true(sweeper_wait_clean(rig.sandbox.sweeper, clock_now_ms() + RIG_WAIT_MS));
    assert_true(rig_fds_at_most(fds));
    assert_int_equal(rig_count_mounts(), mounts);
    assert_int_equal(rig_count_entries(apps), entries);
    assert_int_equal(rig_count_processes(&rig), 0);
    rig_remove(&rig);
}

static void test_failed_starts_leave_nothing(void **state)
{
    static struct rig rig;

    (void) state;
    rig_make(&rig);
    rig_open(&rig);
    assert_false(rig_start(&rig, "app", 1, rig_code(&rig, "quit", "process.exit(1)")));
    assert_true(sweeper_wait_clean(rig.sandbox.sweeper, clock_now_ms() + RIG_WAIT_MS));
    unsigned fds = rig_count_fds();
    for (int i = 0; i < 10; i++)
        assert_false(rig_start(&rig, "app", 1, rig_code(&rig, "quit", "process.exit(1)")));
    assert_int_equal(rig_count_cgroups(&rig), 0);
    assert_true(rig_fds_at_most(fds));
    assert_int_equal(rig_count_processes(&rig), 0);
    rig_remove(&rig);
}

/* Closing ends all apps at once and removes our own cgroup directory too. */
static void test_closing_ends_all(void **state)
{
    static struct rig rig;
    char preview[2 * PATH_MAX];

    (void) state;
    unsigned fds = rig_count_fds();
    rig_make(&rig);
    rig_open(&rig);
    assert_true(rig_start(&rig, "a", 1, rig_code(&rig, "one", SERVER_SAYING("1"))));
    assert_true(rig_start(&rig, "b", 1, rig_code(&rig, "deaf",
                          "process.on('SIGTERM', () => 0);" SERVER_SAYING("1"))));
    rig_shut(&rig);
    assert_int_equal(rig_count_processes(&rig), 0);
    (void) snprintf(preview, sizeof preview, "%s/preview", rig.run);
    assert_int_equal(rig_count_entries(preview), 0);
    (void) snprintf(preview, sizeof preview, "%s/runtime/trash", rig.data);
    assert_int_equal(rig_count_entries(preview), 0);
    rig_remove(&rig);
    assert_true(rig_fds_at_most(fds));
}

/* ---- kill -9 ---- */

/* A process of its own that runs two apps and says so; the test kills it. */
static pid_t sandbox_process(struct rig *rig)
{
    int ready[2];
    char byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct sandbox_options options = {&rig->bus, &rig->settings, &rig->gateway,
                                                rig->init, NULL, NULL};
        bool up = sandbox_open(&rig->sandbox, &options, &rig->fault) &&
                  rig_start(rig, "one", 1, rig_code(rig, "counting",
                            "require('fs').appendFileSync('/data/n', '+');"
                            "process.on('SIGTERM', () => 0);" SERVER_SAYING("1"))) &&
                  rig_start(rig, "two", 1, rig_code(rig, "parent",
                            "require('child_process').spawn(process.execPath, ['-e',"
                            "'setInterval(() => 0, 1000)'], {detached: true});" SERVER_SAYING("2")));
        (void) !write(ready[1], up ? "y" : "n", 1);
        for (;;)
            (void) pause();
    }
    (void) close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    (void) close(ready[0]);
    return pid;
}

static bool no_processes(void *rig)
{
    return rig_count_processes(rig) == 0;
}

static unsigned count_lost(struct rig *rig)
{
    struct ended_run ended;
    unsigned lost = 0;

    while (supervisor_next_ended(rig->sandbox.supervisor, &ended)) {
        lost += ended.is_record && ended.end.reason == end_reason_host_lost &&
                ended.end.started_at > 0 && ended.end.ended_at >= ended.end.started_at &&
                *ended.note != '\0' && ended.version == 1;
        supervisor_forget_ended(rig->sandbox.supervisor, ended.number);
    }
    return lost;
}

static void test_cages_die_with_a_killed_sandbox(void **state)
{
    static struct rig rig;
    char path[2 * PATH_MAX];

    (void) state;
    rig_make(&rig);
    pid_t pid = sandbox_process(&rig);
    assert_true(rig_count_processes(&rig) >= 2);
    assert_true(rig_ask(&rig, "one", "/"));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(rig_wait(no_processes, &rig));
    assert_true(rig_socket_is_there(&rig, "one"));      /* what only the next start can remove */

    rig_open(&rig);
    assert_int_equal(count_lost(&rig), 2);              /* for the records: nobody saw them end */
    assert_int_equal(rig_count_cgroups(&rig), 0);
    assert_false(rig_socket_is_there(&rig, "one"));
    assert_false(rig_socket_is_there(&rig, "two"));
    assert_true(sweeper_wait_clean(rig.sandbox.sweeper, clock_now_ms() + RIG_WAIT_MS));
    (void) snprintf(path, sizeof path, "%s/runtime/apps/one", rig.data);
    assert_int_equal(rig_count_entries(path), 4);       /* versions, data, log, runs */
    assert_true(rig_start(&rig, "one", 1, rig_code(&rig, "counted",
                          SERVER_SAYING("require('fs').readFileSync('/data/n')"))));
    assert_true(rig_ask(&rig, "one", "/"));
    assert_non_null(strstr(rig.answer, "\r\n\r\n+"));    /* data was kept */
    rig_remove(&rig);
}

static void test_two_sandboxes_on_one_directory(void **state)
{
    static struct rig rig;
    struct sandbox second;
    struct fault fault;

    (void) state;
    rig_make(&rig);
    rig_open(&rig);
    const struct sandbox_options options = {&rig.bus, &rig.settings, &rig.gateway, rig.init, NULL, NULL};
    assert_true(rig_start(&rig, "app", 1, rig_code(&rig, "one", SERVER_SAYING("1"))));
    assert_false(sandbox_open(&second, &options, &fault));
    assert_int_equal(fault.kind, FAULT_conflict);
    assert_true(rig_ask(&rig, "app", "/"));             /* the first one's cages were not swept */
    rig_remove(&rig);
}

/* ---- without privilege ---- */

/* In a child that is nobody: the same cage, without a uid of its own and mostly without cgroups. */
static void test_works_unprivileged(void **state)
{
    static struct rig rig;
    int status;

    (void) state;
    if (geteuid() != 0)
        skip();
    rig_make(&rig);
    assert_int_equal(chown(rig.path, 65534, 65534), 0);
    assert_int_equal(chown(rig.data, 65534, 65534), 0);
    assert_int_equal(chown(rig.run, 65534, 65534), 0);
    char preview[2 * PATH_MAX];
    (void) snprintf(preview, sizeof preview, "%s/preview", rig.run);
    assert_int_equal(chown(preview, 65534, 65534), 0);
    /* Its own copies of our programs: the build tree may be closed to others. */
    char init[2 * PATH_MAX], egress[2 * PATH_MAX], proof[2 * PATH_MAX], guest[2 * PATH_MAX];
    (void) snprintf(init, sizeof init, "%s/init", rig.path);
    (void) snprintf(egress, sizeof egress, "%s/isekai-egress", rig.path);
    (void) snprintf(proof, sizeof proof, "%s/isekai-proof", rig.path);
    (void) snprintf(guest, sizeof guest, "%s/isekai-guest", rig.path);
    rig_copy_program(&rig, "isekai-init", init);
    rig_copy_program(&rig, "isekai-egress", egress);
    rig_copy_program(&rig, "isekai-proof", proof);
    rig_copy_program(&rig, "isekai-guest", guest);
    pid_t pid = fork();
    if (pid == 0) {
        const struct sandbox_options options = {&rig.bus, &rig.settings, &rig.gateway, init, NULL, NULL};
        if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
            setresuid(65534, 65534, 65534) < 0)
            _exit(2);
        if (!sandbox_open(&rig.sandbox, &options, &rig.fault)) {
            print_error("%s\n", rig.fault.reason);
            _exit(3);
        }
        rig.is_open = true;
        if (!strstr(rig.sandbox.level, "no-own-uid"))
            _exit(4);
        if (!rig_start(&rig, "app", 1, rig_code(&rig, "who",
                       "require('fs').mkdirSync('/data/d', {mode: 0});"
                       SERVER_SAYING("process.getuid() + ' ' + require('fs').readdirSync('/')"
                                     ".includes('root')")))) {
            print_error("%s\n%s\n", rig.fault.reason, rig_failure_log(&rig));
            _exit(5);
        }
        if (!rig_ask(&rig, "app", "/") || !strstr(rig.answer, "\r\n\r\n1000 false"))
            _exit(6);
        if (!rig_stop(&rig, "app") || rig_count_processes(&rig) != 0)
            _exit(7);
        if (!sandbox_remove(&rig.sandbox, TEXT_OF("app"), clock_now_ms() + 5000, &rig.fault) ||
            !sweeper_wait_clean(rig.sandbox.sweeper, clock_now_ms() + 5000))
            _exit(8);
        rig_shut(&rig);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    rig_remove(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cages_die_with_a_killed_sandbox),     /* forks: before threads */
        cmocka_unit_test(test_works_unprivileged),
        cmocka_unit_test(test_many_starts_leave_nothing),
        cmocka_unit_test(test_failed_starts_leave_nothing),
        cmocka_unit_test(test_closing_ends_all),
        cmocka_unit_test(test_two_sandboxes_on_one_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
