/* schema.c - run the migrations that a database has not seen. */
#include "actors/store/schema.h"

enum { APPLICATION_ID = 0x4953454b };       /* "ISEK": tells the file from other programs' */

const struct migration migrations[] = {
#define MIGRATION(number, sql) {number, sql},
#include "actors/store/migrations.def"
#undef MIGRATION
};
const size_t migration_count = sizeof migrations / sizeof *migrations;

static bool execute(struct connection *connection, const char *sql, struct fault *fault)
{
    int result = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);

    return result == SQLITE_OK || fault_from_sqlite(connection, result, fault);
}

static bool read_number(struct connection *connection, const char *sql, int64_t *out,
                        struct fault *fault)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);

    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result != SQLITE_ROW)
        return fault_from_sqlite(connection, result, fault);
    *out = sqlite3_column_int64(statement, 0);
    return true;
}

static bool set_number(struct connection *connection, const char *pragma, int64_t number,
                       struct fault *fault)
{
    char sql[80];

    (void) snprintf(sql, sizeof sql, "PRAGMA %s = %lld", pragma, (long long)number);
    return execute(connection, sql, fault);
}

static bool check_origin(struct connection *connection, int64_t at, size_t count,
                         struct fault *fault)
{
    int64_t application = 0, tables = 0;

    if (!read_number(connection, "PRAGMA application_id", &application, fault) ||
        !read_number(connection, "SELECT count(*) FROM sqlite_schema", &tables, fault))
        return false;
    if (application != APPLICATION_ID && (application != 0 || tables != 0))
        return fault_set(fault, FAULT_malformed, "the file is another program's database");
    if (at > (int64_t)count)
        return fault_set(fault, FAULT_malformed,
                         "the database has schema %lld, this release knows only %zu: "
                         "a newer release wrote it", (long long)at, count);
    return true;
}

static bool run_rows(struct connection *connection, const struct migration *rows, size_t from,
                     size_t count, struct fault *fault)
{
    for (size_t i = from; i < count; i++)
        if (!execute(connection, rows[i].sql, fault))
            return fault_while(fault, "migration %d", rows[i].number);
    return set_number(connection, "application_id", APPLICATION_ID, fault) &&
           set_number(connection, "user_version", (int64_t)count, fault);
}

bool schema_migrate(struct connection *connection, const struct migration *rows, size_t count,
                    struct fault *fault)
{
    int64_t at = 0;

    if (!read_number(connection, "PRAGMA user_version", &at, fault) ||
        !check_origin(connection, at, count, fault))
        return false;
    if (at == (int64_t)count)
        return true;
    if (!execute(connection, "BEGIN IMMEDIATE", fault))
        return false;
    if (!run_rows(connection, rows, (size_t)at, count, fault) ||
        !execute(connection, "COMMIT", fault)) {
        if (!sqlite3_get_autocommit(connection->db))
            (void) sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
        return false;
    }
    return true;
}
