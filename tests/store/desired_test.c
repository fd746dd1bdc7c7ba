/* desired_test - what should run on a node, what is forgotten, and reading while others write.
 *
 * Method: the store's own method table on a real database; where rows must be many or of one
 * moment they are put there by SQL.
 */
#include "tests/store/room.h"

#include <pthread.h>
#include <stdatomic.h>

#include "actors/store/operations.h"
#include "bus/clock.h"

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
    struct operation_result finished;

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
                                      .serve = true}, &finished);
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
    const struct CMUnitTest tests[] = {
        ROOM_TEST(a_node_hears_what_should_run_there),
        ROOM_TEST(desired_pages_are_bounded_and_never_half_known),
        ROOM_TEST(old_operations_go_in_bounded_parts),
        ROOM_TEST(readers_see_whole_changes),
        ROOM_TEST(a_probe_is_written),
    };

    return cmocka_run_group_tests_name("desired", tests, NULL, NULL);
}
