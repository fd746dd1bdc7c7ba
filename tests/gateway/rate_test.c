/* rate_test - fixed windows per caller, in bounded memory (S19-S25).
 *
 * Method: the test owns the clock.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "bus/clock.h"
#include "gateway/rate_table.h"

static int64_t now_us = 1000000;

static int64_t test_clock(void) { return now_us; }

static struct address address_of(const char *text)
{
    struct address address;

    assert_true(address_parse(text_from(text), &address));
    return address;
}

static int set_up(void **state)
{
    clock_set_source_for_test(test_clock);
    *state = rate_table_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    clock_set_source_for_test(NULL);
    rate_table_free(*state);
    return 0;
}

static const struct rate_limit three = {.count_max = 3, .window_s = 10};

static void test_window(void **state)
{
    struct address caller = address_of("1.2.3.4");
    struct rate_state now;

    for (uint32_t i = 1; i <= 3; i++) {
        now = rate_table_count(*state, TEXT_OF("apps"), &caller, three);
        assert_false(now.is_over);
        assert_int_equal(now.remaining, 3 - i);
    }
    now_us += 4000000;
    now = rate_table_count(*state, TEXT_OF("apps"), &caller, three);
    assert_true(now.is_over);
    assert_int_equal(now.remaining, 0);
    assert_int_equal(now.reset_s, 6);
    now_us += 5999000;
    assert_true(rate_table_count(*state, TEXT_OF("apps"), &caller, three).is_over);
    now_us += 1000;     /* the window is over */
    now = rate_table_count(*state, TEXT_OF("apps"), &caller, three);
    assert_false(now.is_over);
    assert_int_equal(now.remaining, 2);
    assert_int_equal(now.reset_s, 10);
}

static void test_apart(void **state)
{
    struct address one = address_of("1.1.1.1"), other = address_of("1.1.1.2");

    for (int i = 0; i < 3; i++)
        (void) rate_table_count(*state, TEXT_OF("apps"), &one, three);
    assert_true(rate_table_count(*state, TEXT_OF("apps"), &one, three).is_over);
    assert_false(rate_table_count(*state, TEXT_OF("apps"), &other, three).is_over);
    assert_false(rate_table_count(*state, TEXT_OF("planner"), &one, three).is_over);
}

/* One subscriber's /56 is one caller. */
static void test_ipv6(void **state)
{
    char text[64];
    bool is_over = false;

    for (int i = 0; i < 4; i++) {
        (void) snprintf(text, sizeof text, "2001:db8:1:2%02x::%x", i, i + 1);
        struct address caller = address_of(text);
        is_over = rate_table_count(*state, TEXT_OF("apps"), &caller, three).is_over;
    }
    assert_true(is_over);
}

/* 200,000 addresses pass through a table of 65,536 places: nobody is locked out by them, and he
 * who keeps trying is still counted. */
static void test_many_callers(void **state)
{
    struct address stubborn = address_of("9.9.9.9");
    const struct rate_limit limit = {.count_max = 3, .window_s = 900};
    uint32_t refused = 0, stubborn_refused = 0;

    for (uint32_t i = 0; i < 200000; i++) {
        struct address caller = address_of("10.0.0.0");

        caller.octets[13] = (uint8_t)(i >> 16);
        caller.octets[14] = (uint8_t)(i >> 8);
        caller.octets[15] = (uint8_t)i;
        now_us += 10;
        refused += rate_table_count(*state, TEXT_OF("apps"), &caller, limit).is_over;
        if (i % 64 == 0)
            stubborn_refused += rate_table_count(*state, TEXT_OF("apps"), &stubborn,
                                                 limit).is_over;
    }
    assert_int_equal(refused, 0);
    assert_int_equal(stubborn_refused, 200000 / 64 - 3);
}

enum { THREADS = 4, TURNS = 20000 };
struct crowd { struct rate_table *table; uint32_t allowed; };

static void *crowd_run(void *argument)
{
    struct crowd *crowd = argument;
    struct address caller;

    (void) address_parse(TEXT_OF("5.5.5.5"), &caller);
    for (int i = 0; i < TURNS; i++)
        crowd->allowed += !rate_table_count(crowd->table, TEXT_OF("apps"), &caller,
                                            (struct rate_limit){1000, 900}).is_over;
    return NULL;
}

/* However many threads count, exactly the allowance passes. */
static void test_threads(void **state)
{
    pthread_t threads[THREADS];
    struct crowd crowds[THREADS];
    uint32_t allowed = 0;

    for (int i = 0; i < THREADS; i++) {
        crowds[i] = (struct crowd){*state, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, &crowds[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        allowed += crowds[i].allowed;
    }
    assert_int_equal(allowed, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ipv6, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_callers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
