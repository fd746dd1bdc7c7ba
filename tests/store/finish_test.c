/* finish_test - the end of a change: all of it, or none.
 *
 * Method: the store's own method table on a real database; refusals outnumber what is let through.
 */
#include "tests/store/room.h"

static void finish_changes_everything_at_once(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct operation_result finished;
    struct audit_event events[] = {{.event_id = TEXT_OF("e-1"), .at = 5, .kind = TEXT_OF("x"),
                                    .user = TEXT_OF("ann")}};
    struct run run = run_of("run-2", "app-1", 2);

    make_running(&room->call, "app-1", "run-1");
    struct app before = get_app(&room->call, "app-1");
    must_be(before.preview_url, "http://a.localhost:8000/");
    begin_well(&room->call, "k", "app-1", operation_kind_modify, &begun);
    assert_int_equal(store_version_of(&room->call, "k", "Second"), 2);
    struct app during = get_app(&room->call, "app-1");
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
    ask_well(&room->call, "finish", &finish, &finished);
    struct app after = get_app(&room->call, "app-1");
    assert_int_equal(after.version, 2);
    must_be(after.name, "Second");
    assert_true(after.updated_at > before.updated_at);
    assert_int_equal(query_count(&room->fixture,
                                 "SELECT count(*) FROM outbox WHERE event_id = 'e-1'"), 1);
    struct stored_app stored = find_app(&room->call, "app-1");
    must_be(stored.run->run_id, "run-2");
    assert_int_equal(stored.desire, app_desire_running);
    assert_null(stored.operation);
    /* sent again: the same answer, nothing twice */
    ask_well(&room->call, "finish", &finish, &finished);
    assert_int_equal(get_app(&room->call, "app-1").updated_at, after.updated_at);
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
    struct operation_result finished;
    char long_id[80];
    struct audit_event events[] = {{.event_id = TEXT_OF("fine"), .at = 5, .kind = TEXT_OF("x")},
                                   {.event_id = {long_id, 65}, .at = 5, .kind = TEXT_OF("x")}};

    memset(long_id, 'e', sizeof long_id);
    begin_well(&room->call, "k", "app-1", operation_kind_generate, &begun);
    assert_int_equal(store_version_of(&room->call, "k", "one"), 1);
    struct finish_request finish = finish_of("k");
    finish.serve = true;
    finish.events.at = events;
    finish.events.count = 2;
    ask_badly(&room->call, "finish", &finish, &finished, FAULT_internal);
    struct stored_app app = find_app(&room->call, "app-1");
    assert_int_equal(app.app->version, 0);
    assert_non_null(app.operation);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM outbox"), 0);
}

static void a_failed_change_leaves_the_old_version(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct operation_result finished;
    struct failure failure = {.name = TEXT_OF("start_failed")};

    make_running(&room->call, "app-1", "run-1");
    begin_well(&room->call, "k", "app-1", operation_kind_modify, &begun);
    assert_int_equal(store_version_of(&room->call, "k", "Bad"), 2);
    struct finish_request finish = finish_of("k");
    finish.failure = &failure;
    ask_well(&room->call, "finish", &finish, &finished);
    struct app app = get_app(&room->call, "app-1");
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
    struct operation_result finished;
    struct run run = run_of("run-1", "another-app", 1);

    begin_well(&room->call, "k", "app-1", operation_kind_generate, &begun);
    struct finish_request finish = finish_of("k");
    finish.owner = TEXT_OF("apps.two");
    ask_badly(&room->call, "finish", &finish, &finished, FAULT_conflict);
    finish.owner = TEXT_OF("apps.one");
    finish.serve = true;        /* nothing was stored */
    ask_badly(&room->call, "finish", &finish, &finished, FAULT_conflict);
    finish.serve = false;
    finish.run = &run;
    ask_badly(&room->call, "finish", &finish, &finished, FAULT_conflict);
    finish.operation_id = TEXT_OF("unknown");
    ask_badly(&room->call, "finish", &finish, &finished, FAULT_conflict);
}

static void a_removed_app_leaves_only_keys(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct nothing nothing;
    struct operation_result finished;
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
    begin_well(&room->call, "kept", "app-1", operation_kind_modify, &begun);
    struct finish_request kept = finish_of("kept");
    kept.keep = true;
    ask_well(&room->call, "finish", &kept, &finished);
    assert_non_null(finished.app);
    begin_well(&room->call, "k", "app-1", operation_kind_remove, &begun);
    struct finish_request finish = finish_of("k");
    finish.remove = finish.keep = true;
    finish.events.at = &event;
    finish.events.count = 1;
    ask_well(&room->call, "finish", &finish, &finished);
    ask_badly(&room->call, "get", &(struct app_ref){.app_id = TEXT_OF("app-1")}, &app,
              FAULT_app_not_found);
    static const char *const tables[] = {"apps", "versions", "runs", "run_ends", "suggestions"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[64];
        (void) snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        assert_int_equal(query_count(&room->fixture, sql), 0);
    }
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM outbox"), 1);
    begin_well(&room->call, "k", "app-1", operation_kind_remove, &begun);
    assert_false(begun.created);
    assert_non_null(begun.operation->result);
    assert_null(begun.operation->result->app);
    /* another key of the app does nothing again, and holds nothing of it */
    begin_well(&room->call, "kept", "app-1", operation_kind_modify, &begun);
    assert_false(begun.created);
    assert_null(begun.operation->result);
    ask_well(&room->call, "finish", &finish, &finished);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(finish_changes_everything_at_once),
        ROOM_TEST(finish_is_all_or_nothing),
        ROOM_TEST(a_failed_change_leaves_the_old_version),
        ROOM_TEST(refusals_of_finish),
        ROOM_TEST(a_removed_app_leaves_only_keys),
    };

    return cmocka_run_group_tests_name("finish", tests, NULL, NULL);
}
