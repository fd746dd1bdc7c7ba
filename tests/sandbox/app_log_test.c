/* app_log_test - what an app writes, put together to lines, bounded, numbered and kept on disk.
 *
 * Method: a real directory under /tmp, opened again as after a restart or a torn write.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/app_log.h"
#include "actors/sandbox/tree.h"
#include "bus/clock.h"
#include "bus/owned.h"

static char top[] = "/tmp/isekai-log-XXXXXX";
static int root = -1;
static struct fault fault;
static struct app_log app_log;
static struct arena *arena;

static int make(void **state)
{
    (void) state;
    (void) snprintf(top, sizeof top, "/tmp/isekai-log-XXXXXX");
    assert_non_null(mkdtemp(top));
    root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    arena = arena_new(64 << 20);
    assert_true(app_log_open(&app_log, root, 65536, &fault));
    return 0;
}

static int drop(void **state)
{
    (void) state;
    app_log_close(&app_log);
    arena_free(arena);
    assert_true(tree_empty(root, &fault));
    fd_drop(&root);
    assert_int_equal(rmdir(top), 0);
    return 0;
}

static void say(const char *text)
{
    app_log_take(&app_log, LOG_STDOUT, text, strlen(text));
}

static struct logs_reply read_log(uint64_t after, uint32_t tail)
{
    struct logs_reply reply;

    assert_true(app_log_read(root, after, tail, arena, &reply, &fault));
    return reply;
}

static void test_lines_are_put_together(void **state)
{
    (void) state;
    say("one\ntw");
    assert_int_equal(read_log(0, 100).logs.count, 1);
    say("o\r\n\nthree");
    app_log_end_lines(&app_log);
    app_log_say(&app_log, "it is %d", 4);
    struct logs_reply reply = read_log(0, 100);
    assert_int_equal(reply.logs.count, 5);
    assert_true(text_is(reply.logs.at[1].line, "two"));
    assert_true(text_is(reply.logs.at[2].line, ""));
    assert_true(text_is(reply.logs.at[3].line, "three"));
    assert_true(text_is(reply.logs.at[3].stream, "stdout"));
    assert_true(text_is(reply.logs.at[4].line, "it is 4"));
    assert_true(text_is(reply.logs.at[4].stream, "system"));
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(reply.logs.at[i].seq, i + 1);
}

static void test_tail_and_after(void **state)
{
    char line[32];

    (void) state;
    for (int i = 1; i <= 50; i++) {
        (void) snprintf(line, sizeof line, "line %d\n", i);
        say(line);
    }
    struct logs_reply reply = read_log(0, 3);
    assert_int_equal(reply.logs.count, 3);
    assert_true(text_is(reply.logs.at[0].line, "line 48"));
    assert_true(text_is(reply.logs.at[2].line, "line 50"));
    reply = read_log(10, 5);
    assert_int_equal(reply.logs.count, 5);
    assert_true(text_is(reply.logs.at[0].line, "line 11"));
    assert_int_equal(reply.logs.at[4].seq, 15);
    assert_int_equal(read_log(50, 5).logs.count, 0);
    assert_int_equal(read_log(1000000, 5).logs.count, 0);
}

static void test_long_lines_are_cut(void **state)
{
    static char line[3 * LOG_LINE_OCTETS_MAX];

    (void) state;
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 2] = '\n';
    say(line);
    say("next\n");
    struct logs_reply reply = read_log(0, 10);
    assert_int_equal(reply.logs.count, 2);
    assert_int_equal(reply.logs.at[0].line.size, LOG_LINE_OCTETS_MAX);
    assert_true(text_is(reply.logs.at[1].line, "next"));
}

/* Whatever comes, the contract's own bounds hold for every line. */
static void test_lines_fit_the_contract(void **state)
{
    static char noise[200000];
    msgpack_sbuffer packed;

    (void) state;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * 7919 % 256);
    app_log_take(&app_log, LOG_STDERR, noise, sizeof noise);
    memset(noise, '\xff', sizeof noise);
    app_log_take(&app_log, LOG_STDERR, noise, sizeof noise);
    app_log_end_lines(&app_log);
    struct logs_reply reply = read_log(0, 1000);
    assert_true(reply.logs.count > 10);
    msgpack_sbuffer_init(&packed);
    if (!message_encode(&logs_reply_message, &reply, &packed, &fault))
        fail_msg("%s", fault.reason);
    msgpack_sbuffer_destroy(&packed);
}

static void test_the_log_is_bounded_and_keeps_the_last(void **state)
{
    struct stat new, old = {0};

    (void) state;
    for (int i = 0; i < 20000; i++)
        say("a line of some length, again and again\n");
    say("the last\n");
    assert_int_equal(fstatat(root, "log/new", &new, 0), 0);
    assert_int_equal(fstatat(root, "log/old", &old, 0), 0);
    assert_true(new.st_size + old.st_size <= 65536);
    struct logs_reply reply = read_log(0, 10);
    assert_true(text_is(reply.logs.at[9].line, "the last"));
    assert_int_equal(reply.logs.at[9].seq, 20001);
    reply = read_log(1, 10);            /* what is gone is gone: the oldest there are */
    assert_int_equal(reply.logs.count, 10);
    assert_true(reply.logs.at[0].seq > 1);
}

static int64_t test_now_us;
static int64_t test_clock(void)
{
    return test_now_us;
}

static void test_a_flood_is_dropped_and_counted(void **state)
{
    static char piece[65536];

    (void) state;
    test_now_us = clock_now_us();
    clock_set_source_for_test(test_clock);
    memset(piece, 'x', sizeof piece);
    piece[sizeof piece - 1] = '\n';
    for (int i = 0; i < 2 * LOG_BURST_OCTETS / (int)sizeof piece; i++)
        app_log_take(&app_log, LOG_STDOUT, piece, sizeof piece);
    test_now_us += 1000000;
    say("calm again\n");
    clock_set_source_for_test(NULL);
    struct logs_reply reply = read_log(0, 2);
    assert_true(text_is(reply.logs.at[1].line, "calm again"));
    assert_true(text_is(reply.logs.at[0].stream, "system"));
    assert_non_null(memmem(reply.logs.at[0].line.at, reply.logs.at[0].line.size,
                           "octets of log were dropped", 26));
}

static void test_seq_goes_on_after_a_restart(void **state)
{
    (void) state;
    say("one\ntwo\n");
    app_log_close(&app_log);
    assert_true(app_log_open(&app_log, root, 65536, &fault));
    say("three\n");
    struct logs_reply reply = read_log(0, 10);
    assert_int_equal(reply.logs.count, 3);
    assert_int_equal(reply.logs.at[2].seq, 3);
}

static void test_a_torn_line_is_left_out(void **state)
{
    (void) state;
    say("one\ntwo\n");
    app_log_close(&app_log);
    OWNED(fd) int fd = openat(root, "log/new", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "3 17", 4), 4);      /* the power went away */
    assert_true(app_log_open(&app_log, root, 65536, &fault));
    say("after\n");
    struct logs_reply reply = read_log(0, 10);
    assert_int_equal(reply.logs.count, 3);
    assert_true(text_is(reply.logs.at[2].line, "after"));
    assert_int_equal(reply.logs.at[2].seq, 3);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        ROW(test_lines_are_put_together),
        ROW(test_tail_and_after),
        ROW(test_long_lines_are_cut),
        ROW(test_lines_fit_the_contract),
        ROW(test_the_log_is_bounded_and_keeps_the_last),
        ROW(test_a_flood_is_dropped_and_counted),
        ROW(test_seq_goes_on_after_a_restart),
        ROW(test_a_torn_line_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
