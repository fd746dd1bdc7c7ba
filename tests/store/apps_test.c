/* apps_test - what is read: one app, pages of apps, routes, suggestions.
 *
 * Method: the store's own method table on a real database; where rows must be many or of one
 * moment they are put there by SQL.
 */
#include "tests/store/room.h"

static void an_app_comes_with_all_it_has(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct advance_reply advanced;
    struct operation_result finished;
    struct app app;
    struct text parts[] = {TEXT_OF("table"), TEXT_OF("form")};
    struct app_metadata metadata = {.intent = TEXT_OF("csv-viewer"), .components = {parts, 2},
                                    .context = TEXT_OF("\x81\xa5title\xa3" "CSV")};
    struct file files[] = {{TEXT_OF("server.js"), TEXT_OF("// caf\xc3\xa9\n"), false},
                           {TEXT_OF("public/index.html"), TEXT_OF(""), false}};
    struct version_content content = {.name = TEXT_OF("CSV"), .files = {files, 2},
                                      .metadata = &metadata};
    struct begin_request begin = begin_of("k", "app-1", operation_kind_generate, "ann");

    ask_well(&room->call, "begin", &begin, &begun);
    ask_well(&room->call, "advance",
             &(struct advance_request){.operation_id = TEXT_OF("k"), .owner = begin.owner,
                                       .lease_ms = 5000, .step = operation_step_stored,
                                       .new_version = &content}, &advanced);
    ask_well(&room->call, "finish",
             &(struct finish_request){.operation_id = TEXT_OF("k"), .owner = begin.owner,
                                      .serve = true, .status = app_status_stopped}, &finished);
    ask_well(&room->call, "get", &(struct app_ref){.app_id = TEXT_OF("app-1")}, &app);
    must_be(app.id, "app-1");
    must_be(app.name, "CSV");
    must_be(app.prompt, "Create an app");
    assert_int_equal(app.status, app_status_stopped);
    assert_int_equal(app.version, 1);
    assert_int_equal(app.code->files.count, 2);
    must_be(app.code->files.at[0].path, "server.js");
    must_be(app.code->files.at[0].content, "// caf\xc3\xa9\n");
    assert_int_equal(app.code->files.at[1].content.size, 0);
    must_be(app.metadata->intent, "csv-viewer");
    must_be(app.metadata->components.at[1], "form");
    must_be(app.metadata->context, "\x81\xa5title\xa3" "CSV");
    assert_null(app.metadata->error.at);
    assert_null(app.preview_url.at);
}

static void an_app_is_its_owners(void **state)
{
    struct room *room = *state;
    struct app_ref ref = {.app_id = TEXT_OF("app-1")};
    struct app app;

    make_app(&room->call, "app-1", "ann");
    ask_well(&room->call, "get", &ref, &app);
    room->call.user = "bob";
    ask_badly(&room->call, "get", &ref, &app, FAULT_app_not_found);
    room->call.user = NULL;     /* an admin */
    ask_well(&room->call, "get", &ref, &app);
    ref.app_id = TEXT_OF("app-2");
    ask_badly(&room->call, "get", &ref, &app, FAULT_app_not_found);
    /* kept over a restart */
    fixture_close(&room->fixture);
    fixture_open(&room->fixture);
    ref.app_id = TEXT_OF("app-1");
    ask_well(&room->call, "get", &ref, &app);
    assert_int_equal(app.code->files.at[0].content.size, 1000);
}

static void pages_join_without_gap_or_overlap(void **state)
{
    enum { APPS = 25 };
    struct room *room = *state;
    struct list_request request = {.limit = 7};
    struct list_reply reply;
    char last[128] = "~";
    int seen = 0;

    put_apps(room, APPS - 1);       /* and the seed; all created at one moment */
    do {
        ask_well(&room->call, "list", &request, &reply);
        assert_int_equal(reply.total, APPS);
        for (uint32_t i = 0; i < reply.apps.count; i++, seen++) {
            char id[128];
            assert_true(text_to_string(reply.apps.at[i].id, id, sizeof id));
            assert_true(strcmp(id, last) < 0);
            assert_null(reply.apps.at[i].code);
            strcpy(last, id);
        }
        /* one that comes meanwhile is newer, and moves nobody */
        put(room, "INSERT INTO apps (app_id, label, owner, name, prompt, status, desire, version, "
            "created_at, updated_at) VALUES ('new-%d', 'new-%d', 'bob', '', '', 'stopped', "
            "'stopped', 0, 2000, 2000)", seen, seen);
        request.cursor = reply.next_cursor;
    } while (reply.next_cursor.at);
    assert_int_equal(seen, APPS);

    request = (struct list_request){.limit = 10, .offset = 20};
    ask_well(&room->call, "list", &request, &reply);
    assert_int_equal(reply.apps.count, 5);
    assert_null(reply.next_cursor.at);
    request.offset = 1000;
    ask_well(&room->call, "list", &request, &reply);
    assert_int_equal(reply.apps.count, 0);
    room->call.user = NULL;
    request = (struct list_request){.limit = 1};
    ask_well(&room->call, "list", &request, &reply);
    assert_int_equal(reply.total, APPS + 4);
    assert_int_equal(reply.apps.at[0].created_at, 2000);    /* newest first */
    room->call.user = "nobody";
    ask_well(&room->call, "list", &request, &reply);
    assert_int_equal(reply.total, 0);
    assert_int_equal(reply.apps.count, 0);
}

static void broken_cursors_are_refused(void **state)
{
    static const char *const cursors[] = {"", "x", "5", ".", "5.", ".app", "5.a b", "5.a/b", "-5.a",
        "99999999999999999999.a", "5;app", "5.app\x01"};
    struct room *room = *state;
    struct list_reply reply;

    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        struct list_request request = {.limit = 7, .cursor = text_from(cursors[i])};
        ask_badly(&room->call, "list", &request, &reply, FAULT_malformed);
    }
}

static void full_pages_end_before_they_are_too_large(void **state)
{
    enum { APPS = 30 };
    struct room *room = *state;
    struct list_request request = {.limit = 100, .fields = list_fields_full};
    struct list_reply reply;
    int seen = 0, pages = 0;

    put_apps(room, APPS - 1);
    /* {"files": {"a": 24,576 letters}} */
    put(room, "UPDATE versions SET files = CAST(CAST(x'81a566696c657381a161da6000' AS TEXT) || "
        "printf('%%.*c', 24576, 'c') AS BLOB)");
    fixture_close(&room->fixture);
    room->fixture.bus.bus_message_bytes_max = 262144;
    fixture_open(&room->fixture);
    do {
        size_t octets = 0;
        ask_well(&room->call, "list", &request, &reply);
        for (uint32_t i = 0; i < reply.apps.count; i++)
            octets += reply.apps.at[i].code->files.at[0].content.size;
        assert_true(octets <= 262144 / 2);
        seen += (int)reply.apps.count;
        pages++;
        request.cursor = reply.next_cursor;
    } while (reply.next_cursor.at);
    assert_int_equal(seen, APPS);
    assert_int_equal(pages, 6);
    /* without code they all fit */
    request = (struct list_request){.limit = 100};
    ask_well(&room->call, "list", &request, &reply);
    assert_int_equal(reply.apps.count, APPS);
}

static void a_label_leads_to_its_app(void **state)
{
    struct room *room = *state;
    struct route_reply route;
    char label[APP_LABEL_SIZE];

    make_app(&room->call, "App_One", "ann");
    text_app_label(TEXT_OF("App_One"), label);
    ask_well(&room->call, "route", &(struct route_request){.label = text_from(label)}, &route);
    must_be(route.app_id, "App_One");
    must_be(route.name, "A name");
    assert_int_equal(route.status, app_status_stopped);
    assert_null(route.node.at);
    assert_int_equal(route.version, 1);
    put(room, "INSERT INTO runs VALUES ('run-1', 'App_One', 1, 'n7', 'http://h:1', 'http://u/', "
        "9000, 5, NULL); UPDATE apps SET run_id = 'run-1', status = 'error', error = 'why'");
    ask_well(&room->call, "route", &(struct route_request){.label = text_from(label)}, &route);
    assert_int_equal(route.status, app_status_error);
    must_be(route.error, "why");
    must_be(route.node, "n7");
    must_be(route.gateway, "http://h:1");
    ask_badly(&room->call, "route", &(struct route_request){.label = TEXT_OF("app_one")}, &route,
              FAULT_app_not_found);
}

static struct suggestion suggestion_of(const char *id)
{
    static const struct file changes[] = {{TEXT_OF("a.js"), TEXT_OF("1"), false},
                                          {TEXT_OF("b.js"), {0}, true}};

    return (struct suggestion){.id = text_from(id), .app_id = TEXT_OF("app-1"),
        .type = suggestion_type_fix, .title = TEXT_OF("Fix"), .description = TEXT_OF(""),
        .confidence = 0.75, .changes = {changes, 2}, .auto_apply = true, .created_at = 9};
}

static void suggestions_replace_the_ones_before(void **state)
{
    struct room *room = *state;
    struct suggestion first[] = {suggestion_of("s1"), suggestion_of("s2")};
    struct suggestion second[] = {suggestion_of("s3")};
    struct suggestion twice[] = {suggestion_of("s4"), suggestion_of("s4")};
    struct suggestions_put request = {.app_id = TEXT_OF("app-1"), .version = 1};
    struct suggestion_reply kept;
    struct nothing nothing;

    make_app(&room->call, "app-1", "ann");
    make_app(&room->call, "app-2", "ann");
    request.suggestions.at = first;
    request.suggestions.count = 2;
    ask_well(&room->call, "suggest", &request, &nothing);
    struct apply_request apply = {.app_id = TEXT_OF("app-1"), .suggestion_id = TEXT_OF("s2")};
    ask_well(&room->call, "suggestion", &apply, &kept);
    assert_int_equal(kept.version, 1);
    must_be(kept.suggestion->title, "Fix");
    assert_true(kept.suggestion->confidence == 0.75);
    assert_true(kept.suggestion->auto_apply);
    must_be(kept.suggestion->changes.at[0].content, "1");
    assert_true(kept.suggestion->changes.at[1].removed);
    /* C18: an id counts for its own app only */
    apply.app_id = TEXT_OF("app-2");
    ask_badly(&room->call, "suggestion", &apply, &kept, FAULT_suggestion_not_found);
    apply.app_id = TEXT_OF("app-1");
    request.suggestions.at = twice;
    ask_badly(&room->call, "suggest", &request, &nothing, FAULT_malformed);
    ask_well(&room->call, "suggestion", &apply, &kept);
    request.version = 2;
    request.suggestions.at = second;
    request.suggestions.count = 1;
    ask_well(&room->call, "suggest", &request, &nothing);
    ask_badly(&room->call, "suggestion", &apply, &kept, FAULT_suggestion_not_found);
    apply.suggestion_id = TEXT_OF("s3");
    ask_well(&room->call, "suggestion", &apply, &kept);
    assert_int_equal(kept.version, 2);
    request.app_id = TEXT_OF("app-9");
    ask_badly(&room->call, "suggest", &request, &nothing, FAULT_app_not_found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(an_app_comes_with_all_it_has),
        ROOM_TEST(an_app_is_its_owners),
        ROOM_TEST(pages_join_without_gap_or_overlap),
        ROOM_TEST(broken_cursors_are_refused),
        ROOM_TEST(full_pages_end_before_they_are_too_large),
        ROOM_TEST(a_label_leads_to_its_app),
        ROOM_TEST(suggestions_replace_the_ones_before),
    };

    return cmocka_run_group_tests_name("apps", tests, NULL, NULL);
}
