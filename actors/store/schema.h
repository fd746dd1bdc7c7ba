/* schema.h - bring a database from any older release up to this one.
 *
 * All missing rows of migrations.def run in one transaction: the file is as before, or up to date.
 * Fails as: conflict when a newer release, or another program, wrote the file.
 */
#ifndef ISEKAI_ACTORS_STORE_SCHEMA_H
#define ISEKAI_ACTORS_STORE_SCHEMA_H

#include "actors/store/statements.h"

struct migration { int number; const char *sql; };

extern const struct migration migrations[];
extern const size_t migration_count;

/* The numbers of `rows` rise by one from 1. */
bool schema_migrate(struct connection *connection, const struct migration *rows, size_t count,
                    struct fault *fault);

#endif
