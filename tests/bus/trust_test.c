/* trust_test - what an actor lets pass, judged by its answers to requests written by hand.
 *
 * Method: the test plays the broker, so it can name callers that a real broker never writes, send
 * what is late, broken or too much, and read the frames that the actor sends.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bus/clock.h"
#include "tests/bus/fake_broker.h"
#include "tests/bus/test_actor.h"

#define EMPTY {"", 0}

/* The real clock, which a test may set forward. */
static _Atomic int64_t offset_us;

static int64_t shifted_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000 + offset_us;
}

struct set {
    struct test_bus bus;
    struct fake_broker broker;
    struct test_actor actor;
    char peer[3][8];
    struct text peers[3];       /* store, store.work, store.long */
    struct arena *arena;
    bool is_stopped;            /* the test has sent SIGTERM itself */
};

/* Play on until the actor has registered everything. */
static void await_registration(struct set *set)
{
    static const char *const names[] = {"store", "store.work", "store.long"};

    for (int found = 0; found < 4; found++) {
        fake_await(&set->broker, "MDPW02", 1);
        struct text peer = fake_peer(&set->broker);
        fake_send(&set->broker, peer, "MDPW02", 5, NULL, 0);
        for (int i = 0; i < 3; i++) {
            if (!text_is(fake_frame(&set->broker, 0), names[i]))
                continue;
            memcpy(set->peer[i], peer.at, peer.size);
            set->peers[i] = (struct text){set->peer[i], peer.size};
        }
    }
}

static int set_up(void **state)
{
    struct set *set = calloc(1, sizeof *set);

    assert_non_null(set);
    test_bus_begin(&set->bus);
    fake_begin(&set->broker, set->bus.endpoint);
    test_actor_begin(&set->actor, "store", &set->bus.settings, 1);
    await_registration(set);
    test_actor_await_started(&set->actor);
    set->arena = arena_new(1048576);
    *state = set;
    return 0;
}

/* Send a request whose header and message are the given octets; header may be absent. */
static void request(struct set *set, int lane, struct text header, struct text message)
{
    const struct text frames[] = {TEXT_OF("client-1"), EMPTY, header, message};

    fake_send(&set->broker, set->peers[lane], "MDPW02", 2, frames, 4);
}

static struct text pack_header(struct set *set, const struct header *header)
{
    msgpack_sbuffer out;
    struct fault fault = {0};

    msgpack_sbuffer_init(&out);
    if (!message_encode(&header_message, header, &out, &fault))
        fail_msg("%s", fault.reason);
    struct text packed = {arena_copy(set->arena, out.data, out.size), out.size};
    msgpack_sbuffer_destroy(&out);
    return packed;
}

static struct text pack_request(struct set *set, const char *method, struct text params)
{
    msgpack_sbuffer out;

    msgpack_sbuffer_init(&out);
    assert_true(envelope_write_request(7, method, params, &out));
    struct text packed = {arena_copy(set->arena, out.data, out.size), out.size};
    msgpack_sbuffer_destroy(&out);
    return packed;
}

/* The outcome of the next FINAL: "ok" or the failure's name. */
static const char *outcome(struct set *set)
{
    struct envelope envelope;
    struct failure failure;
    struct fault fault = {0};

    fake_await(&set->broker, "MDPW02", 4);
    assert_true(text_is(fake_frame(&set->broker, 0), "client-1"));
    assert_int_equal(fake_frame(&set->broker, 1).size, 0);
    assert_true(envelope_read(fake_frame(&set->broker, 2), &envelope, &fault));
    assert_int_equal(envelope.kind, ENVELOPE_ANSWER);
    if (envelope.error.size == 0)
        return "ok";
    assert_true(message_decode(&failure_message, envelope.error, LENIENT, set->arena, &failure,
                               NULL, &fault));
    return arena_text(set->arena, failure.name).at;
}

static int tear_down(void **state)
{
    struct set *set = *state;

    if (!set->is_stopped)
        assert_int_equal(kill(getpid(), SIGTERM), 0);
    test_actor_join(&set->actor);
    fake_end(&set->broker);
    arena_free(set->arena);
    test_bus_end(&set->bus);
    free(set);
    return 0;
}

/* role "": no caller at all. principal NULL: none. */
static const struct {
    const char *label, *method, *role;
    bool act_for;
    const char *principal;
    const char *outcome;
} rows[] = {
    {"internal, nobody",             "store.probe", "", false, NULL, "forbidden"},
    {"internal, a user",             "store.probe", "user", false, NULL, "forbidden"},
    {"internal, an admin",           "store.probe", "admin", false, NULL, "ok"},
    {"internal, an actor",           "store.probe", "internal", true, NULL, "ok"},
    {"internal, for a user",         "store.probe", "internal", true, "user", "ok"},
    {"admin, a user",                "audit.checkpoint", "user", false, NULL, "forbidden"},
    {"admin, an actor for nobody",   "audit.checkpoint", "internal", true, NULL, "forbidden"},
    {"admin, an admin",              "audit.checkpoint", "admin", false, NULL, "ok"},
    {"admin, for a user",            "audit.checkpoint", "admin", true, "user", "forbidden"},
    {"admin, for an admin",          "audit.checkpoint", "internal", true, "admin", "ok"},
    {"user, a reader",               "store.list", "reader", false, NULL, "ok"},
    {"user, nobody",                 "store.list", "", false, NULL, "unauthenticated"},
    {"user, for a user",             "store.list", "internal", true, "user", "ok"},
    {"a principal without act_for",  "store.list", "user", false, "admin", "forbidden"},
    {"an admin's without act_for",   "store.list", "admin", false, "user", "forbidden"},
    {"ping, nobody",                 "isekai.ping", "", false, NULL, "ok"},
    {"stats, a user",                "isekai.stats", "user", false, NULL, "forbidden"},
    {"drain, a user",                "isekai.drain", "user", false, NULL, "forbidden"},
    {"drain, for a user",            "isekai.drain", "admin", true, "user", "forbidden"},
};

static void scopes_hold(void **state)
{
    struct set *set = *state;
    struct text act_for = TEXT_OF("act_for");

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct caller caller = {.name = TEXT_OF("c"), .role = text_from(rows[i].role),
                                .via = TEXT_OF("ipc")};
        struct principal principal = {.user = TEXT_OF("p")};
        struct header header = {.time_left_ms = SOON_MS};
        if (rows[i].act_for)
            caller.scopes = (struct texts){&act_for, 1};
        if (rows[i].role[0])
            header.caller = &caller;
        if (rows[i].principal) {
            principal.role = text_from(rows[i].principal);
            header.principal = &principal;
        }
        request(set, 0, pack_header(set, &header),
                pack_request(set, rows[i].method, TEXT_OF("\x80")));
        const char *got = outcome(set);
        if (strcmp(got, rows[i].outcome) != 0)
            fail_msg("%s: %s, not %s", rows[i].label, got, rows[i].outcome);
    }
}

static void broken_requests_are_refused(void **state)
{
    struct set *set = *state;
    struct text absent = {NULL, 0}, big = {NULL, 5000};
    struct text ping = pack_request(set, "isekai.ping", TEXT_OF("\x80"));

    request(set, 0, absent, TEXT_OF("\xc1"));
    assert_string_equal(outcome(set), "broken_msgpack");
    request(set, 0, absent, TEXT_OF("\xdd\xff\xff\xff\xff\xc0"));
    assert_string_equal(outcome(set), "broken_msgpack");
    request(set, 0, absent, TEXT_OF(""));
    assert_string_equal(outcome(set), "broken_msgpack");
    request(set, 0, absent, TEXT_OF("\x93\x02\xa8progress\x92\x07\x80"));
    assert_string_equal(outcome(set), "broken_msgpack");
    request(set, 0, TEXT_OF("\x81\xa7" "retry\xc0"), ping);
    assert_string_equal(outcome(set), "malformed");
    request(set, 0, TEXT_OF("\x07"), ping);
    assert_string_equal(outcome(set), "malformed");
    big.at = arena_take(set->arena, big.size);
    request(set, 0, big, ping);
    assert_string_equal(outcome(set), "too_large");
    const struct text three[] = {TEXT_OF("client-1"), EMPTY, TEXT_OF("\x80"), TEXT_OF("\x80"),
                                 ping};
    fake_send(&set->broker, set->peers[0], "MDPW02", 2, three, 5);
    assert_string_equal(outcome(set), "broken_msgpack");
    request(set, 0, absent, pack_request(set, "isekai.nonsense", TEXT_OF("\x80")));
    assert_string_equal(outcome(set), "no_such_method");
    request(set, 0, absent, ping);      /* and it lives */
    assert_string_equal(outcome(set), "ok");
}

/* A broker that sends more than the credit is answered, not obeyed. */
static void credit_is_a_bound(void **state)
{
    struct set *set = *state;
    struct header header = {.time_left_ms = 60000,
                            .caller = &(struct caller){.name = TEXT_OF("c"),
                                                       .role = TEXT_OF("user"),
                                                       .via = TEXT_OF("ipc")}};
    struct text packed = pack_header(set, &header);
    struct text wait = pack_request(set, "planner.infer", TEXT_OF("\x81\xa6" "action\xa4wait"));
    const int credit = 1 + 16;

    for (int i = 0; i < credit + 3; i++)
        request(set, 1, packed, wait);
    for (int i = 0; i < 3; i++)
        assert_string_equal(outcome(set), "overloaded");
    for (int i = 0; i < credit; i++)
        sem_post(&set->actor.gate);
    for (int i = 0; i < credit; i++)
        assert_string_equal(outcome(set), "ok");
}

static void an_expired_request_is_not_run(void **state)
{
    struct set *set = *state;
    struct header header = {.time_left_ms = 4000,
                            .caller = &(struct caller){.name = TEXT_OF("c"),
                                                       .role = TEXT_OF("admin"),
                                                       .via = TEXT_OF("ipc")}};
    struct header patient = header;
    struct text wait = TEXT_OF("\x81\xa6" "action\xa4wait");

    patient.time_left_ms = 60000;
    request(set, 1, pack_header(set, &patient), pack_request(set, "planner.infer", wait));
    test_await(&set->actor.entered);
    request(set, 1, pack_header(set, &header), pack_request(set, "planner.infer", wait));
    request(set, 1, (struct text){NULL, 0}, pack_request(set, "isekai.ping", TEXT_OF("\x80")));
    assert_string_equal(outcome(set), "ok");    /* so the one before has arrived */
    /* Let its time run out: with the clock, not by waiting. */
    offset_us += 5000000;
    sem_post(&set->actor.gate);
    assert_string_equal(outcome(set), "ok");
    assert_string_equal(outcome(set), "timed_out");
    assert_int_not_equal(sem_trywait(&set->actor.entered), 0);
}

/* What an actor asks carries on whose behalf, under which id, and how long there is. */
static void a_nested_request_carries_its_origin(void **state)
{
    struct set *set = *state;
    struct text act_for = TEXT_OF("act_for");
    const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    struct header said, header = {
        .request_id = TEXT_OF("r-77"), .time_left_ms = 4000, .traceparent = TEXT_OF(trace),
        .idempotency_key = TEXT_OF("outer"),
        .caller = &(struct caller){.name = TEXT_OF("gateway"), .role = TEXT_OF("internal"),
                                   .scopes = {&act_for, 1}, .via = TEXT_OF("ipc")},
        .principal = &(struct principal){.user = TEXT_OF("ada"), .role = TEXT_OF("admin")},
    };
    struct fault fault = {0};
    struct envelope envelope;

    request(set, 1, pack_header(set, &header),
            pack_request(set, "planner.infer", TEXT_OF("\x81\xa6" "action\xa3" "ask")));
    fake_await(&set->broker, "MDPC02", 1);
    assert_true(text_is(fake_frame(&set->broker, 0), "audit"));
    assert_true(header_read(fake_frame(&set->broker, 1), set->arena, &said, &fault));
    assert_true(text_is(said.request_id, "r-77"));
    assert_true(text_is(said.traceparent, trace));
    assert_null(said.idempotency_key.at);
    assert_null(said.caller);
    assert_true(said.retry);
    assert_non_null(said.principal);
    assert_true(text_is(said.principal->user, "ada"));
    assert_in_range(said.time_left_ms, 1, 4000);
    assert_true(envelope_read(fake_frame(&set->broker, 2), &envelope, &fault));
    assert_true(text_is(envelope.method, "audit.list"));

    msgpack_sbuffer out;
    msgpack_sbuffer_init(&out);
    fault_set(&fault, FAULT_overloaded, "full");
    assert_true(envelope_write_fault(envelope.msgid, &fault, &out));
    const struct text refusal[] = {TEXT_OF("audit"), {out.data, out.size}};
    fake_send(&set->broker, fake_peer(&set->broker), "MDPC02", 3, refusal, 2);
    msgpack_sbuffer_destroy(&out);
    assert_string_equal(outcome(set), "overloaded");
}

/* SIGTERM: a call that waits for another actor is told to give up before the time is over. */
static void a_drain_ends_waiting_for_others(void **state)
{
    struct set *set = *state;
    struct header header = {.time_left_ms = 60000,
                            .caller = &(struct caller){.name = TEXT_OF("c"),
                                                       .role = TEXT_OF("user"),
                                                       .via = TEXT_OF("ipc")}};

    request(set, 1, pack_header(set, &header),
            pack_request(set, "planner.infer", TEXT_OF("\x81\xa6" "action\xa3" "ask")));
    fake_await(&set->broker, "MDPC02", 1);
    set->is_stopped = true;
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_string_equal(outcome(set), "interrupted");
}

/* Sent away, it comes again by itself, as somebody new. */
static void a_worker_sent_away_registers_anew(void **state)
{
    struct set *set = *state;
    char peer[8];
    size_t size;

    fake_send(&set->broker, set->peers[0], "MDPW02", 6, NULL, 0);
    fake_await_ready(&set->broker, "store", peer, &size);
    struct text old = set->peers[0];
    assert_false(text_equals((struct text){peer, size}, old));
    memcpy(set->peer[0], peer, size);
    set->peers[0].size = size;
    request(set, 0, (struct text){NULL, 0}, pack_request(set, "isekai.ping", TEXT_OF("\x80")));
    assert_string_equal(outcome(set), "ok");
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
    clock_set_source_for_test(shifted_now_us);
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(scopes_hold),
        CASE(broken_requests_are_refused),
        CASE(credit_is_a_bound),
        CASE(an_expired_request_is_not_run),
        CASE(a_nested_request_carries_its_origin),
        CASE(a_worker_sent_away_registers_anew),
        CASE(a_drain_ends_waiting_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
