/* leases_test - holding, dropping and waiting, from several threads at once.
 *
 * Method: a lease list whose broker does not exist: renewals fail quietly, as they must, while
 * the list itself is worked on. Run under the thread sanitizer too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "actors/apps/leases.h"
#include "bus/clock.h"

static const struct bus_settings bus = {
    .bus_endpoints = "ipc:///nonexistent/isekai-leases-test",
    .bus_message_bytes_max = 65536,
    .isekai_node = "test",
};
static struct leases *leases;

static int make(void **state)
{
    struct fault fault = {0};

    (void) state;
    leases = leases_new(&bus, 1000, &fault);
    return leases ? 0 : -1;
}

static int drop(void **state)
{
    (void) state;
    leases_free(leases);
    return 0;
}

static void a_free_app_is_not_waited_for(void **state)
{
    (void) state;
    assert_true(leases_wait_free(leases, TEXT_OF("app"), clock_now_ms()));
}

static void a_held_app_is_waited_for(void **state)
{
    struct fault fault = {0};

    (void) state;
    assert_true(leases_hold(leases, TEXT_OF("op"), TEXT_OF("app"), "me", &fault));
    assert_false(leases_wait_free(leases, TEXT_OF("app"), clock_now_ms() + 20));
    assert_true(leases_wait_free(leases, TEXT_OF("other"), clock_now_ms() + 20));
    leases_drop(leases, "op");
    assert_true(leases_wait_free(leases, TEXT_OF("app"), clock_now_ms() + 20));
}

static void the_list_is_bounded(void **state)
{
    struct fault fault = {0};
    char name[16];

    (void) state;
    for (int i = 0; i < LEASES_MAX; i++) {
        (void) snprintf(name, sizeof name, "op%d", i);
        assert_true(leases_hold(leases, text_from(name), TEXT_OF("app"), "me", &fault));
    }
    assert_false(leases_hold(leases, TEXT_OF("more"), TEXT_OF("app"), "me", &fault));
    assert_int_equal(fault.kind, FAULT_overloaded);
    leases_drop(leases, "op7");
    assert_true(leases_hold(leases, TEXT_OF("more"), TEXT_OF("app"), "me", &fault));
}

static void *hold_and_drop(void *argument)
{
    struct fault fault = {0};
    const char *name = argument;

    for (int i = 0; i < 200; i++) {
        if (leases_hold(leases, text_from(name), text_from(name), "me", &fault))
            leases_drop(leases, name);
    }
    return NULL;
}

static void threads_do_not_meet(void **state)
{
    static char names[4][8] = {"op-a", "op-b", "op-c", "op-d"};
    pthread_t threads[4];

    (void) state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_drop, names[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_true(leases_wait_free(leases, text_from(names[i]), clock_now_ms()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_free_app_is_not_waited_for, make, drop),
        cmocka_unit_test_setup_teardown(a_held_app_is_waited_for, make, drop),
        cmocka_unit_test_setup_teardown(the_list_is_bounded, make, drop),
        cmocka_unit_test_setup_teardown(threads_do_not_meet, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
