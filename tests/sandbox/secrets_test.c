/* secrets_test - secrets of a start: given to the app, and hidden in what it writes.
 *
 * Method: sets made as the store's answer makes them; a real log; real cages.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/sandbox/app_log.h"
#include "actors/sandbox/tree.h"
#include "bus/owned.h"
#include "tests/sandbox/rig.h"

enum { ROWS_MAX = 33 };

static struct fault fault;

/* Values are wiped by secrets_new(), so each set gets copies. */
static struct secrets *set_of(struct arena *arena, const char *const (*rows)[2], uint32_t count)
{
    struct secret *copies = arena_take(arena, ROWS_MAX * sizeof *copies);
    struct reveal_reply reply = {.secrets = {copies, count}};
    struct secrets *secrets = NULL;

    for (uint32_t i = 0; i < count; i++)
        copies[i] = (struct secret){.name = text_from(rows[i][0]),
                                    .value = arena_text(arena, text_from(rows[i][1]))};
    assert_true(secrets_new(&reply, &secrets, &fault));
    for (uint32_t i = 0; i < count; i++)
        for (size_t at = 0; at < copies[i].value.size; at++)
            assert_int_equal(copies[i].value.at[at], 0);
    return secrets;
}

/* ---- hiding ---- */

static const char *const rows[][2] = {
    {"SHORT", "seven77"}, {"TOKEN", "abcdefgh"}, {"LONGER", "abcdefgh-and-more"},
    {"PEM", "-----BEGIN-----\r\nline one of it\n\nend\nline two of it\n"},
};

static void test_values_are_found(void **state)
{
    static const struct { const char *line, *wanted; } lines[] = {
        {"nothing here", "nothing here"},
        {"", ""},
        {"a seven77 word", "a seven77 word"},
        {"abcdefgh", "[secret TOKEN]"},
        {"abcdefg", "abcdefg"},
        {"xabcdefghabcdefghy", "x[secret TOKEN][secret TOKEN]y"},
        {"abcdefgh-and-more", "[secret LONGER]"},
        {"abcdefgh-and-mor", "[secret TOKEN]-and-mor"},
        {"aabcdefgh", "a[secret TOKEN]"},
        {"key: -----BEGIN-----", "key: [secret PEM]"},
        {"line one of it, line two of it", "[secret PEM], [secret PEM]"},
        {"end", "end"},
    };
    struct arena *arena = arena_new(1 << 20);
    struct secrets *sets[2] = {NULL, set_of(arena, rows, 4)};
    char out[200];
    uint64_t steps;

    (void) state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t size = strlen(lines[i].line);
        size_t written = secrets_hide(sets, 2, lines[i].line, size, size, out, sizeof out, &steps);
        if (written != strlen(lines[i].wanted) || memcmp(out, lines[i].wanted, written) != 0)
            fail_msg("'%s' became '%.*s'", lines[i].line, (int)written, out);
    }
    /* a mark that has no room is cut, and a value that reaches beyond `size` is known */
    assert_int_equal(secrets_hide(sets, 2, "abcdefgh", 8, 8, out, 4, &steps), 4);
    assert_int_equal(secrets_hide(sets, 2, "xyabcdefgh", 3, 10, out, sizeof out, &steps), 16);
    assert_memory_equal(out, "xy[secret TOKEN]", 16);
    secrets_drop(&sets[1]);
    arena_free(arena);
}

static void test_no_line_takes_for_ever(void **state)
{
    static char values[32][SECRET_VALUE_OCTETS_MAX + 1], names[32][8], line[8192];
    const char *many[32][2];
    struct arena *arena = arena_new(4 << 20);
    char out[4096];
    uint64_t steps;

    (void) state;
    for (int i = 0; i < 32; i++) {          /* the worst there is: all begin alike, none is there */
        memset(values[i], 'a', SECRET_VALUE_OCTETS_MAX);
        values[i][SECRET_VALUE_OCTETS_MAX - 1] = 'b';
        (void) snprintf(names[i], sizeof names[i], "N%d", i);
        many[i][0] = names[i];
        many[i][1] = values[i];
    }
    memset(line, 'a', sizeof line);
    struct secrets *set = set_of(arena, (const char *const (*)[2])many, 32);
    size_t size = secrets_hide(&set, 1, line, 4096, sizeof line, out, sizeof out, &steps);
    assert_true(steps <= SECRET_STEPS_MAX + 32 * SECRET_VALUE_OCTETS_MAX);
    assert_memory_equal(out, "[a line withheld", 16);
    assert_true(size < 100);
    secrets_drop(&set);
    arena_free(arena);
}

/* ---- in a log ---- */

struct written { char top[32]; int root; struct app_log log; struct arena *arena; };

static int make_log(void **state)
{
    static struct written written;

    written = (struct written){.top = "/tmp/isekai-hide-XXXXXX"};
    assert_non_null(mkdtemp(written.top));
    written.root = open(written.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    written.arena = arena_new(64 << 20);
    assert_true(app_log_open(&written.log, written.root, 1 << 20, &fault));
    *state = &written;
    return 0;
}

static int drop_log(void **state)
{
    struct written *self = *state;

    app_log_close(&self->log);
    arena_free(self->arena);
    assert_true(tree_empty(self->root, &fault));
    fd_drop(&self->root);
    return rmdir(self->top);
}

static struct text last_line(struct written *self)
{
    struct logs_reply reply;

    assert_true(app_log_read(self->root, 0, 1, self->arena, &reply, &fault));
    assert_int_equal(reply.logs.count, 1);
    return reply.logs.at[0].line;
}

static void say(struct written *self, const char *octets, size_t size)
{
    app_log_take(&self->log, LOG_STDOUT, octets, size);
}

/* A pipe may cut a value anywhere. */
static void test_a_value_in_pieces(void **state)
{
    static const char line[] = "the token abcdefgh is secret\n";
    struct written *self = *state;
    struct secrets *set = set_of(self->arena, rows, 4);

    assert_true(app_log_hide(&self->log, set, &fault));
    for (size_t cut = 1; cut < sizeof line - 1; cut++) {
        say(self, line, cut);
        say(self, line + cut, sizeof line - 1 - cut);
        assert_true(text_is(last_line(self), "the token [secret TOKEN] is secret"));
    }
    for (size_t at = 0; at < sizeof line - 1; at++)
        say(self, line + at, 1);
    assert_true(text_is(last_line(self), "the token [secret TOKEN] is secret"));
    say(self, "abcdefgh", 8);
    app_log_end_lines(&self->log);
    assert_true(text_is(last_line(self), "[secret TOKEN]"));
    app_log_show(&self->log, set);
    say(self, "abcdefgh\n", 9);
    assert_true(text_is(last_line(self), "abcdefgh"));      /* nobody runs that has it */
    secrets_drop(&set);
}

/* The line is cut at its bound, never in the middle of a value. */
static void test_a_value_at_the_end_of_a_long_line(void **state)
{
    static char line[3 * LOG_LINE_OCTETS_MAX];
    struct written *self = *state;
    struct secrets *set = set_of(self->arena, rows, 4);

    assert_true(app_log_hide(&self->log, set, &fault));
    for (size_t at = LOG_LINE_OCTETS_MAX - 20; at < LOG_LINE_OCTETS_MAX + 3; at++) {
        memset(line, 'x', sizeof line);
        memcpy(line + at, "abcdefgh-and-more", 17);
        line[sizeof line - 1] = '\n';
        say(self, line, sizeof line);
        struct text kept = last_line(self);
        assert_true(kept.size <= LOG_LINE_OCTETS_MAX);
        assert_null(memmem(kept.at, kept.size, "ab", 2));
    }
    /* marks are shorter than values: what comes behind them is not shown in their room */
    memset(line, 'x', sizeof line);
    for (size_t at = 0; at + 17 < 2 * LOG_LINE_OCTETS_MAX; at += 17)
        memcpy(line + at, "abcdefgh-and-more", 17);
    line[sizeof line - 1] = '\n';
    say(self, line, sizeof line);
    assert_null(memmem(last_line(self).at, last_line(self).size, "abc", 3));
    app_log_show(&self->log, set);
    secrets_drop(&set);
}

/* What is left of a line that lost octets cannot be judged, so it goes too. */
static void test_a_dropped_piece_takes_its_line_along(void **state)
{
    static char flood[LOG_BURST_OCTETS + 1];
    struct written *self = *state;
    struct secrets *set = set_of(self->arena, rows, 4);
    struct logs_reply reply;

    assert_true(app_log_hide(&self->log, set, &fault));
    say(self, "first abcd", 10);
    memset(flood, 'y', sizeof flood);
    say(self, flood, sizeof flood);         /* more than may ever be written at once */
    self->log.tokens = LOG_BURST_OCTETS;
    say(self, "efgh last\nnext\n", 15);
    assert_true(app_log_read(self->root, 0, 10, self->arena, &reply, &fault));
    for (uint32_t i = 0; i < reply.logs.count; i++) {
        assert_null(memmem(reply.logs.at[i].line.at, reply.logs.at[i].line.size, "abcd", 4));
        assert_null(memmem(reply.logs.at[i].line.at, reply.logs.at[i].line.size, "efgh", 4));
    }
    assert_true(text_is(last_line(self), "next"));
    app_log_show(&self->log, set);
    secrets_drop(&set);
}

static void test_places_to_hide_are_bounded(void **state)
{
    struct written *self = *state;
    struct secrets *set = set_of(self->arena, rows, 1);

    assert_true(app_log_hide(&self->log, NULL, &fault));
    for (int i = 0; i < LOG_HIDES_MAX; i++)
        assert_true(app_log_hide(&self->log, set, &fault));
    assert_false(app_log_hide(&self->log, set, &fault));
    assert_int_equal(fault.kind, FAULT_internal);
    secrets_drop(&set);                     /* the log holds it still; it goes with the log */
}

/* ---- in a cage ---- */

static int open_rig(void **state)
{
    static struct rig rig;

    rig_make(&rig);
    rig_open(&rig);
    *state = &rig;
    return 0;
}

static int remove_rig(void **state)
{
    struct rig *rig = *state;

    secrets_drop(&rig->secrets);
    rig_remove(rig);
    return 0;
}

#define TELLING "process.env.TOKEN + '/' + process.env.PORT + '/' + " \
    "require('fs').readFileSync('/proc/self/cmdline', 'latin1').includes(process.env.TOKEN)"

static void test_the_app_has_them(void **state)
{
    struct rig *rig = *state;

    rig->secrets = set_of(rig->arena, rows + 1, 1);
    assert_true(rig_start(rig, "one", 1, SERVER_SAYING(TELLING)));
    assert_true(rig_ask(rig, "one", "/"));
    assert_non_null(strstr(rig->answer, "abcdefgh/9000/false"));
    assert_true(rig_stop(rig, "one"));
}

/* All that may be, at once: more than a pipe holds unasked. */
static void test_the_most_there_may_be(void **state)
{
    static char value[SECRET_VALUE_OCTETS_MAX + 1], names[SECRETS_MAX][8];
    const char *many[SECRETS_MAX][2];
    struct rig *rig = *state;

    memset(value, 'v', SECRET_VALUE_OCTETS_MAX);
    for (int i = 0; i < SECRETS_MAX; i++) {
        (void) snprintf(names[i], sizeof names[i], "N%d", i);
        many[i][0] = names[i];
        many[i][1] = value;
    }
    rig->secrets = set_of(rig->arena, (const char *const (*)[2])many, SECRETS_MAX);
    assert_true(rig_start(rig, "most", 1, SERVER_SAYING(
        "Object.keys(process.env).filter((n) => /^N[0-9]+$/.test(n) && "
        "process.env[n] === 'v'.repeat(4096)).length")));
    assert_true(rig_ask(rig, "most", "/"));
    assert_non_null(strstr(rig->answer, "\r\n\r\n32"));
}

static void test_one_more_is_refused(void **state)
{
    struct secret copies[SECRETS_MAX + 1] = {{0}};
    struct reveal_reply reply = {.secrets = {copies, SECRETS_MAX + 1}};
    struct secrets *secrets;

    (void) state;
    assert_false(secrets_new(&reply, &secrets, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
}

/* The new run has the new ones; when it fails the old run goes on, and when that had ended already it
 * comes back, with its own. */
static void test_the_old_run_keeps_its_own(void **state)
{
    static const char *const other[][2] = {{"TOKEN", "another-value"}};
    /* Fails with the other token at its second start on the same data: the trial's are a copy, made
     * before; so the trial answers, and the run on the real data finds what the old one leaves. */
    static const char picky[] =
        "const fs = require('fs'); process.on('SIGTERM', () => { fs.writeFileSync('/data/left', ''); "
        "process.exit(0); }); if (process.env.TOKEN === 'another-value' && "
        "fs.existsSync('/data/left')) { console.log('no ' + process.env.TOKEN); process.exit(3); } "
        SERVER_SAYING("process.env.TOKEN");
    struct rig *rig = *state;
    struct secrets *first = set_of(rig->arena, rows + 1, 1);

    rig->secrets = first;
    assert_true(rig_start(rig, "app", 1, picky));
    rig->secrets = set_of(rig->arena, other, 1);
    assert_false(rig_start(rig, "app", 1, picky));      /* it was tried out, the old one ended */
    assert_int_equal(rig->fault.kind, FAULT_start_failed);
    assert_non_null(strstr(rig_failure_log(rig), "no [secret TOKEN]"));
    assert_true(rig_ask(rig, "app", "/"));
    assert_non_null(strstr(rig->answer, "abcdefgh"));   /* and is back */
    assert_true(rig_start(rig, "app", 1, SERVER_SAYING("process.env.TOKEN")));
    assert_true(rig_ask(rig, "app", "/"));
    assert_non_null(strstr(rig->answer, "another-value"));
    assert_false(rig_start(rig, "app", 2,
                           "console.log('no ' + process.env.TOKEN); process.exit(3)"));
    assert_non_null(strstr(rig_failure_log(rig), "no [secret TOKEN]"));
    assert_true(rig_ask(rig, "app", "/"));
    assert_non_null(strstr(rig->answer, "another-value"));
    assert_null(strstr(rig_log(rig, "app"), "another-value"));
    secrets_drop(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_found),
        cmocka_unit_test(test_no_line_takes_for_ever),
        cmocka_unit_test(test_one_more_is_refused),
        cmocka_unit_test_setup_teardown(test_a_value_in_pieces, make_log, drop_log),
        cmocka_unit_test_setup_teardown(test_a_value_at_the_end_of_a_long_line, make_log, drop_log),
        cmocka_unit_test_setup_teardown(test_a_dropped_piece_takes_its_line_along, make_log, drop_log),
        cmocka_unit_test_setup_teardown(test_places_to_hide_are_bounded, make_log, drop_log),
        cmocka_unit_test_setup_teardown(test_the_app_has_them, open_rig, remove_rig),
        cmocka_unit_test_setup_teardown(test_the_most_there_may_be, open_rig, remove_rig),
        cmocka_unit_test_setup_teardown(test_the_old_run_keeps_its_own, open_rig, remove_rig),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
