/* begin_test - who may begin to change an app, and what a known key is answered.
 *
 * Method: the store's own method table on a real database; refusals outnumber what is let through.
 */
#include "tests/store/room.h"

#include <pthread.h>

static void a_new_app_appears_with_its_operation(void **state)
{
    struct room *room = *state;
    struct begin_reply reply;

    begin_well(&room->call, "key-1", "app-1", operation_kind_generate, &reply);
    assert_true(reply.created);
    assert_null(reply.app);
    assert_int_equal(reply.operation->step, operation_step_begun);
    must_be(reply.operation->user, "ann");
    struct stored_app app = find_app(&room->call, "app-1");
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
    struct operation_result finished;

    begin_well(&room->call, "key-1", "app-1", operation_kind_generate, &reply);
    assert_false(ask(&room->call, "begin", &again, &reply, &fault));
    assert_int_equal(fault.kind, FAULT_in_flight);
    assert_true(fault.retry_ms > 0);
    again.digest = digest_of('z');
    ask_badly(&room->call, "begin", &again, &reply, FAULT_key_reused);

    struct finish_request finish = finish_of("key-1");
    ask_well(&room->call, "finish", &finish, &finished);
    ask_badly(&room->call, "begin", &again, &reply, FAULT_key_reused);
    again.digest = (struct text){"0123456789abcdef0123456789abcdef", 32};
    ask_well(&room->call, "begin", &again, &reply);
    assert_false(reply.created);
    assert_null(reply.app);
    must_be(reply.operation->app_id, "app-1");
    assert_null(reply.operation->result);       /* nobody said keep */
    assert_int_equal(reply.operation->step, operation_step_ended);
    /* another user's same key is another key */
    again.user = TEXT_OF("bob");
    room->call.user = "bob";
    ask_well(&room->call, "begin", &again, &reply);
    assert_true(reply.created);
}

/* What came of it is told as it was then, whatever has become of the app since. */
static void a_known_key_is_answered_with_its_first_result(void **state)
{
    struct room *room = *state;
    struct begin_reply reply;
    struct operation_result finished;
    struct log_line lines[] = {{.seq = 7, .at = 1, .stream = TEXT_OF("stdout"),
                                .line = TEXT_OF("listening")}};
    struct finish_request finish = finish_of("key-1");

    begin_well(&room->call, "key-1", "app-1", operation_kind_execute, &reply);
    assert_int_equal(store_version_of(&room->call, "key-1", "First"), 1);
    finish.serve = finish.keep = true;
    finish.status = app_status_running;
    finish.logs.at = lines;
    finish.logs.count = 1;
    ask_well(&room->call, "finish", &finish, &finished);
    assert_int_equal(finished.app->version, 1);
    assert_int_equal(finished.app->status, app_status_running);
    assert_int_equal(finished.app->updated_at, get_app(&room->call, "app-1").updated_at);
    must_be(finished.logs.at[0].line, "listening");

    begin_well(&room->call, "key-2", "app-1", operation_kind_modify, &reply);
    assert_int_equal(store_version_of(&room->call, "key-2", "Second"), 2);
    struct finish_request second = finish_of("key-2");
    second.serve = true;
    ask_well(&room->call, "finish", &second, &finished);
    assert_int_equal(finished.app->version, 2);

    begin_well(&room->call, "key-1", "app-1", operation_kind_execute, &reply);
    assert_false(reply.created);
    must_be(reply.operation->result->app->name, "First");
    assert_int_equal(reply.operation->result->app->version, 1);
    assert_int_equal(reply.operation->result->app->code->files.at[0].content.size, 100);
    must_be(reply.operation->result->logs.at[0].line, "listening");
    /* the very same finish, sent again, tells the same */
    ask_well(&room->call, "finish", &finish, &finished);
    must_be(finished.app->name, "First");
}

static void a_known_failure_is_answered_as_it_was(void **state)
{
    struct room *room = *state;
    struct begin_reply reply;
    struct operation_result finished;
    struct log_line lines[] = {{.seq = 7, .at = 1, .stream = TEXT_OF("stderr"),
                                .line = TEXT_OF("SyntaxError")}};
    struct failure failure = {.name = TEXT_OF("start_failed"), .reason = TEXT_OF("exit 1"),
                              .log = {lines, 1}};
    struct finish_request finish = finish_of("key-1");

    begin_well(&room->call, "key-1", "app-1", operation_kind_generate, &reply);
    finish.failure = &failure;
    ask_well(&room->call, "finish", &finish, &finished);
    begin_well(&room->call, "key-1", "app-2", operation_kind_generate, &reply);
    assert_false(reply.created);
    assert_non_null(reply.operation->failure);
    must_be(reply.operation->failure->name, "start_failed");
    must_be(reply.operation->failure->log.at[0].line, "SyntaxError");
    /* the app stays, and says why */
    struct app app = get_app(&room->call, "app-1");
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
    struct operation_result finished;

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
        ask_well(&room->call, "finish", &finish, &finished);
        assert_int_equal(get_app(&room->call, "app-1").version, round + 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(a_new_app_appears_with_its_operation),
        ROOM_TEST(a_known_key_is_answered_as_it_was),
        ROOM_TEST(a_known_key_is_answered_with_its_first_result),
        ROOM_TEST(a_known_failure_is_answered_as_it_was),
        ROOM_TEST(refusals_of_begin),
        ROOM_TEST(labels_are_not_shared),
        ROOM_TEST(only_one_of_many_may_change_an_app),
    };

    return cmocka_run_group_tests_name("begin", tests, NULL, NULL);
}
