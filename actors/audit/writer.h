/* writer.h - one thread that writes; everyone else queues and waits for the disk.
 *
 * What came in while the disk was busy goes down together in the next batch, with one sync.
 *
 * Owns:     a writer owns its thread, its queue and the set of known event ids.
 * Borrows:  the log until writer_free(). Events during the call.
 * Units:    deadline_ms is clock_now_ms(), absolute.
 * Bounds:   QUEUE_APPENDS_MAX and QUEUE_OCTETS_MAX waiting.
 * Threads:  writer_append() from any thread; new and free from one.
 * Fails as: overloaded  the queue is full
 *           timed_out   the disk did not answer in time; the events may still be recorded, and the
 *                       same ids sent again are recorded once
 *           too_large, disk_full, internal: see log.h
 */
#ifndef ISEKAI_ACTORS_AUDIT_WRITER_H
#define ISEKAI_ACTORS_AUDIT_WRITER_H

#include "actors/audit/log.h"
#include "schemas/message.h"

enum { QUEUE_APPENDS_MAX = 1000, QUEUE_OCTETS_MAX = 67108864, BATCH_ENTRIES_MAX = 1024 };

struct writer;

/* Reads the tail of the log for the ids it knows, then starts the thread. NULL on failure. */
struct writer *writer_new(struct audit_log *log, struct fault *fault);
void writer_free(struct writer *writer);        /* writes what is queued first; NULL is welcome */

/* Record the events whose ids are not known; true when all of them are on disk. */
bool writer_append(struct writer *writer, const struct audit_event *events, uint32_t count,
                   int64_t deadline_ms, struct log_point *point, struct fault *fault);

/* False when the last batch failed; `level` says why. */
bool writer_is_well(struct writer *writer, char level[200]);

#endif
