/* schema_test - the file: who may open it, how it grows up, what it refuses to hold.
 *
 * Method: real databases, made by the real migrations up to an older number, or by hand.
 */
#include "tests/store/fixture.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/store/schema.h"
#include "bus/clock.h"

static void execute(struct connection *connection, const char *sql)
{
    if (sqlite3_exec(connection->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(connection->db));
}

static int64_t number_of(struct connection *connection, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    statement_drop(&statement);
    return number;
}

static const char an_app[] =
    "INSERT INTO apps (app_id, label, owner, name, prompt, status, desire, version, created_at,"
    " updated_at) VALUES ('kept', 'kept', 'ann', 'n', 'p', 'stopped', 'stopped', 0, 1, 1)";

static void a_fresh_file_is_private_and_up_to_date(void **state)
{
    struct fixture fixture;
    struct stat about;
    char path[DATABASE_PATH_SIZE + 8];

    (void) state;
    fixture_make(&fixture);
    strcat(fixture.directory, "/data");     /* is made, 0700 */
    fixture_open(&fixture);
    assert_int_equal(stat(fixture.directory, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        (void) snprintf(path, sizeof path, "%s%s", fixture.store.database.path, ends[i]);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
    }
    assert_int_equal(query_count(&fixture, "PRAGMA user_version"), migration_count);
    fixture_close(&fixture);
    *strrchr(fixture.directory, '/') = '\0';
    directory_remove(fixture.directory);
}

static void connections_are_set_up_as_said(void **state)
{
    struct fixture fixture;
    struct database database;
    struct fault fault = {0};

    (void) state;
    fixture_make(&fixture);
    assert_true(database_open(&database, fixture.directory, &fault));
    struct connection *writer = connection_open_writer(&database, &fault);
    struct connection *reader = connection_open_reader(&database, &fault);
    assert_true(writer && reader);
    assert_int_equal(number_of(writer, "PRAGMA synchronous"), 2);
    assert_int_equal(number_of(writer, "PRAGMA foreign_keys"), 1);
    assert_int_equal(number_of(writer, "PRAGMA trusted_schema"), 0);
    assert_int_equal(number_of(writer, "PRAGMA busy_timeout"), 5000);
    assert_int_equal(number_of(writer, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(number_of(writer, "PRAGMA wal_autocheckpoint"), 0);
    assert_int_equal(number_of(reader, "PRAGMA query_only"), 1);
    assert_int_not_equal(sqlite3_exec(reader->db, an_app, NULL, NULL, NULL), SQLITE_OK);
    assert_null(reader->statements[STATEMENT_app_insert]);
    /* STRICT everywhere */
    assert_int_equal(number_of(writer, "SELECT count(*) FROM pragma_table_list WHERE type = "
                               "'table' AND name NOT LIKE 'sqlite_%' AND strict = 0"), 0);

    /* A reader that closes last leaves the WAL as it is. */
    execute(writer, an_app);
    int64_t wal = file_octets(fixture.directory, "isekai.db-wal");
    assert_true(wal > 0);
    connection_close(reader);
    assert_int_equal(file_octets(fixture.directory, "isekai.db-wal"), wal);
    connection_close(writer);
    database_close(&database);
    directory_remove(fixture.directory);
}

static void a_second_store_is_refused(void **state)
{
    struct fixture fixture;
    struct database second;
    struct fault fault = {0};

    (void) state;
    fixture_make(&fixture);
    fixture_open(&fixture);
    assert_false(database_open(&second, fixture.directory, &fault));
    assert_int_equal(fault.kind, FAULT_conflict);
    assert_non_null(strstr(fault.reason, "another store process uses"));
    fixture_close(&fixture);
    assert_true(database_open(&second, fixture.directory, &fault));
    database_close(&second);
    directory_remove(fixture.directory);
}

static void a_symlink_is_not_followed(void **state)
{
    struct fixture fixture;
    struct database database;
    struct fault fault = {0};
    char link[128];

    (void) state;
    fixture_make(&fixture);
    (void) snprintf(link, sizeof link, "%s/isekai.db", fixture.directory);
    assert_int_equal(symlink("/tmp/elsewhere.db", link), 0);
    assert_false(database_open(&database, fixture.directory, &fault));
    assert_int_equal(access("/tmp/elsewhere.db", F_OK), -1);
    directory_remove(fixture.directory);
}

static void older_releases_grow_up(void **state)
{
    (void) state;
    for (size_t from = 1; from <= migration_count; from++) {
        struct fixture fixture;
        struct database database;
        struct fault fault = {0};

        fixture_make(&fixture);
        assert_true(database_open(&database, fixture.directory, &fault));
        struct connection *old = connection_open_bare(&database, &fault);
        assert_non_null(old);
        assert_true(schema_migrate(old, migrations, from, &fault));
        assert_int_equal(number_of(old, "PRAGMA user_version"), from);
        execute(old, an_app);
        connection_close(old);
        database_close(&database);
        fixture_open(&fixture);
        assert_int_equal(query_count(&fixture, "PRAGMA user_version"), migration_count);
        assert_int_equal(query_count(&fixture, "SELECT count(*) FROM apps WHERE app_id = 'kept'"),
                         1);
        fixture_remove(&fixture);
    }
}

static void a_migration_that_fails_leaves_the_file_as_it_was(void **state)
{
    static const struct migration broken[] = {
        {1, "CREATE TABLE one (a INTEGER) STRICT"},
        {2, "CREATE TABLE two (a INTEGER) STRICT; INSERT INTO one VALUES (7)"},
        {3, "CREATE TABLE three (a INTEGER) STRICT; INSERT INTO nowhere VALUES (1)"},
    };
    struct fixture fixture;
    struct database database;
    struct fault fault = {0};

    (void) state;
    fixture_make(&fixture);
    assert_true(database_open(&database, fixture.directory, &fault));
    struct connection *connection = connection_open_bare(&database, &fault);
    assert_true(schema_migrate(connection, broken, 1, &fault));
    assert_false(schema_migrate(connection, broken, 3, &fault));
    assert_non_null(strstr(fault.reason, "migration 3"));
    assert_int_equal(number_of(connection, "PRAGMA user_version"), 1);
    assert_int_equal(number_of(connection, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_int_equal(number_of(connection, "SELECT count(*) FROM one"), 0);
    assert_true(schema_migrate(connection, broken, 2, &fault));
    connection_close(connection);
    database_close(&database);
    directory_remove(fixture.directory);
}

/* Prepare a file with one statement, then open it as a store. */
static void assert_refused(const char *sql, const char *why)
{
    struct fixture fixture;
    struct database database;
    struct fault fault = {0};

    fixture_make(&fixture);
    assert_true(database_open(&database, fixture.directory, &fault));
    struct connection *connection = connection_open_bare(&database, &fault);
    execute(connection, sql);
    connection_close(connection);
    database_close(&database);
    assert_false(store_open(&fixture.store, fixture.directory, &fixture.settings, &fixture.bus,
                            &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
    if (!strstr(fault.reason, why))
        fail_msg("'%s' does not say '%s'", fault.reason, why);
    directory_remove(fixture.directory);
}

static void newer_and_foreign_files_are_refused(void **state)
{
    (void) state;
    assert_refused("PRAGMA application_id = 1230193995; PRAGMA user_version = 1000",
                   "a newer release wrote it");
    assert_refused("CREATE TABLE theirs (a)", "another program's");
    assert_refused("PRAGMA application_id = 17", "another program's");
}

static void no_database_is_refused(void **state)
{
    struct fixture fixture;
    struct fault fault = {0};
    char path[128];

    (void) state;
    fixture_make(&fixture);
    (void) snprintf(path, sizeof path, "%s/isekai.db", fixture.directory);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fprintf(file, "this is no database");
    fclose(file);
    assert_false(store_open(&fixture.store, fixture.directory, &fixture.settings, &fixture.bus,
                            &fault));
    assert_int_equal(fault.kind, FAULT_internal);
    directory_remove(fixture.directory);
}

static void rows_out_of_bounds_are_refused(void **state)
{
    static const struct { const char *label; const char *set; } rows[] = {
        {"a text as a number",     "version = 'three'"},
        {"a negative version",     "version = -1"},
        {"a version too high",     "version = 1000000001"},
        {"no status",              "status = NULL"},
        {"an empty owner",         "owner = ''"},
        {"a name too long",        "name = printf('%.*c', 201, 'n')"},
        {"a prompt too long",      "prompt = printf('%.*c', 5001, 'p')"},
        {"an error too long",      "error = printf('%.*c', 301, 'e')"},
        {"an id too long",         "app_id = printf('%.*c', 101, 'i')"},
        {"a label too long",       "label = printf('%.*c', 64, 'l')"},
        {"octets as a name",       "name = x'00ff'"},
        {"no creation",            "created_at = 0"},
    };
    struct fixture fixture;
    struct database database;
    struct fault fault = {0};
    char sql[128];

    (void) state;
    fixture_make(&fixture);
    assert_true(database_open(&database, fixture.directory, &fault));
    struct connection *writer = connection_open_writer(&database, &fault);
    execute(writer, an_app);
    execute(writer, "UPDATE apps SET name = printf('%.*c', 200, 'n'), version = 1000000000");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void) snprintf(sql, sizeof sql, "UPDATE apps SET %s", rows[i].set);
        if (sqlite3_exec(writer->db, sql, NULL, NULL, NULL) == SQLITE_OK)
            fail_msg("%s was taken", rows[i].label);
    }
    /* foreign keys hold, and one open operation per app */
    assert_int_not_equal(SQLITE_OK, sqlite3_exec(writer->db, "INSERT INTO versions VALUES "
        "('nobody', 1, 'n', NULL, 1, NULL, x'80')", NULL, NULL, NULL));
    execute(writer, "INSERT INTO operations VALUES ('a', 'u', 'kept', 'stop', 'begun', 'o', "
            "zeroblob(32), 0, NULL, 1, 1, NULL, NULL, NULL)");
    assert_int_not_equal(SQLITE_OK, sqlite3_exec(writer->db, "INSERT INTO operations VALUES "
        "('b', 'u', 'kept', 'stop', 'begun', 'o', zeroblob(32), 0, NULL, 1, 1, NULL, NULL, NULL)",
        NULL, NULL, NULL));
    connection_close(writer);
    database_close(&database);
    directory_remove(fixture.directory);
}

/* No statement of the daily work may walk a whole table, or sort what an index holds sorted. */
static void statements_use_their_indexes(void **state)
{
    static const struct { enum statement statement; const char *sql; } rows[] = {
#define READ(name, sql) {STATEMENT_##name, sql},
#define WRITE(name, sql) {STATEMENT_##name, sql},
#include "actors/store/statements.def"
    };
    struct fixture fixture;
    struct database database;
    struct fault fault = {0};
    char explain[2048];

    (void) state;
    fixture_make(&fixture);
    assert_true(database_open(&database, fixture.directory, &fault));
    struct connection *writer = connection_open_writer(&database, &fault);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sqlite3_stmt *plan = NULL;
        enum statement at = rows[i].statement;
        (void) snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", rows[i].sql);
        assert_int_equal(sqlite3_prepare_v2(writer->db, explain, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            bool walks = strncmp(step, "SCAN", 4) == 0 && !strstr(step, "CONSTANT ROW") &&
                         !strstr(step, "SUBQUERY");
            bool whole = at == STATEMENT_app_ids || at == STATEMENT_app_count_all ||
                         at == STATEMENT_outbox_get;
            bool sorts = strstr(step, "TEMP B-TREE") && at != STATEMENT_operation_held &&
                         at != STATEMENT_operation_expired;
            if ((walks && !whole) || sorts)
                fail_msg("%s: %s", rows[i].sql, step);
        }
        statement_drop(&plan);
    }
    connection_close(writer);
    database_close(&database);
    directory_remove(fixture.directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_file_is_private_and_up_to_date),
        cmocka_unit_test(connections_are_set_up_as_said),
        cmocka_unit_test(a_second_store_is_refused),
        cmocka_unit_test(a_symlink_is_not_followed),
        cmocka_unit_test(older_releases_grow_up),
        cmocka_unit_test(a_migration_that_fails_leaves_the_file_as_it_was),
        cmocka_unit_test(newer_and_foreign_files_are_refused),
        cmocka_unit_test(no_database_is_refused),
        cmocka_unit_test(rows_out_of_bounds_are_refused),
        cmocka_unit_test(statements_use_their_indexes),
    };

    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
