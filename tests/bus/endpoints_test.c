/* endpoints_test - two brokers: whoever takes part is known to both, and one may die.
 *
 * Method: real brokers as processes, one actor registered with both; brokers are killed and
 * brought back while a client and a pipe go on asking.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "bus/clock.h"
#include "bus/pipe.h"
#include "tests/bus/test_actor.h"

struct set {
    struct test_bus first, second;
    char both[200];
    struct bus_settings settings;
    struct test_actor actor;
    struct bus_client *client;
    struct pipe *pipe;
    struct arena *arena;
    struct fault fault;
};

static int set_up(void **state)
{
    struct set *set = calloc(1, sizeof *set);

    assert_non_null(set);
    test_bus_begin(&set->first);
    test_bus_begin(&set->second);
    snprintf(set->both, sizeof set->both, "%s,%s", set->first.endpoint, set->second.endpoint);
    test_bus_settings(&set->settings, set->both);
    test_bus_start_broker(&set->first);
    test_bus_start_broker(&set->second);
    test_actor_begin(&set->actor, "store", &set->settings, 1);
    test_actor_await_started(&set->actor);
    set->client = bus_client_new(&set->settings, &set->fault);
    set->pipe = pipe_new(&set->settings, &set->fault);
    set->arena = arena_new(1048576);
    assert_true(set->client && set->pipe && set->arena);
    *state = set;
    return 0;
}

static int tear_down(void **state)
{
    struct set *set = *state;

    pipe_free(set->pipe);
    bus_client_free(set->client);
    test_actor_drain(&set->actor);
    test_actor_join(&set->actor);
    arena_free(set->arena);
    test_bus_end(&set->first);
    test_bus_end(&set->second);
    free(set);
    return 0;
}

static bool ask_client(struct set *set)
{
    struct infer_reply reply;

    return test_infer(set->client, "echo", 2000, set->arena, &reply, &set->fault);
}

static bool ask_pipe(struct set *set)
{
    struct ask ask = test_ask(&method_planner_infer, "store.work", 2000);
    struct pipe_reply reply;

    bool answered = pipe_ask(set->pipe, &ask, TEXT_OF("\x81\xa6" "action" "\xa4" "echo"), &reply,
                             &set->fault);
    pipe_reply_free(&reply);
    return answered;
}

/* What was under way when a broker died may be lost; soon every new call is answered. */
static void await_answers(struct set *set, bool (*ask)(struct set *))
{
    int64_t until_ms = clock_now_ms() + SOON_MS;

    while (!ask(set))
        if (clock_now_ms() > until_ms)
            fail_msg("%s: %s", fault_name(set->fault.kind), set->fault.reason);
    for (int i = 0; i < 20; i++)
        if (!ask(set))
            fail_msg("%s: %s", fault_name(set->fault.kind), set->fault.reason);
}

static void await_all(struct set *set)
{
    await_answers(set, ask_client);
    await_answers(set, ask_pipe);
}

static void each_broker_knows_the_actor(void **state)
{
    struct set *set = *state;
    struct test_bus *const brokers[] = {&set->first, &set->second};
    struct infer_reply reply;

    for (int i = 0; i < 2; i++) {
        struct bus_client *client = bus_client_new(&brokers[i]->settings, &set->fault);
        assert_non_null(client);
        assert_true(test_infer(client, "echo", SOON_MS, set->arena, &reply, &set->fault));
        bus_client_free(client);
    }
}

static void one_of_two_brokers_may_die(void **state)
{
    struct set *set = *state;

    await_all(set);
    test_bus_kill_broker(&set->first);
    await_all(set);
    test_bus_start_broker(&set->first);
    each_broker_knows_the_actor(state);     /* the actor has registered anew */
    test_bus_kill_broker(&set->second);
    await_all(set);
    test_bus_start_broker(&set->second);
    each_broker_knows_the_actor(state);
}

int test_role(const char *role, const struct bus_settings *bus)
{
    (void)role;
    (void)bus;
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    int role = test_bus_be_role(argc, argv);
    if (role >= 0)
        return role;
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_broker_knows_the_actor),
        CASE(one_of_two_brokers_may_die),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
