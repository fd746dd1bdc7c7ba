/* statements.c - prepare every statement once; bind, step and read by order. */
#include "actors/store/statements.h"

#include <errno.h>

static const struct { const char *name; const char *sql; bool writes; } table[STATEMENTS] = {
#define READ(name, sql) {#name, sql, false},
#define WRITE(name, sql) {#name, sql, true},
#include "actors/store/statements.def"
};

/* Reading never asks for room on the disk: whatever else fails in I/O could not be written. */
static bool is_failed_read(int extended)
{
    return extended == SQLITE_IOERR_READ || extended == SQLITE_IOERR_SHORT_READ ||
           extended == SQLITE_IOERR_CORRUPTFS || extended == SQLITE_IOERR_NOMEM;
}

static enum fault_kind kind_of(struct connection *connection, int result)
{
    int extended = connection->db ? sqlite3_extended_errcode(connection->db) : result;
    int cause = connection->db ? sqlite3_system_errno(connection->db) : 0;

    switch (result & 0xff) {
    case SQLITE_FULL:
        return FAULT_disk_full;
    case SQLITE_IOERR:
        return is_failed_read(extended) ? FAULT_internal : FAULT_disk_full;
    case SQLITE_CANTOPEN:
        return cause == ENOSPC || cause == EDQUOT ? FAULT_disk_full : FAULT_internal;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FAULT_unavailable;
    case SQLITE_TOOBIG:
        return FAULT_too_large;
    default:
        return FAULT_internal;
    }
}

bool fault_from_sqlite(struct connection *connection, int result, struct fault *fault)
{
    const char *said = connection->db ? sqlite3_errmsg(connection->db) : sqlite3_errstr(result);

    return fault_set(fault, kind_of(connection, result), "SQLite: %s (%d)", said, result);
}

static bool prepare(struct connection *connection, size_t i, struct fault *fault)
{
    int result = sqlite3_prepare_v3(connection->db, table[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                    &connection->statements[i], NULL);

    if (result != SQLITE_OK) {
        (void) fault_from_sqlite(connection, result, fault);
        return fault_while(fault, "statement %s", table[i].name);
    }
    return true;
}

bool statements_prepare(struct connection *connection, bool writes, struct fault *fault)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        if ((writes || !table[i].writes) && !prepare(connection, i, fault))
            return false;
    return true;
}

void statements_finalize(struct connection *connection)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        statement_drop(&connection->statements[i]);
}

struct query query_of(struct connection *connection, enum statement statement)
{
    return (struct query){connection, connection->statements[statement], 0, SQLITE_OK};
}

void query_drop(struct query *query)
{
    if (!query->statement)
        return;
    (void) sqlite3_reset(query->statement);     /* repeats the failure of the last step */
    (void) sqlite3_clear_bindings(query->statement);
    query->statement = NULL;
}

static void keep_result(struct query *query, int result)
{
    if (query->result == SQLITE_OK)
        query->result = result;
}

void query_text(struct query *query, struct text value)
{
    query->bound++;
    if (value.at)
        keep_result(query, sqlite3_bind_text64(query->statement, query->bound, value.at,
                                               value.size, SQLITE_STATIC, SQLITE_UTF8));
}

void query_string(struct query *query, const char *value)
{
    query_text(query, text_from(value));
}

void query_octets(struct query *query, struct text value)
{
    query->bound++;
    if (value.at)
        keep_result(query, sqlite3_bind_blob64(query->statement, query->bound, value.at,
                                               value.size, SQLITE_STATIC));
}

void query_number(struct query *query, int64_t value)
{
    query->bound++;
    keep_result(query, sqlite3_bind_int64(query->statement, query->bound, value));
}

bool query_next(struct query *query, bool *row, struct fault *fault)
{
    int result = query->result;

    if (result == SQLITE_OK)
        result = sqlite3_step(query->statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        (void) fault_from_sqlite(query->connection, result, fault);
        query_drop(query);
        return false;
    }
    *row = result == SQLITE_ROW;
    return true;
}

bool query_run(struct query *query, struct fault *fault)
{
    bool row = false;
    bool done = query_next(query, &row, fault);

    query_drop(query);
    return done;
}

bool statement_run(struct connection *connection, enum statement statement, struct fault *fault)
{
    struct query query = query_of(connection, statement);

    return query_run(&query, fault);
}

static struct text copied(const void *at, int size, struct arena *arena)
{
    char *copy = arena_copy(arena, at ? at : "", (size_t)size);

    return copy ? (struct text){copy, (size_t)size} : (struct text){0};
}

struct text column_text(struct query *query, int column, struct arena *arena)
{
    if (column_is_null(query, column))
        return (struct text){0};
    const void *at = sqlite3_column_text(query->statement, column);
    return copied(at, sqlite3_column_bytes(query->statement, column), arena);
}

struct text column_octets(struct query *query, int column, struct arena *arena)
{
    if (column_is_null(query, column))
        return (struct text){0};
    const void *at = sqlite3_column_blob(query->statement, column);
    return copied(at, sqlite3_column_bytes(query->statement, column), arena);
}

int64_t column_number(struct query *query, int column)
{
    return sqlite3_column_int64(query->statement, column);
}

bool column_is_null(struct query *query, int column)
{
    return sqlite3_column_type(query->statement, column) == SQLITE_NULL;
}

int column_choice(struct query *query, int column, const struct choices *choices)
{
    const char *name = (const char *)sqlite3_column_text(query->statement, column);

    for (int choice = 1; name && choice < choices->count; choice++)
        if (strcmp(choice_name(choices, choice), name) == 0)
            return choice;
    return 0;
}
