/* actor_test - one actor behind a real broker: lanes, refusals, progress, draining, dying brokers.
 *
 * Method: ask through bus_client; handlers wait on gates that the test opens, so nothing
 * depends on how long something takes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "bus/built_in.h"
#include "bus/clock.h"
#include "tests/bus/test_actor.h"

struct set {
    struct test_bus bus;
    struct test_actor store;
    struct bus_client *client;
    struct arena *arena;
    struct fault fault;
    bool is_drained;            /* the test has seen to that */
};

static int set_up(void **state)
{
    struct set *set = calloc(1, sizeof *set);

    assert_non_null(set);
    test_bus_begin(&set->bus);
    test_bus_start_broker(&set->bus);
    test_actor_begin(&set->store, "store", &set->bus.settings, 1);
    test_actor_await_started(&set->store);
    set->client = bus_client_new(&set->bus.settings, &set->fault);
    set->arena = arena_new(1048576);
    assert_non_null(set->client);
    assert_non_null(set->arena);
    *state = set;
    return 0;
}

static int tear_down(void **state)
{
    struct set *set = *state;

    if (!set->is_drained)
        test_actor_drain(&set->store);
    test_actor_join(&set->store);
    bus_client_free(set->client);
    arena_free(set->arena);
    test_bus_end(&set->bus);
    free(set);
    return 0;
}

static bool ask(struct set *set, const struct method *method, const char *service,
                const void *request, void *reply)
{
    struct ask ask = test_ask(method, service, SOON_MS);

    set->fault = (struct fault){0};
    return bus_client_ask(set->client, &ask, request, set->arena, reply, &set->fault);
}

static const struct nothing nothing;

static void answers_arrive(void **state)
{
    struct set *set = *state;
    struct list_request request = {.limit = 17};
    struct list_reply reply;
    struct nothing done;

    assert_true(ask(set, &method_store_list, "store", &request, &reply));
    assert_int_equal(reply.total, 17);
    assert_true(ask(set, &method_store_probe, "store", &nothing, &done));
    assert_int_equal(set->store.probes, 1);
    assert_null(bus_client_failure(set->client, set->arena));
}

/* A slow method asked for at a quick service, or at the instance, still runs on its own lane. */
static void a_lane_is_the_methods_own(void **state)
{
    struct set *set = *state;
    struct infer_request request = {.action = test_action(set->arena, "echo")};
    struct infer_reply reply;
    struct stats_reply stats;
    struct list_request list = {.limit = 1};
    struct list_reply page;

    assert_true(ask(set, &method_planner_infer, "store", &request, &reply));
    assert_true(ask(set, &method_planner_infer, set->store.instance, &request, &reply));
    assert_true(ask(set, &method_store_list, set->store.instance, &list, &page));
    assert_true(ask(set, &method_isekai_stats, "store.long", &nothing, &stats));
    assert_int_equal(stats.lanes.count, 3);
    assert_true(text_is(stats.lanes.at[1].service, "store.work"));
    assert_int_equal(stats.methods.at[1].calls, 1);
    assert_int_equal(stats.methods.at[3].calls, 2);
    assert_int_equal(stats.methods.at[3].failures, 0);
}

/* An actor that each host has for itself is asked for by the host's name as well. */
static void a_host_is_asked_by_name(void **state)
{
    struct set *set = *state;
    struct test_actor *sandbox = calloc(1, sizeof *sandbox);
    struct infer_request request = {.action = test_action(set->arena, "echo")};
    struct infer_reply reply;
    struct ping_reply pong;
    struct fault fault = {0};
    char service[SERVICE_OF_NODE_SIZE];
    const char *node = set->bus.settings.isekai_node;

    assert_non_null(sandbox);
    test_actor_begin(sandbox, "sandbox", &set->bus.settings, 1);
    test_actor_await_started(sandbox);
    service_of_node("sandbox", node, LANE_WORK, service);
    assert_true(ask(set, &method_planner_infer, service, &request, &reply));
    service_of_node("sandbox", node, LANE_QUICK, service);
    assert_true(ask(set, &method_isekai_ping, service, &nothing, &pong));
    assert_true(text_is(pong.node, node));
    test_actor_drain(sandbox);
    test_actor_join(sandbox);
    free(sandbox);
    const struct actor nameless = {.name = "store", .is_of_node = true,
                                   .methods = set->store.actor.methods, .method_count = 1};
    static const char *const refused[] = {"", "long", "work", "quick", "a.b", "a b"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct bus_settings bus = set->bus.settings;
        bus.isekai_node = refused[i];
        assert_false(actor_run(&nameless, &bus, &fault));
        assert_int_equal(fault.kind, FAULT_malformed);
    }
}

/* More than the loop reads itself is refused there, not handed to a thread that may not answer it. */
static void a_large_built_in_is_refused(void **state)
{
    struct set *set = *state;
    const struct ask ask = test_ask(&method_isekai_ping, "store.work", SOON_MS);
    static char octets[8 + 65535 + 1] = "\x81\xa3" "pad\xda\xff\xff";
    struct text reply;

    assert_false(bus_client_ask_packed(set->client, &ask, (struct text){octets, 8 + 65535},
                                       &reply, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_too_large);
}

/* A call that holds a work thread until the gate opens. */
struct waiter { struct set *set; pthread_t thread; bool answered; struct fault fault; };

static void *ask_wait(void *waiter_)
{
    struct waiter *waiter = waiter_;
    struct bus_client *client = bus_client_new(&waiter->set->bus.settings, &waiter->fault);
    struct arena *arena = arena_new(65536);
    struct infer_reply reply;

    waiter->answered = client && test_infer(client, "wait", SOON_MS, arena, &reply,
                                            &waiter->fault);
    arena_free(arena);
    bus_client_free(client);
    return NULL;
}

static void begin_waiting(struct set *set, struct waiter *waiter)
{
    *waiter = (struct waiter){.set = set};
    assert_int_equal(pthread_create(&waiter->thread, NULL, ask_wait, waiter), 0);
}

static void end_waiting(struct waiter *waiter)
{
    assert_int_equal(pthread_join(waiter->thread, NULL), 0);
}

static void built_ins_answer_with_all_workers_stuck(void **state)
{
    struct set *set = *state;
    struct ping_reply ping;
    struct info_reply info;
    struct stats_reply stats;
    struct waiter waiters[2];

    /* The only work thread is held; a second request waits behind it. */
    for (int i = 0; i < 2; i++)
        begin_waiting(set, &waiters[i]);
    test_await(&set->store.entered);
    const char *names[] = {"store", "store.work", "store.long", set->store.instance};
    for (size_t i = 0; i < 4; i++) {
        assert_true(ask(set, &method_isekai_ping, names[i], &nothing, &ping));
        assert_true(ping.ok);
        assert_true(text_is(ping.actor, "store"));
    }
    assert_true(ask(set, &method_isekai_info, "store.work", &nothing, &info));
    assert_int_equal(info.methods.count, 6);
    assert_true(text_is(info.version, ISEKAI_VERSION));
    assert_true(ask(set, &method_isekai_stats, "store.work", &nothing, &stats));
    assert_int_equal(stats.lanes.at[1].working, 1);
    for (int i = 0; i < 2; i++)
        sem_post(&set->store.gate);
    for (int i = 0; i < 2; i++) {
        end_waiting(&waiters[i]);
        assert_true(waiters[i].answered);
    }
}

static void unknown_methods_are_refused(void **state)
{
    struct set *set = *state;
    struct nothing done;
    struct app_ref ref = {.app_id = TEXT_OF("a")};
    struct app app;

    (void)done;
    assert_false(ask(set, &method_store_get, "store", &ref, &app));
    assert_int_equal(set->fault.kind, FAULT_no_such_method);
    assert_string_equal(set->fault.reason, "store has no method 'store.get'");
}

static void every_violation_is_listed(void **state)
{
    struct set *set = *state;
    /* {"limit": 1000, "fields": "none", "x": 1} */
    static const char packed[] = "\x83\xa5limit\xcd\x03\xe8\xa6" "fields\xa4none\xa1x\x01";
    struct ask ask = test_ask(&method_store_list, "store", SOON_MS);
    struct text reply;

    assert_false(bus_client_ask_packed(set->client, &ask, (struct text){packed, sizeof packed - 1},
                                       &reply, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_malformed);
    const struct failure *failure = bus_client_failure(set->client, set->arena);
    assert_non_null(failure);
    assert_int_equal(failure->details.count, 3);
    assert_true(text_is(failure->details.at[0].path, "limit"));
    assert_true(text_is(failure->details.at[0].msg, "Limit must be between 1 and 100"));
    assert_true(text_is(failure->details.at[1].path, "fields"));
    assert_true(text_is(failure->details.at[2].path, "x"));
}

/* For a principal the gateway has checked already: a key of a newer release passes. */
static void a_principals_request_may_hold_unknown_keys(void **state)
{
    struct set *set = *state;
    static const char packed[] = "\x82\xa5limit\x05\xa1x\x01";
    struct principal ada = {.user = TEXT_OF("ada"), .role = TEXT_OF("user")};
    struct ask ask = test_ask(&method_store_list, "store", SOON_MS);
    struct text request = {packed, sizeof packed - 1}, reply;

    ask.principal = &ada;
    assert_true(bus_client_ask_packed(set->client, &ask, request, &reply, &set->fault));
    ask.principal = NULL;
    assert_false(bus_client_ask_packed(set->client, &ask, request, &reply, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_malformed);
}

static void failures_bring_details_and_log(void **state)
{
    struct set *set = *state;
    struct infer_reply reply;

    assert_false(test_infer(set->client, "fail", SOON_MS, set->arena, &reply, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_start_failed);
    assert_string_equal(set->fault.reason, "it fell over");
    assert_int_equal(set->fault.retry_ms, 1234);
    const struct failure *failure = bus_client_failure(set->client, set->arena);
    assert_non_null(failure);
    assert_int_equal(failure->details.count, 1);
    assert_true(text_is(failure->log.at[0].line, "boom"));
}

struct heard { int count; char steps[128]; };

static void hear(void *self, const struct progress *progress)
{
    struct heard *heard = self;
    size_t used = strlen(heard->steps);

    heard->count++;
    snprintf(heard->steps + used, sizeof heard->steps - used, "%.*s(%.*s) ",
             TEXT_ARGS(progress->step), TEXT_ARGS(progress->message));
}

static void progress_reaches_the_client(void **state)
{
    struct set *set = *state;
    struct heard heard = {0};
    struct ask ask = test_ask(&method_apps_delete, "store.long", SOON_MS);
    struct app_ref ref = {.app_id = TEXT_OF("a")};
    struct nothing done;

    ask.progress = hear;
    ask.progress_self = &heard;
    assert_true(bus_client_ask(set->client, &ask, &ref, set->arena, &done, &set->fault));
    assert_int_equal(heard.count, 2);
    assert_string_equal(heard.steps, "stopping() removing(all of it) ");
}

static void an_actor_asks_another(void **state)
{
    struct set *set = *state;
    struct test_actor *audit = calloc(1, sizeof *audit);
    struct principal ada = {.user = TEXT_OF("ada"), .role = TEXT_OF("admin")};
    struct infer_request request = {.action = test_action(set->arena, "ask")};
    struct infer_reply reply;
    struct ask ask = test_ask(&method_planner_infer, "store.work", SOON_MS);

    assert_non_null(audit);
    test_actor_begin(audit, "audit", &set->bus.settings, 1);
    test_actor_await_started(audit);
    ask.principal = &ada;
    assert_true(bus_client_ask(set->client, &ask, &request, set->arena, &reply, &set->fault));
    assert_true(reply.confidence > 0.41 && reply.confidence < 0.43);    /* it was ada who asked */

    ada.role = TEXT_OF("user");     /* audit.list is for admins: its refusal comes through */
    assert_false(bus_client_ask(set->client, &ask, &request, set->arena, &reply, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_forbidden);
    test_actor_drain(audit);
    test_actor_join(audit);
    free(audit);
}

static void ticks_go_on(void **state)
{
    struct set *set = *state;

    for (int i = 0; i < 3; i++)
        test_await(&set->store.ticked);
}

static void calls_work_again_after_the_broker_died(void **state)
{
    struct set *set = *state;
    struct infer_reply reply;
    struct fault fault = {0};

    for (int i = 0; i < 2; i++) {
        assert_true(test_infer(set->client, "echo", SOON_MS, set->arena, &reply, &fault));
        test_bus_kill_broker(&set->bus);
        int64_t before_ms = clock_now_ms();
        assert_false(test_infer(set->client, "echo", SOON_MS, set->arena, &reply, &fault));
        assert_int_equal(fault.kind, FAULT_unavailable);
        assert_true(clock_now_ms() - before_ms < 3000);
        test_bus_start_broker(&set->bus);
        int64_t until_ms = clock_now_ms() + SOON_MS;
        bool answered = false;
        while (!answered && clock_now_ms() < until_ms)      /* each try waits for a broker */
            answered = test_infer(set->client, "echo", SOON_MS, set->arena, &reply, &fault);
        assert_true(answered);
    }
}

/* What was under way when the broker died is over; its answer goes to nobody. */
static void an_answer_for_a_dead_broker_is_dropped(void **state)
{
    struct set *set = *state;
    struct infer_reply reply;
    struct fault fault = {0};
    struct waiter waiter;

    begin_waiting(set, &waiter);
    test_await(&set->store.entered);
    test_bus_kill_broker(&set->bus);
    end_waiting(&waiter);
    assert_int_equal(waiter.fault.kind, FAULT_unavailable);
    test_bus_start_broker(&set->bus);
    int64_t until_ms = clock_now_ms() + SOON_MS;
    struct ping_reply ping;
    while (!ask(set, &method_isekai_ping, "store.work", &nothing, &ping))
        assert_true(clock_now_ms() < until_ms);
    sem_post(&set->store.gate);
    for (int i = 0; i < 10; i++)
        assert_true(test_infer(set->client, "echo", SOON_MS, set->arena, &reply, &fault));
}

static void a_drain_ends_what_is_under_way(void **state)
{
    struct set *set = *state;
    struct waiter waiter;
    struct infer_reply reply;
    struct ping_reply ping;

    begin_waiting(set, &waiter);
    test_await(&set->store.entered);
    test_actor_drain(&set->store);
    /* It leaves, whatever it still works on: soon nobody takes what comes. */
    int64_t until_ms = clock_now_ms() + 3000;
    struct ask late;
    do {
        assert_true(clock_now_ms() < until_ms);
        late = test_ask(&method_isekai_ping, "store.work", 200);
    } while (bus_client_ask(set->client, &late, &nothing, set->arena, &ping, &set->fault));
    assert_false(test_infer(set->client, "echo", 50, set->arena, &reply, &set->fault));
    sem_post(&set->store.gate);
    end_waiting(&waiter);
    if (!waiter.answered)
        fail_msg("%s: %s", fault_name(waiter.fault.kind), waiter.fault.reason);
    set->is_drained = true;
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
        CASE(answers_arrive),
        CASE(a_lane_is_the_methods_own),
        CASE(a_host_is_asked_by_name),
        CASE(a_large_built_in_is_refused),
        CASE(built_ins_answer_with_all_workers_stuck),
        CASE(unknown_methods_are_refused),
        CASE(every_violation_is_listed),
        CASE(a_principals_request_may_hold_unknown_keys),
        CASE(failures_bring_details_and_log),
        CASE(progress_reaches_the_client),
        CASE(an_actor_asks_another),
        CASE(ticks_go_on),
        CASE(calls_work_again_after_the_broker_died),
        CASE(an_answer_for_a_dead_broker_is_dropped),
        CASE(a_drain_ends_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
