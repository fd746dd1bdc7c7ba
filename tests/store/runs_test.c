/* runs_test - how runs end, and what that does to their apps.
 *
 * Method: the store's own method table on a real database; refusals outnumber what is let through.
 */
#include "tests/store/room.h"

static void a_crash_stops_what_should_run(void **state)
{
    struct room *room = *state;
    struct nothing nothing;

    make_running(&room->call, "app-1", "run-1");
    struct ended_request ended = ended_of("run-old", "app-1", &crashed);
    ask_well(&room->call, "ended", &ended, &nothing);
    assert_int_equal(get_app(&room->call, "app-1").status, app_status_running);

    ended = ended_of("run-1", "app-1", &crashed);
    struct app before = get_app(&room->call, "app-1");
    ask_well(&room->call, "ended", &ended, &nothing);
    struct app after = get_app(&room->call, "app-1");
    assert_int_equal(after.status, app_status_error);
    must_be(after.metadata->error, "it crashed");
    assert_null(after.preview_url.at);
    assert_true(after.updated_at > before.updated_at);
    assert_int_equal(find_app(&room->call, "app-1").desire, app_desire_stopped);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM outbox"), 2);
    /* told twice: recorded once, and the app is as it was */
    ask_well(&room->call, "ended", &ended, &nothing);
    assert_int_equal(get_app(&room->call, "app-1").updated_at, after.updated_at);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM outbox"), 2);
    ended.status = app_status_running;
    ask_badly(&room->call, "ended", &ended, &nothing, FAULT_malformed);
    /* of an app that is no more: recorded all the same */
    ended = ended_of("run-x", "app-gone", &crashed);
    ask_well(&room->call, "ended", &ended, &nothing);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM outbox"), 3);
}

static void a_sleeping_app_keeps_its_address(void **state)
{
    struct room *room = *state;
    struct nothing nothing;
    struct ended_request ended = ended_of("run-1", "app-1", &asked);

    make_running(&room->call, "app-1", "run-1");
    ended.status = app_status_sleeping;
    ended.error = (struct text){0};
    ask_well(&room->call, "ended", &ended, &nothing);
    struct app app = get_app(&room->call, "app-1");
    assert_int_equal(app.status, app_status_sleeping);
    must_be(app.preview_url, "http://a.localhost:8000/");
    assert_null(app.metadata);
}

/* The end may be told before the operation that started the run has said that it runs. */
static void an_end_before_its_run_is_remembered(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct nothing nothing;
    struct operation_result finished;
    struct run run = run_of("run-1", "app-1", 1);
    struct ended_request ended = ended_of("run-1", "app-1", &crashed);

    begin_well(&room->call, "k", "app-1", operation_kind_generate, &begun);
    assert_int_equal(store_version_of(&room->call, "k", "one"), 1);
    ask_well(&room->call, "ended", &ended, &nothing);
    assert_int_equal(get_app(&room->call, "app-1").status, app_status_generating);
    struct finish_request finish = finish_of("k");
    finish.serve = true;
    finish.status = app_status_running;
    finish.desire = app_desire_running;
    finish.run = &run;
    ask_well(&room->call, "finish", &finish, &finished);
    struct stored_app app = find_app(&room->call, "app-1");
    assert_int_equal(app.app->status, app_status_error);
    must_be(app.app->metadata->error, "it crashed");
    assert_int_equal(app.desire, app_desire_stopped);
}

/* While an operation replaces a run, the end it asked for says nothing about the app. */
static void a_stop_that_an_operation_asked_for_is_its_own_affair(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct nothing nothing;
    struct operation_result finished;
    struct ended_request ended = ended_of("run-1", "app-1", &asked);

    ended.status = app_status_stopped;
    ended.error = (struct text){0};
    make_running(&room->call, "app-1", "run-1");
    begin_well(&room->call, "k", "app-1", operation_kind_modify, &begun);
    ask_well(&room->call, "ended", &ended, &nothing);
    struct stored_app app = find_app(&room->call, "app-1");
    assert_int_equal(app.app->status, app_status_running);
    assert_int_equal(app.desire, app_desire_running);
    /* but if nothing else came of the operation, the app does not run */
    struct finish_request finish = finish_of("k");
    ask_well(&room->call, "finish", &finish, &finished);
    app = find_app(&room->call, "app-1");
    assert_int_equal(app.app->status, app_status_stopped);
    assert_int_equal(app.desire, app_desire_stopped);
}

static void old_runs_are_forgotten(void **state)
{
    struct room *room = *state;
    struct nothing nothing;
    struct operation_result finished;

    make_running(&room->call, "app-1", "run-0");
    for (int i = 1; i < RUNS_KEPT_MAX + 10; i++) {
        char run_id[32], key[32];
        struct begin_reply begun;
        (void) snprintf(run_id, sizeof run_id, "run-%d", i);
        (void) snprintf(key, sizeof key, "start-%d", i);
        struct run run = run_of(run_id, "app-1", 1);
        run.started_at += i;
        begin_well(&room->call, key, "app-1", operation_kind_start, &begun);
        struct finish_request finish = finish_of(key);
        finish.run = &run;
        finish.status = app_status_running;
        ask_well(&room->call, "finish", &finish, &finished);
        struct ended_request ended = ended_of(run_id, "app-1", &crashed);
        ask_well(&room->call, "ended", &ended, &nothing);
    }
    assert_in_range(query_count(&room->fixture, "SELECT count(*) FROM runs"), RUNS_KEPT_MAX,
                    RUNS_KEPT_MAX + 1);
    assert_in_range(query_count(&room->fixture, "SELECT count(*) FROM run_ends"), RUNS_KEPT_MAX,
                    RUNS_KEPT_MAX + 1);
}

/* Every life of a run is a record, also of one that came back under its id. */
static void every_run_has_a_record(void **state)
{
    struct room *room = *state;
    struct log_line last = {.seq = 7, .at = 1760108400000, .stream = TEXT_OF("stderr"),
                            .line = TEXT_OF("it said so")};
    const struct count_of calls[] = {{TEXT_OF("ptrace"), 3}};
    const struct run_hits hits = {.cpu_throttled_ms = 12, .syscalls_refused = {calls, 1}};
    struct run_end lost = {.reason = end_reason_host_lost, .started_at = 1000, .ended_at = 2000};
    struct run_end stopped = {.reason = end_reason_stopped, .started_at = 3000, .ended_at = 4000,
                              .hits = &hits, .last_lines = {&last, 1}};
    struct runs_request request = {.app_id = TEXT_OF("app-1"), .limit = 20};
    struct runs_reply reply;
    struct nothing nothing;

    make_running(&room->call, "app-1", "run-1");
    struct ended_request ended = ended_of("run-1", "app-1", &lost);
    ended.is_record = true;
    ended.version = 1;
    ended.node = TEXT_OF("local");
    ended.level = TEXT_OF("bwrap");
    ask_well(&room->call, "ended", &ended, &nothing);
    ask_well(&room->call, "ended", &ended, &nothing);
    assert_int_equal(get_app(&room->call, "app-1").status, app_status_running);
    ended.end = &stopped;
    ask_well(&room->call, "ended", &ended, &nothing);
    assert_int_equal(get_app(&room->call, "app-1").status, app_status_running);

    ask_well(&room->call, "runs", &request, &reply);
    assert_int_equal(reply.runs.count, 3);
    assert_null(reply.runs.at[0].end);                  /* it runs */
    must_be(reply.runs.at[1].run_id, "run-1");
    assert_int_equal(reply.runs.at[1].started_at, 3000);
    must_be(reply.runs.at[1].level, "bwrap");
    assert_int_equal(reply.runs.at[1].end->hits->syscalls_refused.at[0].count, 3);
    must_be(reply.runs.at[1].end->last_lines.at[0].line, "it said so");
    assert_int_equal(reply.runs.at[2].end->reason, end_reason_host_lost);
    /* What the app wrote is in the record, not in the audit log. */
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM outbox WHERE "
                                 "instr(event, CAST('it said so' AS BLOB))"), 0);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM outbox WHERE "
                                 "instr(event, CAST('ptrace' AS BLOB))"), 1);
}

static void records_are_bounded_and_the_owners(void **state)
{
    struct room *room = *state;
    struct run_end end = {.reason = end_reason_exit};
    struct runs_request request = {.app_id = TEXT_OF("app-1"), .limit = 100};
    struct runs_reply reply;
    struct nothing nothing;

    make_running(&room->call, "app-1", "run-1");
    for (int i = 1; i <= RUN_RECORDS_KEPT_MAX + 5; i++) {
        end.started_at = i;
        struct ended_request ended = ended_of("run-0", "app-1", &end);
        ask_well(&room->call, "ended", &ended, &nothing);
    }
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM run_records"),
                     RUN_RECORDS_KEPT_MAX);
    assert_int_equal(query_count(&room->fixture, "SELECT min(started_at) FROM run_records"), 6);
    ask_well(&room->call, "runs", &request, &reply);
    assert_int_equal(reply.runs.count, RUN_RECORDS_KEPT_MAX + 1);
    request.app_id = TEXT_OF("app-2");
    ask_badly(&room->call, "runs", &request, &reply, FAULT_app_not_found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(a_crash_stops_what_should_run),
        ROOM_TEST(every_run_has_a_record),
        ROOM_TEST(records_are_bounded_and_the_owners),
        ROOM_TEST(a_sleeping_app_keeps_its_address),
        ROOM_TEST(an_end_before_its_run_is_remembered),
        ROOM_TEST(a_stop_that_an_operation_asked_for_is_its_own_affair),
        ROOM_TEST(old_runs_are_forgotten),
    };

    return cmocka_run_group_tests_name("runs", tests, NULL, NULL);
}
