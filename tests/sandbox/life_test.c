/* life_test - an app's process from start to stop, with real cages.
 *
 * Method: start small apps, ask them over their socket, end them in every way, and look at what
 * the sandbox says of them and at what is left.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/clock.h"
#include "bus/owned.h"
#include "tests/sandbox/rig.h"

static int make(void **state)
{
    static struct rig rig;

    rig_make(&rig);
    *state = &rig;
    return 0;
}

static int drop(void **state)
{
    struct rig *rig = *state;

    rig_remove(rig);
    return 0;
}

static int open_(void **state)
{
    make(state);
    rig_open(*state);
    return 0;
}

static void test_starts_answers_stops(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "one", 1, SERVER_SAYING("'hello ' + process.env.PORT")));
    assert_int_equal(rig->state.status, app_status_running);
    assert_int_equal(rig->state.port, 9000);
    assert_true(text_is(rig->state.url, "http://one.localhost:8000/"));
    assert_true(text_is(rig->state.gateway, "http://127.0.0.1:8000"));
    assert_true(rig_ask(rig, "one", "/"));
    assert_non_null(strstr(rig->answer, "hello 9000"));
    assert_true(rig_get(rig, "one"));
    assert_int_equal(rig->state.status, app_status_running);
    if (rig_has_cgroups(rig))
        assert_true(rig->state.memory_bytes > 1 << 20);
    assert_true(rig_count_processes(rig) > 0);

    assert_true(rig_stop(rig, "one"));
    assert_int_equal(rig->state.status, app_status_stopped);
    assert_non_null(rig->state.exit);
    assert_int_equal(rig->state.exit->reason, end_reason_stopped);
    assert_true(rig->state.exit->cpu_seconds > 0);
    assert_true(rig->state.exit->peak_memory_bytes > 1 << 20);
    assert_false(rig_socket_is_there(rig, "one"));
    assert_int_equal(rig_count_processes(rig), 0);
    assert_true(rig_stop(rig, "one"));              /* again: nothing to do, no fault */
    assert_non_null(strstr(rig_log(rig, "one"), "version 1 was stopped"));
}

static void test_same_run_asked_twice_starts_once(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "one", 1, SERVER_SAYING("process.hrtime.bigint()")));
    int64_t started_at = rig->state.started_at;
    rig->run_number--;
    assert_true(rig_start(rig, "one", 1, SERVER_SAYING("process.hrtime.bigint()")));
    assert_int_equal(rig->state.started_at, started_at);
}

static void test_exit_before_answer_fails_with_log(void **state)
{
    struct rig *rig = *state;

    assert_false(rig_start(rig, "bad", 1, "console.error('no such luck'); process.exit(3);"));
    assert_int_equal(rig->fault.kind, FAULT_start_failed);
    assert_string_equal(rig->fault.reason, "The app exited with code 3 before it answered.");
    assert_non_null(strstr(rig_failure_log(rig), "no such luck"));
    assert_false(rig_socket_is_there(rig, "bad"));
    assert_int_equal(rig_count_processes(rig), 0);
    assert_true(rig_get(rig, "bad"));
    assert_int_equal(rig->state.status, app_status_error);
    assert_int_equal(rig->state.exit->reason, end_reason_start_failed);
}

static void test_syntax_error_is_told(void **state)
{
    struct rig *rig = *state;

    assert_false(rig_start(rig, "bad", 1, "this is not javascript"));
    assert_non_null(strstr(rig_failure_log(rig), "SyntaxError"));
}

static void test_never_listening_fails_in_time(void **state)
{
    struct rig *rig = *state;
    int64_t begun = clock_now_ms();

    assert_false(rig_start(rig, "dumb", 1, "console.log('thinking'); setInterval(() => 0, 1000);"));
    assert_true(clock_now_ms() - begun < 5000);
    assert_int_equal(rig->fault.kind, FAULT_start_failed);
    assert_string_equal(rig->fault.reason,
                        "The app did not answer HTTP on port 9000 (PORT) within 1000 ms.");
    assert_non_null(strstr(rig_failure_log(rig), "thinking"));
    assert_int_equal(rig_count_processes(rig), 0);
}

static int open_hurried(void **state)
{
    struct rig *rig;

    make(state);
    rig = *state;
    rig->settings.start_timeout_ms = 1000;
    rig_open(rig);
    return 0;
}

static void test_listening_without_http_fails(void **state)
{
    struct rig *rig = *state;

    assert_false(rig_start(rig, "odd", 1, "require('net').createServer(s => s.end('220 smtp\\r\\n"
                           "more and more')).listen(process.env.PORT);"));
    assert_int_equal(rig->fault.kind, FAULT_start_failed);
}

static void test_any_http_status_is_an_answer(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "sad", 1, "require('http').createServer((q, r) => { r.statusCode = "
                          "500; r.end('sorry'); }).listen(process.env.PORT);"));
}

static void test_late_listener_holds_connections(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "late", 1, "setTimeout(() => require('http').createServer((q, r) =>"
                          "r.end('at last')).listen(process.env.PORT), 700);"));
    assert_true(rig_ask(rig, "late", "/"));
    assert_non_null(strstr(rig->answer, "at last"));
}

/* A connection during a restart of the app's own listener waits instead of failing. */
static void test_closed_listener_holds_too(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "flap", 1,
        "const s = require('http').createServer((q, r) => { r.end('ok'); if (q.url === '/close') {"
        "s.close(); setTimeout(() => s.listen(process.env.PORT), 300); } });"
        "s.listen(process.env.PORT);"));
    assert_true(rig_ask(rig, "flap", "/close"));
    assert_true(rig_ask(rig, "flap", "/"));
    assert_non_null(strstr(rig->answer, "ok"));
}

static void test_ignores_sigterm_is_killed(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "deaf", 1, "process.on('SIGTERM', () => console.log('no'));"
                          SERVER_SAYING("1")));
    assert_true(rig_stop(rig, "deaf"));
    assert_int_equal(rig->state.exit->reason, end_reason_stopped);
    assert_int_equal(rig_count_processes(rig), 0);
    assert_non_null(strstr(rig_log(rig, "deaf"), "no\n"));
}

/* Detached grandchildren in their own sessions end with the cage. */
static void test_grandchildren_are_gone(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "many", 1,
        "const {spawn} = require('child_process'); for (let i = 0; i < 3; i++) spawn("
        "process.execPath, ['-e', \"process.on('SIGTERM', () => 0); setInterval(() => 0, 1000)\"],"
        "{detached: true, stdio: 'ignore'}).unref();" SERVER_SAYING("1")));
    assert_true(rig_stop(rig, "many"));
    assert_int_equal(rig_count_processes(rig), 0);
    assert_int_equal(rig_count_cgroups(rig), 0);
}

struct expected { struct rig *rig; struct ended_run ended; };

static bool has_ended(void *self_)
{
    struct expected *self = self_;

    return rig_next_ended(self->rig, &self->ended);
}

static void test_crash_is_reported(void **state)
{
    struct rig *rig = *state;
    struct expected expected = {.rig = rig};

    assert_true(rig_start(rig, "boom", 1,
                          SERVER_SAYING("q.url === '/boom' ? process.exit(7) : 1")));
    (void) rig_ask(rig, "boom", "/boom");
    assert_true(rig_wait(has_ended, &expected));
    assert_string_equal(expected.ended.app_id, "boom");
    assert_int_equal(expected.ended.status, app_status_error);
    assert_int_equal(expected.ended.end.reason, end_reason_exit);
    assert_int_equal(expected.ended.end.exit_code, 7);
    assert_string_equal(expected.ended.text, "The app exited with code 7.");
    supervisor_forget_ended(rig->sandbox.supervisor, expected.ended.number);
    assert_false(has_ended(&expected));
    assert_false(rig_socket_is_there(rig, "boom"));
}

static void test_signal_is_reported(void **state)
{
    struct rig *rig = *state;
    struct expected expected = {.rig = rig};

    assert_true(rig_start(rig, "boom", 1, SERVER_SAYING(
        "q.url === '/boom' ? process.kill(process.pid, 'SIGKILL') : 1")));
    (void) rig_ask(rig, "boom", "/boom");
    assert_true(rig_wait(has_ended, &expected));
    assert_int_equal(expected.ended.end.reason, end_reason_signal);
    assert_int_equal(expected.ended.end.signal, SIGKILL);
}

static int open_sleepy(void **state)
{
    struct rig *rig;

    make(state);
    rig = *state;
    rig->settings.execution_timeout_ms = 1500;
    rig_open(rig);
    return 0;
}

static void test_idle_app_sleeps_and_wakes(void **state)
{
    struct rig *rig = *state;
    struct expected expected = {.rig = rig};

    assert_true(rig_start(rig, "nap", 1, SERVER_SAYING("1")));
    assert_true(rig_wait(has_ended, &expected));
    assert_int_equal(expected.ended.status, app_status_sleeping);
    assert_int_equal(expected.ended.end.reason, end_reason_evicted);
    assert_false(rig_socket_is_there(rig, "nap"));
    assert_true(rig_get(rig, "nap"));
    assert_int_equal(rig->state.status, app_status_sleeping);
    supervisor_forget_ended(rig->sandbox.supervisor, expected.ended.number);
    assert_true(rig_start(rig, "nap", 1, SERVER_SAYING("1")));
    assert_true(rig_ask(rig, "nap", "/"));
}

/* Requests keep it awake: it lives longer than its idle time, and no timer of before kills it. */
static void test_used_app_stays_awake(void **state)
{
    struct rig *rig = *state;
    int64_t until = clock_now_ms() + 4000;
    struct expected expected = {.rig = rig};

    assert_true(rig_start(rig, "busy", 1, SERVER_SAYING("1")));
    while (clock_now_ms() < until) {
        assert_true(rig_ask(rig, "busy", "/"));
        (void) poll(NULL, 0, 200);
    }
    assert_false(has_ended(&expected));
}

static int open_walled(void **state)
{
    struct rig *rig;

    make(state);
    rig = *state;
    rig->settings.execution_timeout_ms = 1000;
    rig->settings.execution_timeout_mode = "wall";
    rig_open(rig);
    return 0;
}

static void test_wall_ends_a_used_app(void **state)
{
    struct rig *rig = *state;
    struct expected expected = {.rig = rig};

    assert_true(rig_start(rig, "brief", 1, SERVER_SAYING("1")));
    while (rig_ask(rig, "brief", "/"))
        (void) poll(NULL, 0, 50);
    assert_true(rig_wait(has_ended, &expected));
    assert_int_equal(expected.ended.status, app_status_stopped);
    assert_int_equal(expected.ended.end.reason, end_reason_wall);
}

static int open_small(void **state)
{
    struct rig *rig;

    make(state);
    rig = *state;
    rig->settings.running_max = 1;
    rig_open(rig);
    return 0;
}

static void test_full_host_refuses(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "first", 1, SERVER_SAYING("1")));
    /* first was used just now */
    assert_false(rig_start(rig, "second", 1, SERVER_SAYING("2")));
    assert_int_equal(rig->fault.kind, FAULT_capacity);
    assert_true(rig->fault.retry_ms > 0);
    assert_true(rig_ask(rig, "first", "/"));
    assert_true(rig_stop(rig, "first"));
    assert_true(rig_start(rig, "second", 1, SERVER_SAYING("2")));
}

static bool second_starts(void *self)
{
    return rig_start(self, "second", 1, SERVER_SAYING("2"));
}

static void test_longest_idle_app_sleeps_for_another(void **state)
{
    struct rig *rig = *state;
    struct expected expected = {.rig = rig};

    assert_true(rig_start(rig, "first", 1, SERVER_SAYING("1")));
    assert_true(rig_wait(second_starts, rig));
    assert_true(rig_wait(has_ended, &expected));
    assert_string_equal(expected.ended.app_id, "first");
    assert_int_equal(expected.ended.status, app_status_sleeping);
}

static void test_ports_are_reused(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "a", 1, SERVER_SAYING("process.env.PORT")));
    assert_int_equal(rig->state.port, 9000);
    assert_true(rig_start(rig, "b", 1, SERVER_SAYING("process.env.PORT")));
    assert_int_equal(rig->state.port, 9001);
    assert_true(rig_stop(rig, "a"));
    assert_true(rig_start(rig, "c", 1, SERVER_SAYING("process.env.PORT")));
    assert_int_equal(rig->state.port, 9000);
    assert_true(rig_start(rig, "a", 1, SERVER_SAYING("process.env.PORT")));
    assert_int_equal(rig->state.port, 9002);
}

static void test_static_site(void **state)
{
    struct rig *rig = *state;
    const struct file files[] = {
        {.path = TEXT_OF("index.html"), .content = TEXT_OF("<h1>plain</h1>")},
        {.path = TEXT_OF("css/a.css"), .content = TEXT_OF("body{}")},
    };

    assert_true(rig_start_files(rig, "site", 1, (struct files){files, 2}, NULL));
    assert_true(rig_ask(rig, "site", "/"));
    assert_non_null(strstr(rig->answer, "<h1>plain</h1>"));
    assert_non_null(strstr(rig->answer, "text/html"));
    assert_true(rig_ask(rig, "site", "/css/a.css"));
    assert_non_null(strstr(rig->answer, "text/css"));
    assert_true(rig_ask(rig, "site", "/../../etc/passwd"));
    assert_null(strstr(rig->answer, "nonexistent"));
    assert_true(rig_ask(rig, "site", "/%2e%2e/%2e%2e/etc/passwd"));
    assert_null(strstr(rig->answer, "nonexistent"));
    assert_true(rig_ask(rig, "site", "/nothing"));
    assert_non_null(strstr(rig->answer, " 404 "));
}

static void test_large_bodies_pass_both_ways(void **state)
{
    struct rig *rig = *state;
    enum { OCTETS = 8 << 20 };
    static char piece[65536], line[] = "POST / HTTP/1.0\r\nContent-Length: 8388608\r\n\r\n";
    size_t sent = 0, back = 0;
    ssize_t size;

    assert_true(rig_start(rig, "echo", 1, "require('http').createServer((q, r) => q.pipe(r))"
                          ".listen(process.env.PORT);"));
    OWNED(fd) int fd = rig_connect(rig, "echo");
    assert_true(send(fd, line, sizeof line - 1, 0) == sizeof line - 1);
    memset(piece, 'x', sizeof piece);
    while (sent < OCTETS || back < OCTETS) {
        struct pollfd poll_fd = {fd, (short)(POLLIN | (sent < OCTETS ? POLLOUT : 0)), 0};
        assert_int_equal(poll(&poll_fd, 1, RIG_WAIT_MS), 1);
        if (poll_fd.revents & POLLOUT && sent < OCTETS) {
            size = send(fd, piece, OCTETS - sent < sizeof piece ? OCTETS - sent : sizeof piece,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
            sent += size > 0 ? (size_t)size : 0;
        }
        if (poll_fd.revents & (POLLIN | POLLHUP)) {
            size = recv(fd, piece, sizeof piece, 0);
            if (size <= 0)
                break;
            back += (size_t)size;
            memset(piece, 'x', sizeof piece);
        }
    }
    assert_true(back >= OCTETS);
}

int main(void)
{
#define LIFE(test, setup) cmocka_unit_test_setup_teardown(test, setup, drop)
    const struct CMUnitTest tests[] = {
        LIFE(test_starts_answers_stops, open_),
        LIFE(test_same_run_asked_twice_starts_once, open_),
        LIFE(test_exit_before_answer_fails_with_log, open_),
        LIFE(test_syntax_error_is_told, open_),
        LIFE(test_never_listening_fails_in_time, open_hurried),
        LIFE(test_listening_without_http_fails, open_hurried),
        LIFE(test_any_http_status_is_an_answer, open_),
        LIFE(test_late_listener_holds_connections, open_),
        LIFE(test_closed_listener_holds_too, open_),
        LIFE(test_ignores_sigterm_is_killed, open_),
        LIFE(test_grandchildren_are_gone, open_),
        LIFE(test_crash_is_reported, open_),
        LIFE(test_signal_is_reported, open_),
        LIFE(test_idle_app_sleeps_and_wakes, open_sleepy),
        LIFE(test_used_app_stays_awake, open_sleepy),
        LIFE(test_wall_ends_a_used_app, open_walled),
        LIFE(test_full_host_refuses, open_small),
        LIFE(test_longest_idle_app_sleeps_for_another, open_small),
        LIFE(test_ports_are_reused, open_),
        LIFE(test_static_site, open_),
        LIFE(test_large_bodies_pass_both_ways, open_),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
