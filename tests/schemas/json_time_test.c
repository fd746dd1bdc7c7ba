/* json_time_test - RFC 3339 read and written, against rows and against the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "schemas/json.h"

static const struct { const char *text; int64_t ms; } times[] = {
    {"1970-01-01T00:00:00.000Z", 0},
    {"1970-01-01T00:00:00.001Z", 1},
    {"2000-02-29T23:59:59.999Z", 951868799999},
    {"2025-10-10T15:00:00.000Z", 1760108400000},
    {"2100-03-01T00:00:00.000Z", 4107542400000},
    {"9999-12-31T23:59:59.999Z", 253402300799999},
};

static void rows_are_read_and_written(void **state)
{
    char out[JSON_TIME_SIZE];
    int64_t ms;

    (void) state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        json_time(times[i].ms, out);
        assert_string_equal(out, times[i].text);
        assert_true(json_time_read(text_from(times[i].text), &ms));
        assert_true(ms == times[i].ms);
    }
    json_time(-1, out);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
    json_time(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999Z");
}

static void other_spellings_are_read(void **state)
{
    static const struct { const char *text; int64_t ms; } rows[] = {
        {"2025-10-10T15:00:00Z", 1760108400000},
        {"2025-10-10t15:00:00z", 1760108400000},
        {"2025-10-10T17:00:00+02:00", 1760108400000},
        {"2025-10-10T09:30:00-05:30", 1760108400000},
        {"2025-10-10T15:00:00.1Z", 1760108400100},
        {"2025-10-10T15:00:00.123456789Z", 1760108400123},
    };
    int64_t ms;

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(json_time_read(text_from(rows[i].text), &ms));
        assert_true(ms == rows[i].ms);
    }
}

static void what_is_no_time_is_not_read(void **state)
{
    static const char *const rows[] = {
        "", "2025", "2025-10-10", "2025-10-10T15:00:00", "2025-10-10 15:00:00Z",
        "2025-10-10T15:00Z", "2025-13-10T15:00:00Z", "2025-00-10T15:00:00Z",
        "2025-02-29T15:00:00Z", "2100-02-29T15:00:00Z", "2025-04-31T15:00:00Z",
        "2025-10-00T15:00:00Z", "2025-10-32T15:00:00Z", "2025-10-10T24:00:00Z",
        "2025-10-10T15:60:00Z", "2025-10-10T15:00:60Z", "2025-10-10T15:00:00.Z",
        "2025-10-10T15:00:00+2:00", "2025-10-10T15:00:00+02:60", "2025-10-10T15:00:00+24:00",
        "2025-10-10T15:00:00+0200", "2025-10-10T15:00:00ZZ", "2025-10-10T15:00:00Z ",
        "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
        "-025-10-10T15:00:00Z", "2025-1 -10T15:00:00Z", "2025/10/10T15:00:00Z",
        "2025-10-10T15.00.00Z", "1760108400000",
    };
    int64_t ms;

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("%s\n", rows[i]);
        assert_false(json_time_read(text_from(rows[i]), &ms));
    }
    assert_false(json_time_read(TEXT_OF("2025-10-10T15:00:00\0"), &ms));
    assert_false(json_time_read((struct text){NULL, 0}, &ms));
}

static void every_day_is_the_c_librarys_day(void **state)
{
    char out[JSON_TIME_SIZE], wanted[JSON_TIME_SIZE];
    struct tm civil;

    (void) state;
    for (time_t day = 0; day < 200000; day += 13) {     /* to the year 2517 */
        time_t second = day * 86400 + day % 86400;
        assert_non_null(gmtime_r(&second, &civil));
        assert_int_not_equal(strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%S.000Z", &civil), 0);
        json_time((int64_t)second * 1000, out);
        assert_string_equal(out, wanted);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_and_written),
        cmocka_unit_test(other_spellings_are_read),
        cmocka_unit_test(what_is_no_time_is_not_read),
        cmocka_unit_test(every_day_is_the_c_librarys_day),
    };

    return cmocka_run_group_tests_name("json_time", tests, NULL, NULL);
}
