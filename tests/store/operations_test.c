/* operations_test - who may change an app, how far a change has come, what is left of it.
 *
 * Method: the store's own method table on a real database; each refusal has a row of its own.
 */
#include "tests/store/fixture.h"

#include <pthread.h>
#include <stdlib.h>

#include "bus/clock.h"

struct room { struct fixture fixture; struct call call; };

static int open_room(void **state)
{
    struct room *room = calloc(1, sizeof *room);

    fixture_make(&room->fixture);
    fixture_open(&room->fixture);
    room->call = call_begin(&room->fixture, "ann");
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

static void must_be(struct text text, const char *wanted)
{
    if (!text_is(text, wanted))
        fail_msg("'%.*s' is not '%s'", TEXT_ARGS(text), wanted);
}

static struct app get(struct call *call, const char *app_id)
{
    struct app app;

    ask_well(call, "get", &(struct app_ref){.app_id = text_from(app_id)}, &app);
    return app;
}

static struct stored_app find(struct call *call, const char *app_id)
{
    struct stored_app app;

    ask_well(call, "find", &(struct app_ref){.app_id = text_from(app_id)}, &app);
    return app;
}

static void begin(struct call *call, const char *key, const char *app_id,
                  enum operation_kind kind, struct begin_reply *reply)
{
    struct begin_request request = begin_of(key, app_id, kind, "ann");

    ask_well(call, "begin", &request, reply);
}

static uint64_t store_version_of(struct call *call, const char *key, const char *name)
{
    struct version_content content = {.name = text_from(name),
                                      .files = files_of(call->arena, 100)};
    struct advance_reply reply;

    ask_well(call, "advance",
             &(struct advance_request){.operation_id = text_from(key), .owner = TEXT_OF("apps.one"),
                                       .lease_ms = 5000, .step = operation_step_stored,
                                       .new_version = &content}, &reply);
    return reply.version;
}

static struct finish_request finish_of(const char *key)
{
    return (struct finish_request){.operation_id = text_from(key), .owner = TEXT_OF("apps.one")};
}

static const struct run_end crashed = {.reason = end_reason_exit, .exit_code = 3};
static const struct run_end asked = {.reason = end_reason_stopped};

static struct ended_request ended_of(const char *run_id, const char *app_id,
                                     const struct run_end *end)
{
    return (struct ended_request){.run_id = text_from(run_id), .app_id = text_from(app_id),
                                  .status = app_status_error, .error = TEXT_OF("it crashed"),
                                  .end = end};
}

static struct run run_of(const char *run_id, const char *app_id, uint64_t version)
{
    return (struct run){.run_id = text_from(run_id), .app_id = text_from(app_id),
                        .version = version, .node = TEXT_OF("local"),
                        .gateway = TEXT_OF("http://127.0.0.1:8000"),
                        .url = TEXT_OF("http://a.localhost:8000/"), .port = 9000,
                        .started_at = 1760108400000};
}

/* An app of ann's whose version 1 runs as `run_id`. */
static void make_running(struct call *call, const char *app_id, const char *run_id)
{
    struct begin_reply begun;
    struct nothing nothing;
    struct run run = run_of(run_id, app_id, 1);
    char key[64];

    (void) snprintf(key, sizeof key, "run-%s", app_id);
    begin(call, key, app_id, operation_kind_generate, &begun);
    assert_int_equal(store_version_of(call, key, "Running"), 1);
    struct finish_request finish = finish_of(key);
    finish.serve = true;
    finish.status = app_status_running;
    finish.desire = app_desire_running;
    finish.run = &run;
    ask_well(call, "finish", &finish, &nothing);
}

/* ---- begin ---- */

static void a_new_app_appears_with_its_operation(void **state)
{
    struct room *room = *state;
    struct begin_reply reply;

    begin(&room->call, "key-1", "app-1", operation_kind_generate, &reply);
    assert_true(reply.created);
    assert_null(reply.app);
    assert_int_equal(reply.operation->step, operation_step_begun);
    must_be(reply.operation->user, "ann");
    struct stored_app app = find(&room->call, "app-1");
    assert_int_equal(app.app->status, app_status_generating);
    assert_int_equal(app.desire, app_desire_stopped);
    must_be(app.owner, "ann");
    must_be(app.app->name, "A name");
    must_be(app.operation->operation_id, "key-1");
    assert_int_equal(app.app->version, 0);
}

static void a_known_key_is_answered_as_it_was(void **state)
{
    struct room *room = *state;
    struct begin_reply reply;
    struct begin_request again = begin_of("key-1", "app-other", operation_kind_generate, "ann");
    struct fault fault = {0};
    struct nothing nothing;

    begin(&room->call, "key-1", "app-1", operation_kind_generate, &reply);
    assert_false(ask(&room->call, "begin", &again, &reply, &fault));
    assert_int_equal(fault.kind, FAULT_in_flight);
    assert_true(fault.retry_ms > 0);
    again.digest = digest_of('z');
    ask_badly(&room->call, "begin", &again, &reply, FAULT_key_reused);

    struct finish_request finish = finish_of("key-1");
    finish.result = TEXT_OF("\x81\xa1" "a\x01");
    ask_well(&room->call, "finish", &finish, &nothing);
    ask_badly(&room->call, "begin", &again, &reply, FAULT_key_reused);
    again.digest = (struct text){"0123456789abcdef0123456789abcdef", 32};
    ask_well(&room->call, "begin", &again, &reply);
    assert_false(reply.created);
    assert_null(reply.app);
    must_be(reply.operation->app_id, "app-1");
    must_be(reply.operation->result, "\x81\xa1" "a\x01");
    assert_int_equal(reply.operation->step, operation_step_ended);
    /* another user's same key is another key */
    again.user = TEXT_OF("bob");
    room->call.user = "bob";
    ask_well(&room->call, "begin", &again, &reply);
    assert_true(reply.created);
}

static void a_known_failure_is_answered_as_it_was(void **state)
{
    struct room *room = *state;
    struct begin_reply reply;
    struct nothing nothing;
    struct log_line lines[] = {{.seq = 7, .at = 1, .stream = TEXT_OF("stderr"),
                                .line = TEXT_OF("SyntaxError")}};
    struct failure failure = {.name = TEXT_OF("start_failed"), .reason = TEXT_OF("exit 1"),
                              .log = {lines, 1}};
    struct finish_request finish = finish_of("key-1");

    begin(&room->call, "key-1", "app-1", operation_kind_generate, &reply);
    finish.failure = &failure;
    ask_well(&room->call, "finish", &finish, &nothing);
    begin(&room->call, "key-1", "app-2", operation_kind_generate, &reply);
    assert_false(reply.created);
    assert_non_null(reply.operation->failure);
    must_be(reply.operation->failure->name, "start_failed");
    must_be(reply.operation->failure->log.at[0].line, "SyntaxError");
    /* the app stays, and says why */
    struct app app = get(&room->call, "app-1");
    assert_int_equal(app.status, app_status_error);
    must_be(app.metadata->error, "exit 1");
}

static void refusals_of_begin(void **state)
{
    struct room *room = *state;
    struct begin_reply reply;
    struct fault fault = {0};

    make_app(&room->call, "app-1", "ann");
    struct begin_request request = begin_of("k", "app-1", operation_kind_generate, "ann");
    ask_badly(&room->call, "begin", &request, &reply, FAULT_conflict);
    static const enum operation_kind need[] = {operation_kind_modify, operation_kind_apply,
        operation_kind_start, operation_kind_stop, operation_kind_wake, operation_kind_remove};
    for (size_t i = 0; i < sizeof need / sizeof *need; i++) {
        request = begin_of("k", "app-none", need[i], "ann");
        ask_badly(&room->call, "begin", &request, &reply, FAULT_app_not_found);
        request = begin_of("k", "app-1", need[i], "bob");
        room->call.user = "bob";
        ask_badly(&room->call, "begin", &request, &reply, FAULT_app_not_found);
        room->call.user = "ann";
    }
    request = begin_of("k", "app-1", operation_kind_execute, "bob");
    room->call.user = "bob";
    ask_badly(&room->call, "begin", &request, &reply, FAULT_app_not_found);
    room->call.user = "ann";
    request = begin_of("k", "app-1", operation_kind_modify, "ann");
    request.if_version = 2;
    ask_badly(&room->call, "begin", &request, &reply, FAULT_precondition);
    request = begin_of("k", "app-new", operation_kind_execute, "ann");
    request.if_version = 1;
    ask_badly(&room->call, "begin", &request, &reply, FAULT_precondition);
    /* none of these left anything */
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM operations"), 1);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM apps"), 1);

    request = begin_of("k", "app-1", operation_kind_modify, "ann");
    request.if_version = 1;
    ask_well(&room->call, "begin", &request, &reply);
    assert_int_equal(reply.app->app->version, 1);
    assert_int_equal(reply.app->app->code->files.at[0].content.size, 1000);
    assert_int_equal(reply.app->app->status, app_status_stopped);
    request = begin_of("k2", "app-1", operation_kind_stop, "ann");
    assert_false(ask(&room->call, "begin", &request, &reply, &fault));
    assert_int_equal(fault.kind, FAULT_busy);
    assert_in_range(fault.retry_ms, 1, 5000);
    /* an admin may change anybody's app */
    make_app(&room->call, "app-2", "ann");
    room->call.user = NULL;
    request = begin_of("k3", "app-2", operation_kind_modify, "local");
    ask_well(&room->call, "begin", &request, &reply);
}

/* An app's id may spell another's hashed label: then it is hashed too, and both are reached. */
static void labels_are_not_shared(void **state)
{
    struct room *room = *state;
    struct route_reply route;
    char first[APP_LABEL_SIZE], second[APP_LABEL_SIZE];

    text_app_label(TEXT_OF("Has_Capitals"), first);
    text_app_label(text_from(first), second);
    make_app(&room->call, "Has_Capitals", "ann");
    room->call.user = "bob";
    make_app(&room->call, first, "bob");
    ask_well(&room->call, "route", &(struct route_request){.label = text_from(first)}, &route);
    must_be(route.app_id, "Has_Capitals");
    ask_well(&room->call, "route", &(struct route_request){.label = text_from(second)}, &route);
    must_be(route.app_id, first);
}

struct racer { struct room *room; char key[32]; bool done; struct fault fault; pthread_t thread; };

static void *begin_in_race(void *racer_)
{
    struct racer *racer = racer_;
    struct call call = call_begin(&racer->room->fixture, "ann");
    struct begin_request request = begin_of(racer->key, "app-1", operation_kind_modify, "ann");
    struct begin_reply reply;

    racer->done = ask(&call, "begin", &request, &reply, &racer->fault);
    call_end(&call);
    return NULL;
}

/* C19: of many that would change one app, one may; nobody's change is overwritten unseen. */
static void only_one_of_many_may_change_an_app(void **state)
{
    enum { RACERS = 16, ROUNDS = 8 };
    struct room *room = *state;
    struct nothing nothing;

    make_app(&room->call, "app-1", "ann");
    for (int round = 0; round < ROUNDS; round++) {
        struct racer racers[RACERS];
        int winners = 0, winner = 0;
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){.room = room};
            (void) snprintf(racers[i].key, sizeof racers[i].key, "race-%d-%d", round, i);
            pthread_create(&racers[i].thread, NULL, begin_in_race, &racers[i]);
        }
        for (int i = 0; i < RACERS; i++) {
            pthread_join(racers[i].thread, NULL);
            if (racers[i].done)
                winner = i;
            else
                assert_int_equal(racers[i].fault.kind, FAULT_busy);
            winners += racers[i].done;
        }
        assert_int_equal(winners, 1);
        assert_int_equal(store_version_of(&room->call, racers[winner].key, "next"), round + 2);
        struct finish_request finish = finish_of(racers[winner].key);
        finish.serve = true;
        ask_well(&room->call, "finish", &finish, &nothing);
        assert_int_equal(get(&room->call, "app-1").version, round + 2);
    }
}

/* ---- advance ---- */

static void steps_are_recorded_and_never_go_back(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct advance_reply reply;
    struct advance_request request = {.operation_id = TEXT_OF("k"), .owner = TEXT_OF("apps.one"),
                                      .lease_ms = 60000, .step = operation_step_started,
                                      .run_id = TEXT_OF("run-1")};

    begin(&room->call, "k", "app-1", operation_kind_generate, &begun);
    int64_t lease = begun.operation->lease_until;
    assert_int_equal(store_version_of(&room->call, "k", "one"), 1);
    ask_well(&room->call, "advance", &request, &reply);
    assert_int_equal(reply.version, 1);
    struct stored_app app = find(&room->call, "app-1");
    assert_int_equal(app.operation->step, operation_step_started);
    must_be(app.operation->run_id, "run-1");
    assert_true(app.operation->lease_until > lease);

    request.step = operation_step_stored;
    request.run_id = (struct text){0};
    ask_well(&room->call, "advance", &request, &reply);
    request.step = operation_step_absent;       /* only renew */
    ask_well(&room->call, "advance", &request, &reply);
    app = find(&room->call, "app-1");
    assert_int_equal(app.operation->step, operation_step_started);
    must_be(app.operation->run_id, "run-1");

    /* stored again: replaced, not added */
    assert_int_equal(store_version_of(&room->call, "k", "one, better"), 1);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM versions"), 1);
}

static void refusals_of_advance(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct advance_reply reply;
    struct nothing nothing;
    struct version_content content = {.name = TEXT_OF("n"), .files = files_of(room->call.arena, 1)};
    struct advance_request request = {.operation_id = TEXT_OF("k"), .owner = TEXT_OF("apps.two"),
                                      .lease_ms = 5000, .step = operation_step_stored};

    begin(&room->call, "k", "app-1", operation_kind_generate, &begun);
    ask_badly(&room->call, "advance", &request, &reply, FAULT_conflict);
    request.owner = TEXT_OF("apps.one");
    request.operation_id = TEXT_OF("unknown");
    ask_badly(&room->call, "advance", &request, &reply, FAULT_conflict);
    request.operation_id = TEXT_OF("k");
    request.step = operation_step_ended;
    ask_badly(&room->call, "advance", &request, &reply, FAULT_malformed);
    request.step = operation_step_started;
    request.new_version = &content;
    ask_badly(&room->call, "advance", &request, &reply, FAULT_malformed);
    struct finish_request finish = finish_of("k");
    ask_well(&room->call, "finish", &finish, &nothing);
    request.new_version = NULL;
    ask_badly(&room->call, "advance", &request, &reply, FAULT_conflict);
}

/* Who renews or takes over is not the user; the id alone must then be enough, or refused. */
static void an_operation_is_found_without_its_user(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct advance_reply reply;
    struct advance_request request = {.operation_id = TEXT_OF("k"), .owner = TEXT_OF("apps.one"),
                                      .lease_ms = 5000};
    struct call keeper = call_begin(&room->fixture, NULL);
    struct begin_request bobs = begin_of("k", "app-2", operation_kind_generate, "bob");

    begin(&room->call, "k", "app-1", operation_kind_generate, &begun);
    ask_well(&keeper, "advance", &request, &reply);
    room->call.user = "bob";
    ask_well(&room->call, "begin", &bobs, &begun);
    ask_badly(&keeper, "advance", &request, &reply, FAULT_conflict);
    ask_well(&room->call, "advance", &request, &reply);
    call_end(&keeper);
}

/* ---- finish ---- */

static void finish_changes_everything_at_once(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct nothing nothing;
    struct audit_event events[] = {{.event_id = TEXT_OF("e-1"), .at = 5, .kind = TEXT_OF("x"),
                                    .user = TEXT_OF("ann")}};
    struct run run = run_of("run-2", "app-1", 2);

    make_running(&room->call, "app-1", "run-1");
    struct app before = get(&room->call, "app-1");
    must_be(before.preview_url, "http://a.localhost:8000/");
    begin(&room->call, "k", "app-1", operation_kind_modify, &begun);
    assert_int_equal(store_version_of(&room->call, "k", "Second"), 2);
    struct app during = get(&room->call, "app-1");
    assert_int_equal(during.version, 1);
    must_be(during.name, "Running");
    assert_int_equal(during.updated_at, before.updated_at);

    struct finish_request finish = finish_of("k");
    finish.serve = true;
    finish.status = app_status_running;
    finish.desire = app_desire_running;
    finish.run = &run;
    finish.events.at = events;
    finish.events.count = 1;
    ask_well(&room->call, "finish", &finish, &nothing);
    struct app after = get(&room->call, "app-1");
    assert_int_equal(after.version, 2);
    must_be(after.name, "Second");
    assert_true(after.updated_at > before.updated_at);
    assert_int_equal(query_count(&room->fixture,
                                 "SELECT count(*) FROM outbox WHERE event_id = 'e-1'"), 1);
    struct stored_app stored = find(&room->call, "app-1");
    must_be(stored.run->run_id, "run-2");
    assert_int_equal(stored.desire, app_desire_running);
    assert_null(stored.operation);
    /* sent again: the same answer, nothing twice */
    ask_well(&room->call, "finish", &finish, &nothing);
    assert_int_equal(get(&room->call, "app-1").updated_at, after.updated_at);
    /* both versions are kept */
    struct version_content content;
    ask_well(&room->call, "version", &(struct version_ref){.app_id = TEXT_OF("app-1"),
                                                           .version = 1}, &content);
    must_be(content.name, "Running");
    ask_well(&room->call, "version", &(struct version_ref){.app_id = TEXT_OF("app-1")},
             &content);
    must_be(content.name, "Second");
    ask_badly(&room->call, "version", &(struct version_ref){.app_id = TEXT_OF("app-1"),
                                                            .version = 3}, &content,
              FAULT_not_found);
    ask_badly(&room->call, "version", &(struct version_ref){.app_id = TEXT_OF("app-9")},
              &content, FAULT_app_not_found);
}

/* The change and its events are one: when an event cannot be kept, nothing has happened. */
static void finish_is_all_or_nothing(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct nothing nothing;
    char long_id[80];
    struct audit_event events[] = {{.event_id = TEXT_OF("fine"), .at = 5, .kind = TEXT_OF("x")},
                                   {.event_id = {long_id, 65}, .at = 5, .kind = TEXT_OF("x")}};

    memset(long_id, 'e', sizeof long_id);
    begin(&room->call, "k", "app-1", operation_kind_generate, &begun);
    assert_int_equal(store_version_of(&room->call, "k", "one"), 1);
    struct finish_request finish = finish_of("k");
    finish.serve = true;
    finish.events.at = events;
    finish.events.count = 2;
    ask_badly(&room->call, "finish", &finish, &nothing, FAULT_internal);
    struct stored_app app = find(&room->call, "app-1");
    assert_int_equal(app.app->version, 0);
    assert_non_null(app.operation);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM outbox"), 0);
}

static void a_failed_change_leaves_the_old_version(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct nothing nothing;
    struct failure failure = {.name = TEXT_OF("start_failed")};

    make_running(&room->call, "app-1", "run-1");
    begin(&room->call, "k", "app-1", operation_kind_modify, &begun);
    assert_int_equal(store_version_of(&room->call, "k", "Bad"), 2);
    struct finish_request finish = finish_of("k");
    finish.failure = &failure;
    ask_well(&room->call, "finish", &finish, &nothing);
    struct app app = get(&room->call, "app-1");
    assert_int_equal(app.version, 1);
    assert_int_equal(app.status, app_status_running);
    must_be(app.name, "Running");
    assert_null(app.metadata);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM versions"), 1);
}

static void refusals_of_finish(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct nothing nothing;
    struct run run = run_of("run-1", "another-app", 1);

    begin(&room->call, "k", "app-1", operation_kind_generate, &begun);
    struct finish_request finish = finish_of("k");
    finish.owner = TEXT_OF("apps.two");
    ask_badly(&room->call, "finish", &finish, &nothing, FAULT_conflict);
    finish.owner = TEXT_OF("apps.one");
    finish.serve = true;        /* nothing was stored */
    ask_badly(&room->call, "finish", &finish, &nothing, FAULT_conflict);
    finish.serve = false;
    finish.run = &run;
    ask_badly(&room->call, "finish", &finish, &nothing, FAULT_conflict);
    finish.operation_id = TEXT_OF("unknown");
    ask_badly(&room->call, "finish", &finish, &nothing, FAULT_conflict);
}

static void a_removed_app_leaves_only_its_key(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct nothing nothing;
    struct app app;
    struct audit_event event = {.event_id = TEXT_OF("e-gone"), .at = 5,
                                .kind = TEXT_OF("app_deleted"), .app_id = TEXT_OF("app-1")};

    make_running(&room->call, "app-1", "run-1");
    struct suggestion suggestion = {.id = TEXT_OF("s"), .app_id = TEXT_OF("app-1"),
        .type = suggestion_type_feature, .title = TEXT_OF("t"), .description = TEXT_OF(""),
        .changes = files_of(room->call.arena, 3), .created_at = 1};
    ask_well(&room->call, "suggest",
             &(struct suggestions_put){.app_id = TEXT_OF("app-1"), .version = 1,
                                       .suggestions = {&suggestion, 1}}, &nothing);
    begin(&room->call, "k", "app-1", operation_kind_remove, &begun);
    struct finish_request finish = finish_of("k");
    finish.remove = true;
    finish.events.at = &event;
    finish.events.count = 1;
    ask_well(&room->call, "finish", &finish, &nothing);
    ask_badly(&room->call, "get", &(struct app_ref){.app_id = TEXT_OF("app-1")}, &app,
              FAULT_app_not_found);
    static const char *const tables[] = {"apps", "versions", "runs", "run_ends", "suggestions"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[64];
        (void) snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        assert_int_equal(query_count(&room->fixture, sql), 0);
    }
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM operations"), 1);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM outbox"), 1);
    begin(&room->call, "k", "app-1", operation_kind_remove, &begun);
    assert_false(begun.created);
    ask_well(&room->call, "finish", &finish, &nothing);
}

/* ---- claim ---- */

static void an_expired_lease_may_be_claimed(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct claim_reply claimed;
    struct advance_reply advanced;
    struct fault fault = {0};
    struct nothing nothing;
    struct claim_request claim = {.owner = TEXT_OF("apps.two"), .lease_ms = 5000, .limit = 10};
    struct begin_request request = begin_of("k", "app-1", operation_kind_generate, "ann");

    request.lease_ms = 1000;
    ask_well(&room->call, "begin", &request, &begun);
    begin(&room->call, "held", "app-2", operation_kind_generate, &begun);
    ask_well(&room->call, "claim", &claim, &claimed);
    assert_int_equal(claimed.operations.count, 0);

    int64_t deadline_ms = clock_now_ms() + TEST_WAIT_MS;
    while (claimed.operations.count == 0 && clock_now_ms() < deadline_ms) {
        struct begin_request other = begin_of("k9", "app-1", operation_kind_stop, "ann");
        call_end(&room->call);
        room->call = call_begin(&room->fixture, "ann");
        assert_false(ask(&room->call, "begin", &other, &begun, &fault));
        assert_int_equal(fault.kind, FAULT_busy);
        ask_well(&room->call, "claim", &claim, &claimed);
    }
    assert_int_equal(claimed.operations.count, 1);
    must_be(claimed.operations.at[0].operation_id, "k");
    must_be(claimed.operations.at[0].owner, "apps.two");
    ask_well(&room->call, "claim", &claim, &claimed);
    assert_int_equal(claimed.operations.count, 0);

    struct advance_request advance = {.operation_id = TEXT_OF("k"), .owner = TEXT_OF("apps.one"),
                                      .lease_ms = 5000};
    ask_badly(&room->call, "advance", &advance, &advanced, FAULT_conflict);
    struct finish_request finish = finish_of("k");
    ask_badly(&room->call, "finish", &finish, &nothing, FAULT_conflict);
    finish.owner = TEXT_OF("apps.two");
    ask_well(&room->call, "finish", &finish, &nothing);
    assert_int_equal(get(&room->call, "app-1").status, app_status_stopped);
}

/* ---- ends of runs ---- */

static void a_crash_stops_what_should_run(void **state)
{
    struct room *room = *state;
    struct nothing nothing;

    make_running(&room->call, "app-1", "run-1");
    struct ended_request ended = ended_of("run-old", "app-1", &crashed);
    ask_well(&room->call, "ended", &ended, &nothing);
    assert_int_equal(get(&room->call, "app-1").status, app_status_running);

    ended = ended_of("run-1", "app-1", &crashed);
    struct app before = get(&room->call, "app-1");
    ask_well(&room->call, "ended", &ended, &nothing);
    struct app after = get(&room->call, "app-1");
    assert_int_equal(after.status, app_status_error);
    must_be(after.metadata->error, "it crashed");
    assert_null(after.preview_url.at);
    assert_true(after.updated_at > before.updated_at);
    assert_int_equal(find(&room->call, "app-1").desire, app_desire_stopped);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM outbox"), 2);
    /* told twice: recorded once, and the app is as it was */
    ask_well(&room->call, "ended", &ended, &nothing);
    assert_int_equal(get(&room->call, "app-1").updated_at, after.updated_at);
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
    struct app app = get(&room->call, "app-1");
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
    struct run run = run_of("run-1", "app-1", 1);
    struct ended_request ended = ended_of("run-1", "app-1", &crashed);

    begin(&room->call, "k", "app-1", operation_kind_generate, &begun);
    assert_int_equal(store_version_of(&room->call, "k", "one"), 1);
    ask_well(&room->call, "ended", &ended, &nothing);
    assert_int_equal(get(&room->call, "app-1").status, app_status_generating);
    struct finish_request finish = finish_of("k");
    finish.serve = true;
    finish.status = app_status_running;
    finish.desire = app_desire_running;
    finish.run = &run;
    ask_well(&room->call, "finish", &finish, &nothing);
    struct stored_app app = find(&room->call, "app-1");
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
    struct ended_request ended = ended_of("run-1", "app-1", &asked);

    ended.status = app_status_stopped;
    ended.error = (struct text){0};
    make_running(&room->call, "app-1", "run-1");
    begin(&room->call, "k", "app-1", operation_kind_modify, &begun);
    ask_well(&room->call, "ended", &ended, &nothing);
    struct stored_app app = find(&room->call, "app-1");
    assert_int_equal(app.app->status, app_status_running);
    assert_int_equal(app.desire, app_desire_running);
    /* but if nothing else came of the operation, the app does not run */
    struct finish_request finish = finish_of("k");
    ask_well(&room->call, "finish", &finish, &nothing);
    app = find(&room->call, "app-1");
    assert_int_equal(app.app->status, app_status_stopped);
    assert_int_equal(app.desire, app_desire_stopped);
}

static void old_runs_are_forgotten(void **state)
{
    struct room *room = *state;
    struct nothing nothing;

    make_running(&room->call, "app-1", "run-0");
    for (int i = 1; i < RUNS_KEPT_MAX + 10; i++) {
        char run_id[32], key[32];
        struct begin_reply begun;
        (void) snprintf(run_id, sizeof run_id, "run-%d", i);
        (void) snprintf(key, sizeof key, "start-%d", i);
        struct run run = run_of(run_id, "app-1", 1);
        run.started_at += i;
        begin(&room->call, key, "app-1", operation_kind_start, &begun);
        struct finish_request finish = finish_of(key);
        finish.run = &run;
        finish.status = app_status_running;
        ask_well(&room->call, "finish", &finish, &nothing);
        struct ended_request ended = ended_of(run_id, "app-1", &crashed);
        ask_well(&room->call, "ended", &ended, &nothing);
    }
    assert_in_range(query_count(&room->fixture, "SELECT count(*) FROM runs"), RUNS_KEPT_MAX,
                    RUNS_KEPT_MAX + 1);
    assert_in_range(query_count(&room->fixture, "SELECT count(*) FROM run_ends"), RUNS_KEPT_MAX,
                    RUNS_KEPT_MAX + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)
    const struct CMUnitTest tests[] = {
        TEST(a_new_app_appears_with_its_operation),
        TEST(a_known_key_is_answered_as_it_was),
        TEST(a_known_failure_is_answered_as_it_was),
        TEST(refusals_of_begin),
        TEST(labels_are_not_shared),
        TEST(only_one_of_many_may_change_an_app),
        TEST(steps_are_recorded_and_never_go_back),
        TEST(refusals_of_advance),
        TEST(an_operation_is_found_without_its_user),
        TEST(finish_changes_everything_at_once),
        TEST(finish_is_all_or_nothing),
        TEST(a_failed_change_leaves_the_old_version),
        TEST(refusals_of_finish),
        TEST(a_removed_app_leaves_only_its_key),
        TEST(an_expired_lease_may_be_claimed),
        TEST(a_crash_stops_what_should_run),
        TEST(a_sleeping_app_keeps_its_address),
        TEST(an_end_before_its_run_is_remembered),
        TEST(a_stop_that_an_operation_asked_for_is_its_own_affair),
        TEST(old_runs_are_forgotten),
    };

    return cmocka_run_group_tests_name("operations", tests, NULL, NULL);
}
