/* outbox_test - no change without its record: what waits for the audit log gets there, whatever
 * fails on the way, and is the same when it comes twice.
 *
 * Method: the store's tick against an audit log of the test's own, which is away, forgets to answer
 * and remembers what it was told. store_bus_test has the same over a real broker.
 */
#include "tests/store/fixture.h"

#include <stdlib.h>

#include "bus/clock.h"

enum { SEEN_MAX = 1000 };

struct log {
    int refusals;               /* so many calls fail first */
    int lost_answers;           /* so many are recorded, and the answer never comes */
    int calls;
    size_t largest;             /* events in one call */
    char seen[SEEN_MAX][65];    /* in order, without the known ones */
    int count, repeated;
};

struct room { struct fixture fixture; struct call call; struct log log; };

static bool is_known(const struct log *log, struct text id)
{
    for (int i = 0; i < log->count; i++)
        if (text_is(id, log->seen[i]))
            return true;
    return false;
}

static bool answer(void *log_, const struct append_request *request, struct fault *fault)
{
    struct log *log = log_;

    log->calls++;
    if (log->refusals > 0) {
        log->refusals--;
        return fault_set(fault, FAULT_unavailable, "nobody is there");
    }
    log->largest = request->events.count > log->largest ? request->events.count : log->largest;
    for (uint32_t i = 0; i < request->events.count; i++) {
        if (is_known(log, request->events.at[i].event_id)) {
            log->repeated++;
            continue;
        }
        assert_true(log->count < SEEN_MAX);
        (void) text_to_string(request->events.at[i].event_id, log->seen[log->count++], 65);
    }
    if (log->lost_answers > 0) {
        log->lost_answers--;
        return fault_set(fault, FAULT_timed_out, "the answer is lost");
    }
    return true;
}

static int open_room(void **state)
{
    struct room *room = calloc(1, sizeof *room);

    fixture_make(&room->fixture);
    fixture_open(&room->fixture);
    room->call = call_begin(&room->fixture, "ann");
    room->call.audit = answer;
    room->call.audit_self = &room->log;
    *state = room;
    return 0;
}

static int close_room(void **state)
{
    struct room *room = *state;

    call_end(&room->call);
    fixture_remove(&room->fixture);
    free(room);
    return 0;
}

static int64_t waiting(struct room *room)
{
    return query_count(&room->fixture, "SELECT count(*) FROM outbox");
}

/* `count` operations, each finished with one event, "event-0" and so on. */
static void make_events(struct room *room, int first, int count, size_t octets)
{
    struct msgpack_sbuffer detail = {0};
    msgpack_packer packer;
    char *filler = calloc(1, octets + 1);

    memset(filler, 'f', octets);
    msgpack_packer_init(&packer, &detail, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 1);
    msgpack_pack_str(&packer, 1);
    msgpack_pack_str_body(&packer, "f", 1);
    msgpack_pack_str(&packer, octets);
    msgpack_pack_str_body(&packer, filler, octets);
    for (int i = first; i < first + count; i++) {
        char key[32], id[32];
        struct begin_reply begun;
        struct operation_result finished;
        (void) snprintf(key, sizeof key, "key-%d", i);
        (void) snprintf(id, sizeof id, "event-%d", i);
        struct begin_request begin = begin_of(key, key, operation_kind_generate, "ann");
        struct audit_event event = {.event_id = text_from(id), .at = 1, .kind = TEXT_OF("test"),
                                    .user = TEXT_OF("ann"), .detail = buffer_text(&detail)};
        struct finish_request finish = {.operation_id = text_from(key), .owner = begin.owner,
                                        .events = {&event, 1}};
        ask_well(&room->call, "begin", &begin, &begun);
        ask_well(&room->call, "finish", &finish, &finished);
    }
    free(filler);
    msgpack_sbuffer_destroy(&detail);
}

static void tick(struct room *room)
{
    store_tick(&room->call, &room->fixture.store);
}

static void assert_all_in_order(struct room *room, int count)
{
    char id[32];

    assert_int_equal(room->log.count, count);
    for (int i = 0; i < count; i++) {
        (void) snprintf(id, sizeof id, "event-%d", i);
        assert_string_equal(room->log.seen[i], id);
    }
}

static void events_arrive_in_order_in_bounded_pages(void **state)
{
    struct room *room = *state;

    make_events(room, 0, 250, 10);
    assert_int_equal(waiting(room), 250);
    tick(room);
    assert_all_in_order(room, 250);
    assert_int_equal(room->log.largest, 100);
    assert_int_equal(waiting(room), 0);
    int calls = room->log.calls;
    tick(room);         /* nothing waits: nobody is asked */
    assert_int_equal(room->log.calls, calls);
}

static void pages_are_bounded_in_octets(void **state)
{
    struct room *room = *state;

    make_events(room, 0, 5, 400000);
    make_events(room, 5, 1, 3000000);       /* larger than a page: goes alone */
    tick(room);
    assert_all_in_order(room, 6);
    assert_int_equal(room->log.largest, 2);
    assert_int_equal(waiting(room), 0);
}

static void nothing_is_lost_while_the_log_is_away(void **state)
{
    struct room *room = *state;

    room->log.refusals = 3;
    make_events(room, 0, 5, 10);
    for (int i = 0; i < 3; i++) {
        tick(room);
        assert_int_equal(waiting(room), 5);
    }
    fixture_close(&room->fixture);
    fixture_open(&room->fixture);
    make_events(room, 5, 2, 10);
    tick(room);
    assert_all_in_order(room, 7);
    assert_int_equal(waiting(room), 0);
}

static void a_lost_answer_makes_no_second_record(void **state)
{
    struct room *room = *state;

    room->log.lost_answers = 2;
    make_events(room, 0, 5, 10);
    tick(room);
    assert_int_equal(waiting(room), 5);
    make_events(room, 5, 3, 10);
    tick(room);
    tick(room);
    assert_all_in_order(room, 8);
    assert_int_equal(room->log.repeated, 5 + 8);
    assert_int_equal(waiting(room), 0);
}

/* The id of a run's end follows from the run, so that one told again is known to the log. */
static void an_end_told_again_is_the_same_event(void **state)
{
    static const struct run_end end = {.reason = end_reason_oom, .peak_memory_bytes = 77,
                                       .ended_at = 1760108400000};
    struct room *room = *state;
    struct nothing nothing;
    struct ended_request ended = {.run_id = TEXT_OF("run-1"), .app_id = TEXT_OF("app-gone"),
                                  .status = app_status_error, .error = TEXT_OF("oom"),
                                  .end = &end};

    ask_well(&room->call, "ended", &ended, &nothing);
    tick(room);
    assert_int_equal(waiting(room), 0);
    ask_well(&room->call, "ended", &ended, &nothing);
    tick(room);
    assert_int_equal(room->log.count, 1);
    assert_int_equal(room->log.repeated, 1);
    ended.run_id = TEXT_OF("run-2");
    ask_well(&room->call, "ended", &ended, &nothing);
    tick(room);
    assert_int_equal(room->log.count, 2);
}

static void the_tick_forgets_old_operations(void **state)
{
    struct room *room = *state;

    make_events(room, 0, 3, 10);
    tick(room);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM operations"), 3);
    fixture_close(&room->fixture);
    fixture_open(&room->fixture);
    room->fixture.store.operations_kept_ms = -1000;     /* all have ended long ago */
    tick(room);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM operations"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)
    const struct CMUnitTest tests[] = {
        TEST(events_arrive_in_order_in_bounded_pages),
        TEST(pages_are_bounded_in_octets),
        TEST(nothing_is_lost_while_the_log_is_away),
        TEST(a_lost_answer_makes_no_second_record),
        TEST(an_end_told_again_is_the_same_event),
        TEST(the_tick_forgets_old_operations),
    };

    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
