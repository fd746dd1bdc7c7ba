/* bus_test.c - the planner as a process: every method answers over a real broker. */
#include "tests/planner/role_on_bus.h"

#include <signal.h>
#include <sys/wait.h>

static struct role_on_bus role;

static int begin(void **state)
{
    (void)state;
    role_begin(&role, BROKER_PROGRAM, PLANNER_PROGRAM, NULL);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    role_end(&role);
    return 0;
}

static void test_every_method_answers(void **state)
{
    struct plan_request ask = {.prompt = TEXT_OF("Create a to-do list called Foo")};
    struct plan_reply plan;
    struct revise_reply revision;
    struct infer_reply inference;
    struct fault fault = {0};

    (void)state;
    role_ask_until(&role, &method_planner_analyze, &ask, &plan);
    assert_true(text_is(plan.template, "todo-list"));
    assert_true(text_is(plan.name, "Foo"));
    struct revise_request change = {.prompt = TEXT_OF("add search and rename it to Bar"),
                                    .template = plan.template, .files = plan.code->files};
    assert_true(role_ask(&role, &method_planner_revise, &change, &revision, &fault));
    assert_true(text_is(revision.name, "Bar"));
    assert_true(revision.changes.count >= 2);
    struct suggest_request act = {.action = TEXT_OF("search"), .files = plan.code->files};
    assert_true(role_ask(&role, &method_planner_suggest, &act, &inference, &fault));
    assert_int_equal(inference.suggestions.count, 1);
    struct infer_request free_act = {.action = TEXT_OF("\xa4sort")};
    assert_true(role_ask(&role, &method_planner_infer, &free_act, &inference, &fault));
    assert_int_equal(inference.suggestions.count, 1);
}

static void test_refusals_come_in_words(void **state)
{
    struct plan_request ask = {.prompt = TEXT_OF("x")};
    struct plan_reply plan;
    struct revise_reply revision;
    struct infer_reply inference;
    struct fault fault = {0};

    (void)state;
    role_ask_until(&role, &method_planner_analyze, &ask, &plan);
    struct revise_request change = {.prompt = TEXT_OF("fly"), .files = plan.code->files};
    assert_false(role_ask(&role, &method_planner_revise, &change, &revision, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
    assert_non_null(strstr(fault.reason, "ask for: dark mode"));
    struct infer_request broken = {.action = TEXT_OF("\xa4sort"),
                                   .context = TEXT_OF("\x81\xa5" "files\x05")};
    assert_false(role_ask(&role, &method_planner_infer, &broken, &inference, &fault));
    const struct failure *failure = bus_client_failure(role.client, role.arena);
    assert_non_null(failure);
    assert_int_equal(failure->details.count, 1);
    assert_true(text_is(failure->details.at[0].path, "context.files"));
    assert_int_equal(role_stop(&role, SIGTERM), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_method_answers, begin, finish),
        cmocka_unit_test_setup_teardown(test_refusals_come_in_words, begin, finish),
    };
    return cmocka_run_group_tests_name("planner_bus", tests, NULL, NULL);
}
