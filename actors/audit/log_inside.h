/* log_inside.h - what the files of the log share; nobody else includes it.
 *
 * The thread that appends is the only one that changes `at`, and holds the lock while it does; it may
 * read `at` without. Readers hold the lock for every look.
 */
#ifndef ISEKAI_ACTORS_AUDIT_LOG_INSIDE_H
#define ISEKAI_ACTORS_AUDIT_LOG_INSIDE_H

#include <pthread.h>

#include "actors/audit/log.h"

struct audit_log {
    int directory;
    int file;                   /* the last segment */
    int acknowledged;
    uint64_t segment_octets_max;
    pthread_mutex_t lock;       /* holds what is below against readers */
    struct replay at;
    bool is_hurt;
};

struct segment *log_last_segment(struct audit_log *log);
struct log_point log_point_of(const struct replay *at);

/* Begin a new last segment where the log now ends. */
bool log_begin_segment(struct audit_log *log, struct fault *fault);

/* Note how much is acknowledged. */
void log_note_point(struct audit_log *log, struct log_point point);

#endif
