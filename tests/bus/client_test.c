/* client_test - asking and waiting: deadlines, late answers, brokers and actors that die.
 *
 * Method: a fake broker on a thread of its own where the order of messages matters, real processes
 * where somebody must die.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/built_in.h"
#include "bus/clock.h"
#include "tests/bus/fake_broker.h"
#include "tests/bus/test_actor.h"

static const struct nothing nothing;

struct set {
    struct test_bus bus;
    struct fake_broker fake;
    struct bus_client *client;
    struct arena *arena;
    struct fault fault;
};

static int set_up(void **state)
{
    struct set *set = calloc(1, sizeof *set);

    assert_non_null(set);
    test_bus_begin(&set->bus);
    set->client = bus_client_new(&set->bus.settings, &set->fault);
    set->arena = arena_new(1048576);
    assert_non_null(set->client);
    *state = set;
    return 0;
}

static int tear_down(void **state)
{
    struct set *set = *state;

    bus_client_free(set->client);
    arena_free(set->arena);
    test_bus_end(&set->bus);
    free(set);
    return 0;
}

static bool ask(struct set *set, const struct method *method, const char *service,
                uint32_t within_ms, const void *request, void *reply)
{
    struct ask ask = test_ask(method, service, within_ms);

    set->fault = (struct fault){0};
    return bus_client_ask(set->client, &ask, request, set->arena, reply, &set->fault);
}

static bool ask_list(struct set *set, uint64_t limit, uint32_t within_ms, uint64_t *total)
{
    struct list_request request = {.limit = limit};
    struct list_reply reply = {.total = 0};
    bool answered = ask(set, &method_store_list, NULL, within_ms, &request, &reply);

    *total = answered ? reply.total : 0;
    return answered;
}

/* ---- nobody there ---- */

static void without_a_broker_it_fails_soon(void **state)
{
    struct set *set = *state;
    uint64_t total;

    for (int i = 0; i < 2; i++) {
        int64_t before_ms = clock_now_ms();
        assert_false(ask_list(set, 1, SOON_MS, &total));
        assert_int_equal(set->fault.kind, FAULT_unavailable);
        assert_in_range(clock_now_ms() - before_ms, 0, 3000);
    }
}

static void a_deadline_that_is_over_is_not_asked(void **state)
{
    struct set *set = *state;
    uint64_t total;

    assert_false(ask_list(set, 1, 0, &total));
    assert_int_equal(set->fault.kind, FAULT_timed_out);
}

static void what_is_too_large_is_not_sent(void **state)
{
    struct set *set = *state;
    struct ask ask = test_ask(&method_store_list, NULL, SOON_MS);
    size_t size = set->bus.settings.bus_message_bytes_max;
    char *octets = calloc(1, size);
    struct text reply;

    assert_non_null(octets);
    assert_false(bus_client_ask_packed(set->client, &ask, (struct text){octets, size}, &reply,
                                       &set->fault));
    assert_int_equal(set->fault.kind, FAULT_too_large);
    assert_false(bus_client_ask_raw(set->client, "mmi.service", (struct text){octets, size},
                                    ask.deadline_ms, &reply, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_too_large);
    free(octets);
}

static void endpoints_are_checked(void **state)
{
    struct set *set = *state;
    static const char *const refused[] = {"tcp://127.0.0.1:5555", "", "ipc://", "inproc://x",
                                          "ipc:///tmp/a,tcp://b:1", "ipc:///tmp/a,,"};
    struct bus_settings settings = set->bus.settings;

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct fault fault = {0};
        settings.bus_endpoints = refused[i];
        assert_null(bus_client_new(&settings, &fault));
        assert_int_equal(fault.kind, FAULT_malformed);
        assert_memory_equal(fault.reason, "bus_endpoints: ", 15);
    }
}

/* ---- a broker played by hand, on its own thread ---- */

static struct text list_answer(uint32_t msgid, char total, msgpack_sbuffer *out)
{
    char result[] = "\x82\xa4" "apps\x90\xa5total?";

    result[sizeof result - 2] = total;
    msgpack_sbuffer_init(out);
    assert_true(envelope_write_result(msgid, (struct text){result, sizeof result - 1}, out));
    return (struct text){out->data, out->size};
}

static uint32_t next_msgid(struct fake_broker *fake)
{
    struct envelope envelope;
    struct fault fault = {0};

    fake_await(fake, "MDPC02", 1);
    assert_true(envelope_read(fake_frame(fake, 2), &envelope, &fault));
    return envelope.msgid;
}

static void answer_list(struct fake_broker *fake, char command, uint32_t msgid, char total)
{
    msgpack_sbuffer out;
    const struct text frames[] = {TEXT_OF("store"), list_answer(msgid, total, &out)};

    fake_send(fake, fake_peer(fake), "MDPC02", command, frames, 2);
    msgpack_sbuffer_destroy(&out);
}

static void *play_late(void *fake_)
{
    struct fake_broker *fake = fake_;
    uint32_t first = next_msgid(fake);
    uint32_t second = next_msgid(fake);     /* the client has given the first up */
    const struct text rubbish[] = {TEXT_OF("store"), TEXT_OF("\xc1")};

    answer_list(fake, 3, first, 1);
    fake_send(fake, fake_peer(fake), "MDPC02", 3, rubbish, 2);
    fake_send(fake, fake_peer(fake), "MDPX02", 3, rubbish, 2);
    answer_list(fake, 3, second + 1000, 1);
    answer_list(fake, 2, second, 1);        /* an answer in a PARTIAL is none */
    answer_list(fake, 3, second, 2);
    return NULL;
}

static void late_and_strange_answers_are_dropped(void **state)
{
    struct set *set = *state;
    pthread_t thread;
    uint64_t total;

    fake_begin(&set->fake, set->bus.endpoint);
    assert_int_equal(pthread_create(&thread, NULL, play_late, &set->fake), 0);
    assert_false(ask_list(set, 1, 1200, &total));
    assert_int_equal(set->fault.kind, FAULT_timed_out);
    assert_true(ask_list(set, 1, SOON_MS, &total));
    assert_int_equal(total, 2);
    assert_int_equal(pthread_join(thread, NULL), 0);
    fake_end(&set->fake);
}

static void *play_death(void *fake_)
{
    next_msgid(fake_);
    fake_end(fake_);
    return NULL;
}

static void a_broken_connection_ends_the_wait(void **state)
{
    struct set *set = *state;
    pthread_t thread;
    uint64_t total;
    int64_t before_ms = clock_now_ms();

    fake_begin(&set->fake, set->bus.endpoint);
    assert_int_equal(pthread_create(&thread, NULL, play_death, &set->fake), 0);
    assert_false(ask_list(set, 1, SOON_MS, &total));
    assert_int_equal(set->fault.kind, FAULT_unavailable);
    assert_in_range(clock_now_ms() - before_ms, 0, 3000);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *play_one_answer(void *fake_)
{
    answer_list(fake_, 3, next_msgid(fake_), 9);
    return NULL;
}

/* The first broker is not there: the second is asked. */
static void another_broker_takes_over(void **state)
{
    struct set *set = *state;
    char endpoints[256];
    pthread_t thread;
    uint64_t total;

    snprintf(endpoints, sizeof endpoints, "ipc://%s/nobody, %s", set->bus.directory,
             set->bus.endpoint);
    set->bus.settings.bus_endpoints = endpoints;
    bus_client_free(set->client);
    set->client = bus_client_new(&set->bus.settings, &set->fault);
    assert_non_null(set->client);
    fake_begin(&set->fake, set->bus.endpoint);
    assert_int_equal(pthread_create(&thread, NULL, play_one_answer, &set->fake), 0);
    assert_true(ask_list(set, 1, SOON_MS, &total));
    assert_int_equal(total, 9);
    assert_int_equal(pthread_join(thread, NULL), 0);
    fake_end(&set->fake);
}

/* ---- a real broker, real deaths ---- */

static void mmi_is_asked_raw(void **state)
{
    struct set *set = *state;
    struct ping_reply ping;
    struct text reply;

    test_bus_start_broker(&set->bus);
    pid_t actor = test_bus_spawn(&set->bus, "actor");
    assert_true(ask(set, &method_isekai_ping, "store", SOON_MS, &nothing, &ping));
    assert_true(bus_client_ask_raw(set->client, "mmi.service", TEXT_OF("store"),
                                   clock_now_ms() + SOON_MS, &reply, &set->fault));
    assert_true(text_is(reply, "200"));
    assert_true(bus_client_ask_raw(set->client, "mmi.service", TEXT_OF("nobody"),
                                   clock_now_ms() + SOON_MS, &reply, &set->fault));
    assert_true(text_is(reply, "404"));
    assert_true(bus_client_ask_raw(set->client, "mmi.nonsense", TEXT_OF("store"),
                                   clock_now_ms() + SOON_MS, &reply, &set->fault));
    assert_true(text_is(reply, "501"));
    assert_true(ask(set, &method_isekai_ping, "store", SOON_MS, &nothing, &ping));
    test_bus_kill(actor);
}

struct waiter {
    struct set *set;
    const struct method *method;
    const char *service;
    struct text request;
    bool answered;
    struct fault fault;
    int64_t ms;
};

static void *ask_and_wait(void *waiter_)
{
    struct waiter *waiter = waiter_;
    struct bus_client *client = bus_client_new(&waiter->set->bus.settings, &waiter->fault);
    struct ask ask = test_ask(waiter->method, waiter->service, 2 * SOON_MS);
    int64_t before_ms = clock_now_ms();
    struct text reply;

    waiter->answered = client && bus_client_ask_packed(client, &ask, waiter->request, &reply,
                                                       &waiter->fault);
    waiter->ms = clock_now_ms() - before_ms;
    bus_client_free(client);
    return NULL;
}

/* Start the actor, ask it on another thread, and kill it when it works on that. */
static pthread_t ask_and_kill(struct set *set, struct waiter *waiter, int lane)
{
    struct stats_reply stats;
    pthread_t thread;

    test_bus_start_broker(&set->bus);
    pid_t actor = test_bus_spawn(&set->bus, "actor");
    assert_int_equal(pthread_create(&thread, NULL, ask_and_wait, waiter), 0);
    int64_t until_ms = clock_now_ms() + SOON_MS;
    do {
        assert_true(clock_now_ms() < until_ms);
        assert_true(ask(set, &method_isekai_stats, "store", SOON_MS, &nothing, &stats));
    } while (stats.lanes.at[lane].working == 0);
    test_bus_kill(actor);
    return thread;
}

/* Nobody knows whether it was done: its caller is told so, at once. */
static void a_killed_actor_ends_the_wait(void **state)
{
    struct set *set = *state;
    struct waiter waiter = {.set = set, .method = &method_apps_delete, .service = "store.long",
                            .request = TEXT_OF("\x81\xa5" "appId\xa4wait")};

    pthread_t thread = ask_and_kill(set, &waiter, LANE_LONG);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(waiter.answered);
    assert_int_equal(waiter.fault.kind, FAULT_unavailable);
    assert_in_range(waiter.ms, 0, SOON_MS);
}

/* What may be done twice is sent again, to the next actor that comes. */
static void what_may_be_repeated_is_sent_again(void **state)
{
    struct set *set = *state;
    struct waiter waiter = {.set = set, .method = &method_planner_infer, .service = "store.work",
                            .request = TEXT_OF("\x81\xa6" "action\xa4wait")};

    pthread_t thread = ask_and_kill(set, &waiter, LANE_WORK);
    pid_t actor = test_bus_spawn(&set->bus, "open actor");
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (!waiter.answered)
        fail_msg("%s: %s", fault_name(waiter.fault.kind), waiter.fault.reason);
    test_bus_kill(actor);
}

static int await_exit(pid_t pid, int within_ms)
{
    int status = -1;
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};

    assert_true(ended.fd >= 0);
    int count = poll(&ended, 1, within_ms);
    close(ended.fd);
    if (count != 1)
        test_bus_kill(pid);
    else
        assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* A handler that never ends, whatever it is told, holds its process for five seconds, not longer. */
static void a_stuck_handler_cannot_hold_its_process(void **state)
{
    struct set *set = *state;
    struct infer_reply reply;

    test_bus_start_broker(&set->bus);
    pid_t actor = test_bus_spawn(&set->bus, "actor");
    assert_true(test_infer(set->client, "echo", SOON_MS, set->arena, &reply, &set->fault));
    assert_false(test_infer(set->client, "wait", 500, set->arena, &reply, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_timed_out);
    int64_t before_ms = clock_now_ms();
    assert_int_equal(kill(actor, SIGTERM), 0);
    int status = await_exit(actor, SOON_MS);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
    assert_in_range(clock_now_ms() - before_ms, 4000, 8000);
}

int test_role(const char *role, const struct bus_settings *bus)
{
    struct test_actor actor;

    test_actor_begin(&actor, "store", bus, 1);
    if (strcmp(role, "open actor") == 0)
        sem_post(&actor.gate);
    pthread_join(actor.thread, NULL);
    if (!actor.served)
        _exit(EXIT_FAILURE);                    /* as a role does: a handler may still run */
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    int role = test_bus_be_role(argc, argv);
    if (role >= 0)
        return role;
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(without_a_broker_it_fails_soon),
        CASE(a_deadline_that_is_over_is_not_asked),
        CASE(what_is_too_large_is_not_sent),
        CASE(endpoints_are_checked),
        CASE(late_and_strange_answers_are_dropped),
        CASE(a_broken_connection_ends_the_wait),
        CASE(another_broker_takes_over),
        CASE(mmi_is_asked_raw),
        CASE(a_killed_actor_ends_the_wait),
        CASE(what_may_be_repeated_is_sent_again),
        CASE(a_stuck_handler_cannot_hold_its_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
