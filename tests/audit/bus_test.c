/* bus_test.c - the audit actor as a process: it answers over a real broker, and survives kill -9. */
#include "tests/planner/role_on_bus.h"

#include <signal.h>
#include <stdio.h>

static struct role_on_bus role;

static int begin(void **state)
{
    (void)state;
    role_begin(&role, BROKER_PROGRAM, AUDIT_PROGRAM, "audit");
    return 0;
}

static int finish(void **state)
{
    (void)state;
    role_end(&role);
    return 0;
}

static struct audit_event event_of(const char *id)
{
    return (struct audit_event){.event_id = text_from(id), .at = 1760108400000,
                                .kind = TEXT_OF("app_generated"), .user = TEXT_OF("local")};
}

static void append(const char *id, struct checkpoint *checkpoint)
{
    const struct audit_event event = event_of(id);
    const struct append_request request = {.events = {&event, 1}};

    role_ask_until(&role, &method_audit_append, &request, checkpoint);
}

static void test_append_list_checkpoint(void **state)
{
    struct checkpoint first, again, now;
    struct audit_list_reply list;
    struct nothing nothing = {0};

    (void)state;
    append("one", &first);
    append("one", &again);
    assert_int_equal(first.size, 1);
    assert_int_equal(again.size, 1);
    assert_true(text_equals(first.root, again.root));
    append("two", &again);
    role_ask_until(&role, &method_audit_checkpoint, &nothing, &now);
    assert_int_equal(now.size, 2);
    assert_true(text_equals(now.root, again.root));
    role_ask_until(&role, &method_audit_list, &(struct audit_list_request){.limit = 10}, &list);
    assert_int_equal(list.entries.count, 2);
    assert_true(text_is(list.entries.at[1].event->event_id, "two"));
    assert_int_equal(list.next, 2);
    assert_int_equal(role_stop(&role, SIGTERM), 0);
}

static void test_a_killed_actor_comes_back_with_all(void **state)
{
    struct checkpoint checkpoint;
    char id[32];

    (void)state;
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "event-%d", i);
        append(id, &checkpoint);
        assert_int_equal(checkpoint.size, i + 1);
        if (i % 10 != 9)
            continue;
        (void)role_stop(&role, SIGKILL);
        role_start(&role);
        append(id, &checkpoint);        /* sent again, as its sender would: recorded once */
        assert_int_equal(checkpoint.size, i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_append_list_checkpoint, begin, finish),
        cmocka_unit_test_setup_teardown(test_a_killed_actor_comes_back_with_all, begin, finish),
    };
    return cmocka_run_group_tests_name("audit_bus", tests, NULL, NULL);
}
