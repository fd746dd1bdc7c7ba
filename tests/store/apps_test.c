/* apps_test - what is read: one app, pages of apps, routes, suggestions, what should run.
 *
 * Method: the store's own method table on a real database; where rows must be many or of one
 * moment they are put there by SQL.
 */
#include "tests/store/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "actors/store/operations.h"
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

static bool run_sql(struct connection *connection, void *sql, struct fault *fault)
{
    return sqlite3_exec(connection->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           fault_set(fault, FAULT_internal, "%s", sqlite3_errmsg(connection->db));
}

static void put(struct room *room, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct room *room, const char *format, ...)
{
    char sql[2048];
    va_list args;
    struct fault fault = {0};

    va_start(args, format);
    (void) vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    if (!writer_do(room->fixture.store.writer, run_sql, sql, 0, clock_now_ms() + TEST_WAIT_MS,
                   &fault))
        fail_msg("%s: %s", sql, fault.reason);
}

static void must_be(struct text text, const char *wanted)
{
    if (!text_is(text, wanted))
        fail_msg("'%.*s' is not '%s'", TEXT_ARGS(text), wanted);
}

/* The seed, of 1,000 octets, and `count` like it, all created at the same moment. */
static void put_apps(struct room *room, int count)
{
    make_app(&room->call, "seed", "ann");
    put(room, "UPDATE apps SET created_at = 1000");
    put(room, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
        "INSERT INTO apps SELECT printf('app-%%05d', i), printf('app-%%05d', i), owner, name, "
        "prompt, status, desire, error, version, run_id, 1000, 1000 FROM n, apps "
        "WHERE app_id = 'seed'", count);
    put(room, "INSERT INTO versions SELECT a.app_id, 1, 'n', NULL, 1000, NULL, v.files "
        "FROM apps a, versions v WHERE a.app_id <> 'seed' AND v.app_id = 'seed'");
}

/* ---- get ---- */

static void an_app_comes_with_all_it_has(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct advance_reply advanced;
    struct nothing nothing;
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
                                      .serve = true, .status = app_status_stopped}, &nothing);
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

/* ---- list ---- */

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

/* ---- route, suggestions ---- */

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

/* ---- desired ---- */

static void a_node_hears_what_should_run_there(void **state)
{
    enum { APPS = 150 };
    struct room *room = *state;
    struct desired_request request = {.node = TEXT_OF("here")};
    struct desired_reply reply;

    put_apps(room, APPS);
    put(room, "INSERT INTO runs SELECT 'run-' || app_id, app_id, 1, 'here', NULL, NULL, 9000, 5, "
        "NULL FROM apps WHERE app_id <> 'seed';"
        "UPDATE apps SET run_id = 'run-' || app_id, status = 'running', desire = 'running' "
        "WHERE app_id <> 'seed'");
    put(room, "UPDATE runs SET node = 'there' WHERE app_id = 'app-00001'");
    put(room, "UPDATE apps SET status = 'error', desire = 'stopped' WHERE app_id = 'app-00002'");
    put(room, "UPDATE apps SET desire = 'stopped' WHERE app_id = 'app-00003'");
    put(room, "UPDATE apps SET status = 'sleeping' WHERE app_id = 'app-00004'");
    ask_well(&room->call, "desired", &request, &reply);
    assert_true(reply.known_all);
    assert_int_equal(reply.known.count, APPS + 1);
    assert_int_equal(reply.apps.count, 100);
    assert_true(reply.more);
    must_be(reply.apps.at[0].app_id, "app-00005");
    must_be(reply.apps.at[0].run->run_id, "run-app-00005");
    assert_int_equal(reply.apps.at[0].files.at[0].content.size, 1000);
    request.after = reply.apps.at[99].app_id;
    ask_well(&room->call, "desired", &request, &reply);
    assert_int_equal(reply.apps.count, APPS - 4 - 100);
    assert_false(reply.more);
    assert_int_equal(reply.known.count, 0);
    assert_false(reply.known_all);
}

static void desired_pages_are_bounded_and_never_half_known(void **state)
{
    enum { APPS = 3000 };
    struct room *room = *state;
    struct desired_request request = {.node = TEXT_OF("here")};
    struct desired_reply reply;

    put_apps(room, APPS);
    put(room, "INSERT INTO runs SELECT 'run-' || app_id, app_id, 1, 'here', NULL, NULL, 9000, 5, "
        "NULL FROM apps; UPDATE apps SET run_id = 'run-' || app_id, status = 'running', "
        "desire = 'running'");
    ask_well(&room->call, "desired", &request, &reply);
    assert_int_equal(reply.known.count, APPS + 1);
    assert_true(reply.known_all);
    fixture_close(&room->fixture);
    room->fixture.bus.bus_message_bytes_max = 131072;
    fixture_open(&room->fixture);
    ask_well(&room->call, "desired", &request, &reply);
    assert_int_equal(reply.known.count, 0);
    assert_false(reply.known_all);
    assert_in_range(reply.apps.count, 1, 65536 / 1024);
    assert_true(reply.more);
}

/* ---- forgetting ---- */

struct forgetting { struct arena *arena; bool more; };

static bool forget(struct connection *connection, void *forgetting_, struct fault *fault)
{
    struct forgetting *forgetting = forgetting_;

    return operations_forget(connection, forgetting->arena, 2000, &forgetting->more, fault);
}

static void old_operations_go_in_bounded_parts(void **state)
{
    struct room *room = *state;
    struct forgetting forgetting = {.arena = room->call.arena, .more = true};
    struct fault fault = {0};
    int parts = 0;

    put(room, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) "
        "INSERT INTO operations SELECT 'o' || i, 'ann', 'a', 'stop', 'ended', 'o', "
        "zeroblob(32), 0, NULL, 1, 1, 1000 + i * 8, NULL, zeroblob(10) FROM n");
    put(room, "INSERT INTO operations SELECT 'big' || operation_id, user, app_id, kind, step, "
        "owner, digest, version, run_id, created_at, lease_until, 1, NULL, zeroblob(3000000) "
        "FROM operations WHERE operation_id IN ('o1', 'o2', 'o3')");
    put(room, "INSERT INTO operations VALUES ('open', 'ann', 'a', 'stop', 'begun', 'o', "
        "zeroblob(32), 0, NULL, 1, 1, NULL, NULL, NULL)");
    for (; forgetting.more && parts < 20; parts++)
        assert_true(writer_do(room->fixture.store.writer, forget, &forgetting, 0,
                              clock_now_ms() + TEST_WAIT_MS, &fault));
    assert_in_range(parts, 4, 6);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM operations"), 1 + 126);
    assert_int_equal(query_count(&room->fixture, "SELECT min(ended_at) FROM operations"), 2000);
}

/* ---- readers during writes (TSan) ---- */

struct looking { struct fixture *fixture; atomic_bool stop; atomic_int looks; pthread_t thread; };

/* Whatever moment a reader sees, it is one moment: name and version belong together. */
static void *look_always(void *looking_)
{
    struct looking *looking = looking_;

    while (!atomic_load(&looking->stop)) {
        struct call call = call_begin(looking->fixture, "ann");
        struct stored_app app;
        struct list_reply list;
        char wanted[32];
        ask_well(&call, "find", &(struct app_ref){.app_id = TEXT_OF("app-1")}, &app);
        if (app.app->version > 1) {
            (void) snprintf(wanted, sizeof wanted, "name %d", (int)app.app->version);
            must_be(app.app->name, wanted);
            assert_int_equal(app.app->code->files.at[0].content.size, app.app->version);
        }
        ask_well(&call, "list", &(struct list_request){.limit = 10}, &list);
        assert_int_equal(list.total, 1);
        call_end(&call);
        atomic_fetch_add(&looking->looks, 1);
    }
    return NULL;
}

static void change_once(struct room *room, int number)
{
    struct call call = call_begin(&room->fixture, "ann");
    char key[32], name[32];
    struct begin_reply begun;
    struct advance_reply advanced;
    struct nothing nothing;

    (void) snprintf(key, sizeof key, "key %d", number);
    (void) snprintf(name, sizeof name, "name %d", number);
    struct version_content content = {.name = text_from(name),
                                      .files = files_of(call.arena, (size_t)number)};
    struct begin_request begin = begin_of(key, "app-1", operation_kind_modify, "ann");
    ask_well(&call, "begin", &begin, &begun);
    ask_well(&call, "advance",
             &(struct advance_request){.operation_id = begin.operation_id, .owner = begin.owner,
                                       .lease_ms = 5000, .step = operation_step_stored,
                                       .new_version = &content}, &advanced);
    assert_int_equal(advanced.version, number);
    ask_well(&call, "finish",
             &(struct finish_request){.operation_id = begin.operation_id, .owner = begin.owner,
                                      .serve = true}, &nothing);
    call_end(&call);
}

static void readers_see_whole_changes(void **state)
{
    enum { LOOKERS = 5, CHANGES = 60 };     /* more lookers than connections */
    struct room *room = *state;
    struct looking lookings[LOOKERS];

    make_app(&room->call, "app-1", "ann");
    for (int i = 0; i < LOOKERS; i++) {
        lookings[i] = (struct looking){.fixture = &room->fixture};
        pthread_create(&lookings[i].thread, NULL, look_always, &lookings[i]);
    }
    for (int number = 2; number < CHANGES + 2; number++)
        change_once(room, number);
    for (int i = 0; i < LOOKERS; i++) {
        atomic_store(&lookings[i].stop, true);
        pthread_join(lookings[i].thread, NULL);
        assert_true(atomic_load(&lookings[i].looks) > 0);
    }
}

static void a_probe_is_written(void **state)
{
    struct room *room = *state;
    struct nothing nothing = {0};
    char level[200];

    ask_well(&room->call, "probe", &nothing, &nothing);
    ask_well(&room->call, "probe", &nothing, &nothing);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM probes"), 1);
    assert_true(store_is_healthy(&room->fixture.store, level));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)
    const struct CMUnitTest tests[] = {
        TEST(an_app_comes_with_all_it_has),
        TEST(an_app_is_its_owners),
        TEST(pages_join_without_gap_or_overlap),
        TEST(broken_cursors_are_refused),
        TEST(full_pages_end_before_they_are_too_large),
        TEST(a_label_leads_to_its_app),
        TEST(suggestions_replace_the_ones_before),
        TEST(a_node_hears_what_should_run_there),
        TEST(desired_pages_are_bounded_and_never_half_known),
        TEST(old_operations_go_in_bounded_parts),
        TEST(readers_see_whole_changes),
        TEST(a_probe_is_written),
    };

    return cmocka_run_group_tests_name("apps", tests, NULL, NULL);
}
