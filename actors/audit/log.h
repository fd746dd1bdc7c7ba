/* log.h - the append-only log on disk: open it, add to it, read from it.
 *
 * Owns:     an audit_log owns its descriptors and memory and holds the directory's lock; free it
 *           with audit_log_close().
 * Borrows:  entries during audit_log_append(). A reader's entry lives until its next call.
 * Units:    index counts entries from 0; octets.
 * Bounds:   ENTRY_OCTETS_MAX of an entry, BATCH_OCTETS_MAX of one append.
 * Threads:  one thread at a time appends; any thread may read beside it.
 * Fails as: conflict   another process has the log
 *           disk_full  nothing was added; what was partly written is cut off again
 *           internal   damage, with index and offset, or the disk failed
 * After a failure that could not be undone the log takes no more entries: audit_log_is_well().
 */
#ifndef ISEKAI_ACTORS_AUDIT_LOG_H
#define ISEKAI_ACTORS_AUDIT_LOG_H

#include "actors/audit/replay.h"

enum { BATCH_OCTETS_MAX = 8388608 };

struct audit_log;

/* Opens or begins the log in `path`, an existing directory. *torn_octets: how much of an entry that
 * was never acknowledged had to be cut off the end. */
struct audit_log *audit_log_open(const char *path, uint64_t segment_octets_max,
                                 uint64_t *torn_octets, struct fault *fault);
void audit_log_close(struct audit_log *log);        /* NULL is welcome */

/* Add all of them or none; they are on disk when it returns true. */
bool audit_log_append(struct audit_log *log, const struct text *entries, size_t count,
                      struct fault *fault);

struct log_point audit_log_point(struct audit_log *log);
bool audit_log_is_well(struct audit_log *log);

/* Reads entries in order. Zero it before the first use; drop it in the end. */
struct log_cursor {
    struct segment_reader reader;
    uint64_t index;             /* of the next entry */
    uint64_t segment_first;
    int fd_plus_one;            /* 0: no file is open */
};

/* The entry cursor->index, which moves on. *end when there is none yet. */
bool audit_log_read(struct audit_log *log, struct log_cursor *cursor, struct text *entry, bool *end,
                    struct fault *fault);
void log_cursor_drop(struct log_cursor *cursor);

#endif
