/* log_test - one event, one line, whatever a stranger put into it.
 *
 * Method: standard error is a pipe for the length of a call; what comes out is compared behind
 * its time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "bus/log.h"
#include "schemas/text.h"

static int saved, out;

static void begin_capture(void)
{
    int ends[2];

    saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    out = ends[0];
}

static size_t end_capture(char *line, size_t capacity)
{
    dup2(saved, STDERR_FILENO);         /* closes the pipe's other end */
    close(saved);
    ssize_t size = read(out, line, capacity - 1);
    close(out);
    assert_true(size >= 0);
    line[size] = '\0';
    return (size_t)size;
}

static void assert_line(const char *line, const char *expected)
{
    assert_memory_equal(line, "time=20", 7);
    const char *rest = strchr(line, ' ');
    assert_non_null(rest);
    assert_int_equal(rest[-1], 'Z');
    assert_string_equal(rest + 1, expected);
}

static void test_a_line(void **state)
{
    char line[4096];

    (void)state;
    begin_capture();
    log_line(LOG_INFO, "r-1", "app_started app=%s start_ms=%d", "csv", 231);
    end_capture(line, sizeof line);
    assert_line(line, "level=info process=test request=r-1 app_started app=csv start_ms=231\n");
    begin_capture();
    log_line(LOG_ERROR, NULL, "disk_full");
    end_capture(line, sizeof line);
    assert_line(line, "level=error process=test request=- disk_full\n");
}

static void test_a_line_cannot_be_forged(void **state)
{
    char line[4096];

    (void)state;
    begin_capture();
    log_line(LOG_WARN, "a\nb", "x name=%s",
             "1\r\n2\t3\x1b[0m4\x7f" "5\xc2\x85" "6\xff" "7\xed\xa0\x80" "8"
             "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    end_capture(line, sizeof line);
    assert_line(line, "level=warn process=test request=a?b x name=1??2?3?[0m4?5??6?7???8"
                "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n");
}

static void test_a_line_is_bounded(void **state)
{
    static char text[6001];
    char line[8192];

    (void)state;
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    for (int shift = 0; shift < 2; shift++) {       /* the cut falls between and within */
        begin_capture();
        log_line(LOG_INFO, NULL, "%.*s%s", shift, "x", text);
        size_t size = end_capture(line, sizeof line);
        assert_true(size <= 2048);
        assert_int_equal(line[size - 1], '\n');
        assert_int_not_equal(text_code_points((struct text){line, size}), SIZE_MAX);
    }
}

static void test_levels(void **state)
{
    enum log_level level;
    char line[64];

    (void)state;
    assert_true(log_level_from_name("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_from_name("error", &level));
    assert_int_equal(level, LOG_ERROR);
    assert_false(log_level_from_name("loud", &level));
    begin_capture();
    log_line(LOG_DEBUG, NULL, "not written");
    assert_int_equal(end_capture(line, sizeof line), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line),
        cmocka_unit_test(test_a_line_cannot_be_forged),
        cmocka_unit_test(test_a_line_is_bounded),
        cmocka_unit_test(test_levels),
    };

    log_begin("test", LOG_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
