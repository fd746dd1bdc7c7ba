/* pipe_test - many threads on one pipe: every answer finds its caller, nobody waits for ever.
 *
 * Method: each call asks for a number of its own and compares; what must not happen in order is
 * played by a fake broker. Under TSan this is the test of the slots and of the lanes' queues.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "bus/clock.h"
#include "bus/pipe_lane.h"
#include "tests/bus/fake_broker.h"
#include "tests/bus/test_actor.h"

#ifdef __SANITIZE_THREAD__
enum { THREADS = 16, CALLS = 150 };     /* each is a hundred times as slow */
#else
enum { THREADS = 16, CALLS = 1250 };
#endif

struct set {
    struct test_bus bus;
    struct fake_broker fake;
    struct pipe *pipe;
    struct fault fault;
};

static int set_up(void **state)
{
    struct set *set = calloc(1, sizeof *set);

    assert_non_null(set);
    test_bus_begin(&set->bus);
    set->pipe = pipe_new(&set->bus.settings, &set->fault);
    assert_non_null(set->pipe);
    *state = set;
    return 0;
}

static int tear_down(void **state)
{
    struct set *set = *state;

    pipe_free(set->pipe);
    test_bus_end(&set->bus);
    free(set);
    return 0;
}

/* Ask store.list for `limit` (1..100); its total is the same number. */
static bool ask_list(struct pipe *pipe, unsigned limit, uint32_t within_ms, uint64_t *total,
                     struct fault *fault)
{
    char packed[] = "\x81\xa5limit?";
    struct ask ask = test_ask(&method_store_list, "store", within_ms);
    struct arena *arena = arena_new(65536);
    struct pipe_reply reply;
    struct list_reply page = {.total = 0};

    packed[sizeof packed - 2] = (char)limit;
    bool answered = pipe_ask(pipe, &ask, (struct text){packed, sizeof packed - 1}, &reply, fault) &&
                    message_decode(&list_reply_message, reply.result, LENIENT, arena, &page, NULL,
                                   fault);
    *total = page.total;
    pipe_reply_free(&reply);
    arena_free(arena);
    return answered;
}

struct caller_thread { struct set *set; unsigned wrong, failed; struct fault fault; };

static void *call_often(void *self_)
{
    struct caller_thread *self = self_;
    uint64_t total;

    for (unsigned i = 0; i < CALLS; i++) {
        unsigned limit = i % 100 + 1;
        if (!ask_list(self->set->pipe, limit, SOON_MS, &total, &self->fault))
            self->failed++;
        else if (total != limit)
            self->wrong++;
    }
    return NULL;
}

static void every_answer_finds_its_caller(void **state)
{
    struct set *set = *state;
    struct test_actor *store = calloc(1, sizeof *store);
    struct caller_thread callers[THREADS] = {0};
    pthread_t threads[THREADS];

    test_bus_start_broker(&set->bus);
    test_actor_begin(store, "store", &set->bus.settings, 1);
    test_actor_await_started(store);
    int64_t before_us = clock_now_us();
    for (int i = 0; i < THREADS; i++) {
        callers[i].set = set;
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        if (callers[i].failed > 0)
            fail_msg("%u failed: %s: %s", callers[i].failed, fault_name(callers[i].fault.kind),
                     callers[i].fault.reason);
        assert_int_equal(callers[i].wrong, 0);
    }
    double seconds = (double)(clock_now_us() - before_us) / 1e6;
    print_message("%d calls by %d threads: %.0f calls/s\n", THREADS * CALLS, THREADS,
                  THREADS * CALLS / seconds);
    test_actor_drain(store);
    test_actor_join(store);
    free(store);
}

static void without_a_broker_it_fails_soon(void **state)
{
    struct set *set = *state;
    int64_t before_ms = clock_now_ms();
    uint64_t total;

    assert_false(ask_list(set->pipe, 1, SOON_MS, &total, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_unavailable);
    assert_in_range(clock_now_ms() - before_ms, 0, 4000);
    assert_false(ask_list(set->pipe, 1, 100, &total, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_timed_out);
    assert_false(ask_list(set->pipe, 1, 0, &total, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_timed_out);
}

static void too_many_or_too_large_is_refused(void **state)
{
    struct set *set = *state;
    struct ask ask = test_ask(&method_store_list, NULL, SOON_MS);
    struct text large = {calloc(1, 16777216), 16777216};
    struct pipe_reply reply;
    uint64_t total;

    assert_non_null(large.at);
    assert_false(pipe_ask(set->pipe, &ask, large, &reply, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_too_large);
    free((char *)large.at);
    set->pipe->free_count = 0;          /* as if each slot were taken */
    assert_false(ask_list(set->pipe, 1, SOON_MS, &total, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_overloaded);
    set->pipe->free_count = PIPE_SLOTS;
}

/* ---- a broker played by hand ---- */

static uint32_t next_msgid(struct fake_broker *fake)
{
    struct envelope envelope;
    struct fault fault = {0};

    fake_await(fake, "MDPC02", 1);
    assert_true(envelope_read(fake_frame(fake, 2), &envelope, &fault));
    return envelope.msgid;
}

static void answer(struct fake_broker *fake, char command, msgpack_sbuffer *out)
{
    const struct text frames[] = {TEXT_OF("store"), {out->data, out->size}};

    fake_send(fake, fake_peer(fake), "MDPC02", command, frames, 2);
    msgpack_sbuffer_destroy(out);
}

static void answer_list(struct fake_broker *fake, uint32_t msgid, char total)
{
    char result[] = "\x82\xa4" "apps\x90\xa5total?";
    msgpack_sbuffer out;

    result[sizeof result - 2] = total;
    msgpack_sbuffer_init(&out);
    assert_true(envelope_write_result(msgid, (struct text){result, sizeof result - 1}, &out));
    answer(fake, 3, &out);
}

static void *play_late(void *fake_)
{
    struct fake_broker *fake = fake_;
    uint32_t first = next_msgid(fake);
    uint32_t second = next_msgid(fake);

    assert_int_not_equal(first, second);
    answer_list(fake, first, 1);                        /* its caller gave up */
    answer_list(fake, second + PIPE_SLOTS, 1);          /* the slot's next generation */
    answer_list(fake, UINT32_MAX, 1);
    answer_list(fake, second, 2);
    return NULL;
}

static void late_answers_are_dropped(void **state)
{
    struct set *set = *state;
    pthread_t thread;
    uint64_t total;

    fake_begin(&set->fake, set->bus.endpoint);
    assert_int_equal(pthread_create(&thread, NULL, play_late, &set->fake), 0);
    assert_false(ask_list(set->pipe, 1, 1200, &total, &set->fault));
    assert_int_equal(set->fault.kind, FAULT_timed_out);
    /* The same slot again, as the only one left, in its next generation. */
    set->pipe->free_first = (set->pipe->free_first + PIPE_SLOTS - 1) % PIPE_SLOTS;
    assert_true(ask_list(set->pipe, 1, SOON_MS, &total, &set->fault));
    assert_int_equal(total, 2);
    assert_int_equal(pthread_join(thread, NULL), 0);
    fake_end(&set->fake);
}

static void *play_progress_then_refuse(void *fake_)
{
    static const struct violation detail = {
        .path = {"x", 1}, .location = {"body", 4}, .msg = {"no", 2},
    };
    struct fake_broker *fake = fake_;
    struct progress progress = {.step = TEXT_OF("half")};
    struct failure failure = {.name = TEXT_OF("start_failed"), .reason = TEXT_OF("why"),
                              .retry_ms = 5};
    uint32_t msgid = next_msgid(fake);
    msgpack_sbuffer out;

    msgpack_sbuffer_init(&out);
    assert_true(envelope_write_progress(msgid, &progress, &out));
    answer(fake, 2, &out);
    next_msgid(fake);           /* the test has heard it */
    failure.details.at = &detail;
    failure.details.count = 1;
    msgpack_sbuffer_init(&out);
    assert_true(envelope_write_failure(msgid, &failure, &out));
    answer(fake, 3, &out);
    return NULL;
}

/* Heard on the thread that waits: it asks once more, so that the broker knows. */
static void hear(void *set_, const struct progress *progress)
{
    struct set *set = set_;
    struct fault ignored;
    uint64_t total;

    assert_true(text_is(progress->step, "half"));
    ask_list(set->pipe, 1, 50, &total, &ignored);
}

static void progress_and_failures_arrive(void **state)
{
    struct set *set = *state;
    struct ask ask = test_ask(&method_apps_delete, NULL, SOON_MS);
    struct arena *arena = arena_new(65536);
    struct failure failure;
    struct pipe_reply reply;
    pthread_t thread;

    fake_begin(&set->fake, set->bus.endpoint);
    assert_int_equal(pthread_create(&thread, NULL, play_progress_then_refuse, &set->fake), 0);
    ask.progress = hear;
    ask.progress_self = set;
    assert_false(pipe_ask(set->pipe, &ask, TEXT_OF("\x81\xa5" "appId\xa1" "a"), &reply,
                          &set->fault));
    assert_int_equal(set->fault.kind, FAULT_start_failed);
    assert_string_equal(set->fault.reason, "why");
    assert_int_equal(set->fault.retry_ms, 5);
    assert_true(message_decode(&failure_message, reply.failure, LENIENT, arena, &failure, NULL,
                               &set->fault));
    assert_int_equal(failure.details.count, 1);
    pipe_reply_free(&reply);
    assert_null(reply.failure.at);
    pipe_reply_free(&reply);
    assert_int_equal(pthread_join(thread, NULL), 0);
    fake_end(&set->fake);
    arena_free(arena);
}

/* ---- deaths ---- */

struct waiter { struct set *set; bool answered; struct fault fault; };

static void *ask_and_wait(void *waiter_)
{
    struct waiter *waiter = waiter_;
    uint64_t total;

    waiter->answered = ask_list(waiter->set->pipe, 1, SOON_MS, &total, &waiter->fault);
    return NULL;
}

static void a_broken_connection_ends_every_wait(void **state)
{
    struct set *set = *state;
    struct waiter waiters[3] = {{.set = set}, {.set = set}, {.set = set}};
    pthread_t threads[3];
    uint64_t total;

    fake_begin(&set->fake, set->bus.endpoint);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_and_wait, &waiters[i]), 0);
    for (int i = 0; i < 3; i++)
        next_msgid(&set->fake);
    int64_t before_ms = clock_now_ms();
    fake_end(&set->fake);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(waiters[i].answered);
        assert_int_equal(waiters[i].fault.kind, FAULT_unavailable);
    }
    assert_in_range(clock_now_ms() - before_ms, 0, 3000);

    /* A broker that comes back is found again. */
    struct test_actor *store = calloc(1, sizeof *store);
    test_bus_start_broker(&set->bus);
    test_actor_begin(store, "store", &set->bus.settings, 1);
    test_actor_await_started(store);
    int64_t until_ms = clock_now_ms() + SOON_MS;
    while (!ask_list(set->pipe, 8, SOON_MS, &total, &set->fault))
        assert_true(clock_now_ms() < until_ms);
    assert_int_equal(total, 8);
    test_actor_drain(store);
    test_actor_join(store);
    free(store);
}

static void freeing_refuses_who_waits(void **state)
{
    struct set *set = *state;
    struct waiter waiter = {.set = set};
    pthread_t thread;

    fake_begin(&set->fake, set->bus.endpoint);
    assert_int_equal(pthread_create(&thread, NULL, ask_and_wait, &waiter), 0);
    next_msgid(&set->fake);
    pipe_free(set->pipe);
    set->pipe = NULL;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(waiter.answered);
    assert_int_equal(waiter.fault.kind, FAULT_unavailable);
    fake_end(&set->fake);
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
        CASE(without_a_broker_it_fails_soon),
        CASE(too_many_or_too_large_is_refused),
        CASE(late_answers_are_dropped),
        CASE(progress_and_failures_arrive),
        CASE(freeing_refuses_who_waits),
        CASE(a_broken_connection_ends_every_wait),
        CASE(every_answer_finds_its_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
