/* gvisor_test.c - real apps behind gVisor: they start, answer, stop, fail and end as in any other cage, and
 * nothing of runsc is left. What they see and may is in the tests that run in both kinds of cage.
 *
 * Skipped where runsc is not installed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/runtime.h"
#include "tests/sandbox/rig.h"

static struct rig rig;

static int open_(void **state)
{
    (void) state;
    rig_make(&rig);
    rig.settings.max_memory_mb = 128;
    rig.settings.sandbox_warm_cages = 2;        /* of which there is none */
    rig.settings.stop_timeout_ms = 5000;
    rig_open(&rig);
    return 0;
}

static int drop(void **state)
{
    (void) state;
    rig_remove(&rig);
    return 0;
}

static void nothing_is_left(void)
{
    assert_int_equal(rig_count_processes(&rig), 0);
    assert_int_equal(rig_count_cgroups(&rig), 0);
}

static void test_the_level_names_it(void **state)
{
    (void) state;
    assert_memory_equal(rig.sandbox.level, "gvisor ", 7);
    assert_int_equal(supervisor_count_warm(rig.sandbox.supervisor), 0);
}

/* The kernel it sees is not this host's, and SIGTERM reaches it; it is given its time. */
static void test_starts_answers_and_stops(void **state)
{
    (void) state;
    assert_true(rig_start(&rig, "app", 1, "process.on('SIGTERM', () => { console.log('told');"
                          "setTimeout(() => process.exit(0), 50); });"
                          SERVER_SAYING("require('os').release()")));
    assert_true(rig_ask(&rig, "app", "/"));
    assert_non_null(strstr(rig.answer, "\r\n\r\n4.4.0"));
    assert_true(rig_stop(&rig, "app"));
    assert_non_null(strstr(rig_log(&rig, "app"), "told"));
    nothing_is_left();
}

/* ---- ends ---- */

static bool has_ended(void *out)
{
    return rig_next_ended(&rig, out);
}

static struct ended_run end_of(const char *app_id)
{
    struct ended_run ended;

    assert_true(rig_wait(has_ended, &ended));
    assert_string_equal(ended.app_id, app_id);
    supervisor_forget_ended(rig.sandbox.supervisor, ended.number);
    return ended;
}

static void test_exit_code_and_signal_come_out(void **state)
{
    struct ended_run ended;

    (void) state;
    assert_true(rig_start(&rig, "ends", 1, SERVER_SAYING(
        "q.url === '/' ? 'up' : process.exit(7)")));
    (void) rig_ask(&rig, "ends", "/7");
    ended = end_of("ends");
    assert_int_equal(ended.end.reason, end_reason_exit);
    assert_int_equal(ended.end.exit_code, 7);
    assert_true(rig_start(&rig, "ends", 2, SERVER_SAYING(
        "q.url === '/' ? 'up' : process.kill(process.pid, 'SIGUSR2')")));
    (void) rig_ask(&rig, "ends", "/signal");
    ended = end_of("ends");
    assert_int_equal(ended.end.reason, end_reason_signal);
    assert_int_equal(ended.end.signal, SIGUSR2);
    nothing_is_left();
}

static void test_memory_ends_it(void **state)
{
    struct ended_run ended;

    (void) state;
    if (!rig_has_cgroups(&rig))
        skip();
    assert_true(rig_start(&rig, "hog", 1, "let all = [];" SERVER_SAYING(
        "q.url === '/eat' ? setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 1) && 1 : 1")));
    (void) rig_ask(&rig, "hog", "/eat");
    ended = end_of("hog");
    assert_int_equal(ended.end.reason, end_reason_oom);
    /* the kernel counts a few pages more before it kills */
    assert_in_range(ended.end.peak_memory_bytes, (128u << 20) / 10 * 9,
                    (129 + runtime_named("gvisor", &rig.fault)->memory_mb) << 20);
    nothing_is_left();
}

static void test_a_start_that_fails_is_told(void **state)
{
    (void) state;
    assert_false(rig_start(&rig, "bad", 1, "this is not javascript"));
    assert_int_equal(rig.fault.kind, FAULT_start_failed);
    assert_non_null(strstr(rig_failure_log(&rig), "SyntaxError"));
    nothing_is_left();
}

/* ---- refusing to start ---- */

/* PATH with bwrap and node alone, and with a runsc that does nothing. */
static void set_path(const char *with_runsc)
{
    static const char *const needed[] = {"bwrap", "node"};
    char directory[PATH_MAX + 16], from[PATH_MAX], to[2 * PATH_MAX];

    (void) snprintf(directory, sizeof directory, "%s/bin", rig.path);
    (void) mkdir(directory, 0755);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        assert_true(cage_host_program(needed[i], from));
        (void) snprintf(to, sizeof to, "%s/%s", directory, needed[i]);
        assert_int_equal(symlink(from, to), 0);
    }
    (void) snprintf(to, sizeof to, "%s/runsc", directory);
    if (with_runsc)
        assert_int_equal(symlink(with_runsc, to), 0);
    assert_int_equal(setenv("PATH", directory, 1), 0);
}

static void is_refused(const char *runsc, const char *words)
{
    char *path = strdup(getenv("PATH"));
    const struct sandbox_options options = {&rig.bus, &rig.settings, &rig.gateway, rig.init, NULL, NULL};

    rig_make(&rig);
    set_path(runsc);
    assert_false(sandbox_open(&rig.sandbox, &options, &rig.fault));
    assert_non_null(strstr(rig.fault.reason, words));
    assert_non_null(strstr(rig.fault.reason, "SANDBOX_RUNTIME=bwrap"));
    assert_int_equal(setenv("PATH", path, 1), 0);
    free(path);
    rig_remove(&rig);
}

static void test_without_runsc_it_says_what_to_install(void **state)
{
    (void) state;
    is_refused(NULL, "apt-get install runsc");
}

static void test_a_runsc_that_does_nothing_is_refused(void **state)
{
    (void) state;
    is_refused("/usr/bin/true", "no cage can be built here");
}

static void test_an_unknown_runtime_is_refused(void **state)
{
    struct fault fault;

    (void) state;
    assert_null(runtime_named("runc", &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
    assert_string_equal(fault.reason, "SANDBOX_RUNTIME is bwrap or gvisor");
}

int main(void)
{
    const struct CMUnitTest running[] = {
        cmocka_unit_test(test_the_level_names_it),
        cmocka_unit_test(test_starts_answers_and_stops),
        cmocka_unit_test(test_exit_code_and_signal_come_out),
        cmocka_unit_test(test_memory_ends_it),
        cmocka_unit_test(test_a_start_that_fails_is_told),
    };
    const struct CMUnitTest refused[] = {
        cmocka_unit_test(test_without_runsc_it_says_what_to_install),
        cmocka_unit_test(test_a_runsc_that_does_nothing_is_refused),
        cmocka_unit_test(test_an_unknown_runtime_is_refused),
    };

    int failed = cmocka_run_group_tests(running, open_, drop);
    return cmocka_run_group_tests(refused, NULL, NULL) + failed;
}
