/* statements.h - one connection, its prepared statements, and the one way to run them.
 *
 * Owns:     a connection owns its sqlite3 handle and every statement of statements.def.
 * Borrows:  bound texts are read until the query ends; they are not copied.
 * Gives:    column_text() and column_octets() copy into the arena; absent (at NULL) for NULL.
 * Fails as: disk_full (full, quota, an I/O error while writing), unavailable (another process holds
 *           the database), too_large, internal (everything else: a defect, a broken file).
 * A connection belongs to one thread at a time. A query that goes out of scope is reset, so that
 * no reader is left holding an old snapshot: write OWNED(query) before it.
 */
#ifndef ISEKAI_ACTORS_STORE_STATEMENTS_H
#define ISEKAI_ACTORS_STORE_STATEMENTS_H

#include <sqlite3.h>

#include "bus/owned.h"
#include "schemas/message.h"

enum statement {
#define READ(name, sql) STATEMENT_##name,
#define WRITE(name, sql) STATEMENT_##name,
#include "actors/store/statements.def"
    STATEMENTS
};

struct connection {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];       /* NULL: not for this connection */
};

/* OWNED(statement): finalizes itself. */
static inline void statement_drop(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);       /* NULL is welcome */
    *statement = NULL;
}

bool statements_prepare(struct connection *connection, bool writes, struct fault *fault);
void statements_finalize(struct connection *connection);

struct query { struct connection *connection; sqlite3_stmt *statement; int bound; int result; };

struct query query_of(struct connection *connection, enum statement statement);
void query_drop(struct query *query);

/* Bind the next parameter. */
void query_text(struct query *query, struct text value);        /* absent: NULL */
void query_string(struct query *query, const char *value);
void query_octets(struct query *query, struct text value);      /* absent: NULL */
void query_number(struct query *query, int64_t value);

/* Step. *row tells whether there is one. */
bool query_next(struct query *query, bool *row, struct fault *fault);
/* Step a statement that gives no rows, and end it. */
bool query_run(struct query *query, struct fault *fault);
/* The same for one without parameters. */
bool statement_run(struct connection *connection, enum statement statement, struct fault *fault);

struct text column_text(struct query *query, int column, struct arena *arena);
struct text column_octets(struct query *query, int column, struct arena *arena);
int64_t     column_number(struct query *query, int column);
bool        column_is_null(struct query *query, int column);
int         column_choice(struct query *query, int column, const struct choices *choices);

/* What SQLite's last failure on this connection means. Returns false. */
bool fault_from_sqlite(struct connection *connection, int result, struct fault *fault);

#endif
