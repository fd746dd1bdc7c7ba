/* database.h - the one file that everything is kept in, and connections to it.
 *
 * Owns:     an open database owns the lock that keeps a second store process away.
 * Fails as: conflict (another process holds the lock, or a newer release wrote the file),
 *           disk_full, internal (a directory that cannot be had, a file that is no database).
 * ONE connection in ONE process writes and checkpoints; all others are read-only and
 * never checkpoint, not even when they close: SQLite before 3.51.3 may corrupt a WAL database
 * that two connections write or checkpoint at the same moment.
 */
#ifndef ISEKAI_ACTORS_STORE_DATABASE_H
#define ISEKAI_ACTORS_STORE_DATABASE_H

#include "actors/store/statements.h"

enum { DATABASE_PATH_SIZE = 4096, DATABASE_BUSY_MS = 5000 };

struct database {
    int lock;                           /* -1: not open */
    char path[DATABASE_PATH_SIZE];
};

/* Lock and, if need be, make `directory`/isekai.db (0600) and its directories (0700). */
bool database_open(struct database *database, const char *directory, struct fault *fault);
void database_close(struct database *database);         /* after its connections; may repeat */

/* The writer brings the schema up to date; open it before any reader. */
struct connection *connection_open_writer(const struct database *database, struct fault *fault);
struct connection *connection_open_reader(const struct database *database, struct fault *fault);
void connection_close(struct connection *connection);   /* NULL is welcome */

/* A writer's connection without schema and statements: the first half of opening one. */
struct connection *connection_open_bare(const struct database *database, struct fault *fault);

#endif
