/* writer.h - the one thread that writes, and the queue before it.
 *
 * A write is a closure. The thread takes what is waiting, runs each in a savepoint of one
 * transaction, commits once for all, and only then answers. A closure that fails undoes its own
 * savepoint and no other's. When the whole transaction fails, everybody in it fails.
 *
 * Owns:     the writer owns its thread and, from writer_new() on, the connection.
 * Borrows:  `input` until writer_do() returns; then the closure has run, or never will.
 * Units:    deadlines are clock_now_ms(), absolute; sizes octets.
 * Fails as: timed_out   the deadline passed before the closure was begun; it never will be
 *           overloaded  WRITES_WAITING_MAX are waiting
 *           disk_full   the transaction could not be written; nothing of it remains
 *           unavailable the WAL is at its bound because a reader holds it; or the writer ends
 *           (any other) what the closure said
 * Threads:  writer_do() from any; new and free from one, free when nobody asks any more.
 *
 * A closure may run a second time, from the beginning, when SQLite gave up the transaction
 * because of another one: it must set its outputs anew each time. It never begins or ends
 * transactions itself.
 */
#ifndef ISEKAI_ACTORS_STORE_WRITER_H
#define ISEKAI_ACTORS_STORE_WRITER_H

#include "actors/store/batch.h"
#include "actors/store/readers.h"

enum {
    WRITES_WAITING_MAX = 256,
    BATCH_OCTETS_MAX = 16777216,        /* of requests; the first always fits */
};

struct writer_bounds {
    int64_t checkpoint_ms;      /* from one checkpoint to the next */
    int64_t wal_octets;         /* beyond this one comes at once */
    int64_t wal_octets_max;     /* beyond this nothing is written until one succeeds */
};

struct writer;

struct writer *writer_new(struct connection *connection, const struct writer_bounds *bounds,
                          struct fault *fault);         /* NULL: the connection is closed too */
void writer_free(struct writer *self);                  /* NULL is welcome; stops it if need be */

/* `octets` is about how much it writes, to bound a batch. */
bool writer_do(struct writer *self, write_closure *run, void *input, size_t octets,
               int64_t deadline_ms, struct fault *fault);

/* Which readers pause while the WAL is cut: readers that follow each other closely could keep
 * a checkpoint from its end for as long as they like. They live until writer_stop(). */
void writer_pauses(struct writer *self, struct readers *readers);
/* End what is queued and the thread; writer_free() is still due. */
void writer_stop(struct writer *self);

/* Did the last batch reach the disk? Does not block. */
bool writer_is_healthy(struct writer *self, char level[200]);

struct writer_counts { uint64_t batches, writes, checkpoints; size_t waiting; };
struct writer_counts writer_counts(struct writer *self);

#endif
