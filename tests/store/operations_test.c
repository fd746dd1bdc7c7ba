/* operations_test - how far a change has come, and who takes it over.
 *
 * Method: the store's own method table on a real database; refusals outnumber what is let through.
 */
#include "tests/store/room.h"

#include "bus/clock.h"

static void steps_are_recorded_and_never_go_back(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct advance_reply reply;
    struct advance_request request = {.operation_id = TEXT_OF("k"), .owner = TEXT_OF("apps.one"),
                                      .lease_ms = 60000, .step = operation_step_started,
                                      .run_id = TEXT_OF("run-1")};

    begin_well(&room->call, "k", "app-1", operation_kind_generate, &begun);
    int64_t lease = begun.operation->lease_until;
    assert_int_equal(store_version_of(&room->call, "k", "one"), 1);
    ask_well(&room->call, "advance", &request, &reply);
    assert_int_equal(reply.version, 1);
    struct stored_app app = find_app(&room->call, "app-1");
    assert_int_equal(app.operation->step, operation_step_started);
    must_be(app.operation->run_id, "run-1");
    assert_true(app.operation->lease_until > lease);

    request.step = operation_step_stored;
    request.run_id = (struct text){0};
    ask_well(&room->call, "advance", &request, &reply);
    request.step = operation_step_absent;       /* only renew */
    ask_well(&room->call, "advance", &request, &reply);
    app = find_app(&room->call, "app-1");
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
    struct operation_result finished;
    struct version_content content = {.name = TEXT_OF("n"), .files = files_of(room->call.arena, 1)};
    struct advance_request request = {.operation_id = TEXT_OF("k"), .owner = TEXT_OF("apps.two"),
                                      .lease_ms = 5000, .step = operation_step_stored};

    begin_well(&room->call, "k", "app-1", operation_kind_generate, &begun);
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
    ask_well(&room->call, "finish", &finish, &finished);
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

    begin_well(&room->call, "k", "app-1", operation_kind_generate, &begun);
    ask_well(&keeper, "advance", &request, &reply);
    room->call.user = "bob";
    ask_well(&room->call, "begin", &bobs, &begun);
    ask_badly(&keeper, "advance", &request, &reply, FAULT_conflict);
    ask_well(&room->call, "advance", &request, &reply);
    call_end(&keeper);
}

static void an_expired_lease_may_be_claimed(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct claim_reply claimed;
    struct advance_reply advanced;
    struct fault fault = {0};
    struct operation_result finished;
    struct claim_request claim = {.owner = TEXT_OF("apps.two"), .lease_ms = 5000, .limit = 10};
    struct begin_request request = begin_of("k", "app-1", operation_kind_generate, "ann");

    request.lease_ms = 1000;
    ask_well(&room->call, "begin", &request, &begun);
    begin_well(&room->call, "held", "app-2", operation_kind_generate, &begun);
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
    ask_badly(&room->call, "finish", &finish, &finished, FAULT_conflict);
    finish.owner = TEXT_OF("apps.two");
    ask_well(&room->call, "finish", &finish, &finished);
    assert_int_equal(get_app(&room->call, "app-1").status, app_status_stopped);
}

/* An app is on one host from the first, and stays there. */
static void an_app_is_placed_once(void **state)
{
    struct room *room = *state;
    const struct app_ref app = {.app_id = TEXT_OF("app-1")};
    struct advance_request request = {.operation_id = TEXT_OF("k"), .owner = TEXT_OF("apps.one"),
                                      .lease_ms = 5000, .node = TEXT_OF("one")};
    struct begin_reply begun;
    struct advance_reply advanced;
    struct place_reply place;
    struct stored_app stored;

    begin_well(&room->call, "k", "app-1", operation_kind_generate, &begun);
    ask_well(&room->call, "place", &app, &place);
    assert_int_equal(place.status, app_status_generating);
    assert_null(place.node.at);
    ask_well(&room->call, "advance", &request, &advanced);
    ask_well(&room->call, "advance", &request, &advanced);
    request.node = TEXT_OF("two");
    ask_badly(&room->call, "advance", &request, &advanced, FAULT_conflict);
    request.node.at = NULL;
    ask_well(&room->call, "advance", &request, &advanced);
    ask_well(&room->call, "place", &app, &place);
    must_be(place.node, "one");
    ask_well(&room->call, "find", &app, &stored);
    must_be(stored.node, "one");
    room->call.user = "bob";
    ask_badly(&room->call, "place", &app, &place, FAULT_app_not_found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(steps_are_recorded_and_never_go_back),
        ROOM_TEST(refusals_of_advance),
        ROOM_TEST(an_operation_is_found_without_its_user),
        ROOM_TEST(an_expired_lease_may_be_claimed),
        ROOM_TEST(an_app_is_placed_once),
    };

    return cmocka_run_group_tests_name("operations", tests, NULL, NULL);
}
