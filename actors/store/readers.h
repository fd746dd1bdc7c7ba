/* readers.h - a pool of read-only connections, one in each reading thread's hand.
 *
 * Owns:     the pool owns its connections.
 * Gives:    readers_take() lends one until readers_give(), inside a snapshot of its own: all that
 *           is read with it is of one moment.
 * Units:    deadlines are clock_now_ms(), absolute.
 * Fails as: timed_out when none came free before the deadline; otherwise as statements.h.
 * Threads:  take and give from any; new and free from one.
 */
#ifndef ISEKAI_ACTORS_STORE_READERS_H
#define ISEKAI_ACTORS_STORE_READERS_H

#include "actors/store/database.h"

enum { READERS_MAX = 64 };

struct readers;

/* After the writer, which makes the schema. */
struct readers *readers_new(const struct database *database, size_t count, struct fault *fault);
void readers_free(struct readers *self);        /* NULL is welcome; when all are given back */

/* Let nobody begin to read, and wait until nobody does; false: somebody still does. On true nothing
 * keeps the WAL from being cut but readers from outside. readers_resume() follows either way. */
bool readers_pause(struct readers *self, int64_t deadline_ms);
void readers_resume(struct readers *self);

struct connection *readers_take(struct readers *self, int64_t deadline_ms, struct fault *fault);
void readers_give(struct readers *self, struct connection *connection);

#endif
