/* room.c - an open store and a call in it, and what most tests do there. */
#include "tests/store/room.h"

#include <stdlib.h>

#include "bus/clock.h"

int room_open(void **state)
{
    struct room *room = calloc(1, sizeof *room);

    fixture_make(&room->fixture);
    fixture_open(&room->fixture);
    room->call = call_begin(&room->fixture, "ann");
    *state = room;
    return 0;
}

int room_close(void **state)
{
    struct room *room = *state;

    call_end(&room->call);
    fixture_remove(&room->fixture);
    free(room);
    return 0;
}

void must_be(struct text text, const char *wanted)
{
    if (!text_is(text, wanted))
        fail_msg("'%.*s' is not '%s'", TEXT_ARGS(text), wanted);
}

struct app get_app(struct call *call, const char *app_id)
{
    struct app app;

    ask_well(call, "get", &(struct app_ref){.app_id = text_from(app_id)}, &app);
    return app;
}

struct stored_app find_app(struct call *call, const char *app_id)
{
    struct stored_app app;

    ask_well(call, "find", &(struct app_ref){.app_id = text_from(app_id)}, &app);
    return app;
}

void begin_well(struct call *call, const char *key, const char *app_id,
                  enum operation_kind kind, struct begin_reply *reply)
{
    struct begin_request request = begin_of(key, app_id, kind, "ann");

    ask_well(call, "begin", &request, reply);
}

uint64_t store_version_of(struct call *call, const char *key, const char *name)
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

struct finish_request finish_of(const char *key)
{
    return (struct finish_request){.operation_id = text_from(key), .owner = TEXT_OF("apps.one")};
}

const struct run_end crashed = {.reason = end_reason_exit, .exit_code = 3};
const struct run_end asked = {.reason = end_reason_stopped};

struct ended_request ended_of(const char *run_id, const char *app_id,
                                     const struct run_end *end)
{
    return (struct ended_request){.run_id = text_from(run_id), .app_id = text_from(app_id),
                                  .status = app_status_error, .error = TEXT_OF("it crashed"),
                                  .end = end};
}

struct run run_of(const char *run_id, const char *app_id, uint64_t version)
{
    return (struct run){.run_id = text_from(run_id), .app_id = text_from(app_id),
                        .version = version, .node = TEXT_OF("local"),
                        .gateway = TEXT_OF("http://127.0.0.1:8000"),
                        .url = TEXT_OF("http://a.localhost:8000/"), .port = 9000,
                        .started_at = 1760108400000};
}

/* An app of ann's whose version 1 runs as `run_id`. */
void make_running(struct call *call, const char *app_id, const char *run_id)
{
    struct begin_reply begun;
    struct operation_result finished;
    struct run run = run_of(run_id, app_id, 1);
    char key[64];

    (void) snprintf(key, sizeof key, "run-%s", app_id);
    begin_well(call, key, app_id, operation_kind_generate, &begun);
    assert_int_equal(store_version_of(call, key, "Running"), 1);
    struct finish_request finish = finish_of(key);
    finish.serve = true;
    finish.status = app_status_running;
    finish.desire = app_desire_running;
    finish.run = &run;
    ask_well(call, "finish", &finish, &finished);
}

static bool run_sql(struct connection *connection, void *sql, struct fault *fault)
{
    return sqlite3_exec(connection->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           fault_set(fault, FAULT_internal, "%s", sqlite3_errmsg(connection->db));
}

void put(struct room *room, const char *format, ...)
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

void put_apps(struct room *room, int count)
{
    make_app(&room->call, "seed", "ann");
    put(room, "UPDATE apps SET created_at = 1000");
    put(room, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
        "INSERT INTO apps SELECT printf('app-%%05d', i), printf('app-%%05d', i), owner, name, "
        "prompt, status, desire, error, version, run_id, 1000, 1000, node FROM n, apps "
        "WHERE app_id = 'seed'", count);
    put(room, "INSERT INTO versions SELECT a.app_id, 1, 'n', NULL, 1000, NULL, v.files "
        "FROM apps a, versions v WHERE a.app_id <> 'seed' AND v.app_id = 'seed'");
}
