/* fixture.c - the other side of the store's method table. */
#include "tests/store/fixture.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bus/clock.h"

void fixture_make(struct fixture *fixture)
{
    *fixture = (struct fixture){
        .directory = "/tmp/isekai-store-XXXXXX",
        .bus.bus_message_bytes_max = 16777216,
        .settings = {.store_key_file = "", .store_reader_threads = 3, .store_checkpoint_s = 300,
                     .operations_kept_s = 86400},
        .store.database.lock = -1,
    };
    assert_non_null(mkdtemp(fixture->directory));
}

void fixture_open(struct fixture *fixture)
{
    struct fault fault = {0};

    if (!store_open(&fixture->store, fixture->directory, &fixture->settings, &fixture->bus,
                    &fault))
        fail_msg("store_open: %s", fault.reason);
}

void fixture_close(struct fixture *fixture)
{
    store_close(&fixture->store);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void) about;
    (void) kind;
    (void) walk;
    return remove(path);
}

void directory_remove(const char *path)
{
    (void) nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void fixture_remove(struct fixture *fixture)
{
    fixture_close(fixture);
    directory_remove(fixture->directory);
}

/* ---- bus/actor.h ---- */

void *call_self(struct call *call) { return call->store; }
struct arena *call_arena(struct call *call) { return call->arena; }
const char *call_request_id(const struct call *call) { (void) call; return "request-1"; }
const char *call_user(const struct call *call) { return call->user ? call->user : "local"; }
bool call_is_admin(const struct call *call) { return call->user == NULL; }
bool call_is_cancelled(const struct call *call) { (void) call; return false; }
struct text call_packed(const struct call *call) { (void) call; return (struct text){0}; }

int64_t call_deadline_ms(const struct call *call)
{
    (void) call;
    return clock_now_ms() + TEST_WAIT_MS;
}

bool call_ask_within(struct call *call, const struct method *method, const char *service,
                     uint32_t within_ms, const void *request, void *reply, struct fault *fault)
{
    (void) service;
    (void) within_ms;
    (void) reply;
    assert_ptr_equal(method, &method_audit_append);
    return call->audit(call->audit_self, request, fault);
}

/* ---- asking ---- */

struct call call_begin(struct fixture *fixture, const char *user)
{
    return (struct call){.store = &fixture->store, .user = user, .arena = arena_new(67108864)};
}

void call_end(struct call *call)
{
    arena_free(call->arena);
    call->arena = NULL;
}

bool ask(struct call *call, const char *method, const void *request, void *reply,
         struct fault *fault)
{
    char name[64];

    (void) snprintf(name, sizeof name, "store.%s", method);
    for (size_t i = 0; i < store_method_count; i++)
        if (strcmp(store_methods[i].method->name, name) == 0)
            return store_methods[i].handle(call, request, reply, fault);
    fail_msg("no method %s", name);
    return false;
}

void ask_well(struct call *call, const char *method, const void *request, void *reply)
{
    struct fault fault = {0};

    if (!ask(call, method, request, reply, &fault))
        fail_msg("%s: %s: %s", method, fault_name(fault.kind), fault.reason);
}

void ask_badly(struct call *call, const char *method, const void *request, void *reply,
               enum fault_kind kind)
{
    struct fault fault = {0};

    if (ask(call, method, request, reply, &fault))
        fail_msg("%s succeeded", method);
    if (fault.kind != kind)
        fail_msg("%s: %s, not %s: %s", method, fault_name(fault.kind), fault_name(kind),
                 fault.reason);
}

struct text digest_of(char fill)
{
    static char digests[128][32];
    int row = fill & 127;

    memset(digests[row], fill, sizeof digests[row]);
    return (struct text){digests[row], sizeof digests[row]};
}

struct begin_request begin_of(const char *operation_id, const char *app_id,
                              enum operation_kind kind, const char *user)
{
    return (struct begin_request){
        .operation_id = text_from(operation_id),
        .app_id = text_from(app_id),
        .kind = kind,
        .digest = (struct text){"0123456789abcdef0123456789abcdef", 32},
        .owner = TEXT_OF("apps.one"),
        .lease_ms = 5000,
        .user = text_from(user),
        .name = TEXT_OF("A name"),
        .prompt = TEXT_OF("Create an app"),
    };
}

struct files files_of(struct arena *arena, size_t octets)
{
    struct file *file = arena_take(arena, sizeof *file);
    char *content = arena_take(arena, octets + 1);

    assert_true(file && content);
    memset(content, 'x', octets);
    *file = (struct file){TEXT_OF("server.js"), {content, octets}, false};
    return (struct files){file, 1};
}

void make_app(struct call *call, const char *app_id, const char *user)
{
    char key[160];
    struct begin_reply begun;
    struct advance_reply advanced;
    struct operation_result finished;
    struct version_content content = {.name = TEXT_OF("A name"),
                                      .files = files_of(call->arena, 1000)};

    (void) snprintf(key, sizeof key, "make-%s", app_id);
    struct begin_request begin = begin_of(key, app_id, operation_kind_generate, user);
    ask_well(call, "begin", &begin, &begun);
    ask_well(call, "advance",
             &(struct advance_request){.operation_id = text_from(key), .owner = begin.owner,
                                       .lease_ms = 5000,
                                       .step = operation_step_stored, .new_version = &content},
             &advanced);
    ask_well(call, "finish",
             &(struct finish_request){.operation_id = text_from(key), .owner = begin.owner,
                                      .serve = true,
                                      .status = app_status_stopped}, &finished);
}

int64_t file_octets(const char *directory, const char *name)
{
    char path[512];
    struct stat about;

    (void) snprintf(path, sizeof path, "%s/%s", directory, name);
    return stat(path, &about) == 0 ? about.st_size : -1;
}

int64_t query_count(struct fixture *fixture, const char *sql)
{
    struct fault fault = {0};
    struct connection *connection = readers_take(fixture->store.readers,
                                                 clock_now_ms() + TEST_WAIT_MS, &fault);
    sqlite3_stmt *statement = NULL;

    assert_non_null(connection);
    assert_int_equal(sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(statement, 0);
    statement_drop(&statement);
    readers_give(fixture->store.readers, connection);
    return count;
}
