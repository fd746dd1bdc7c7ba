/* log.c - adding to the log.
 *
 * Order of an append, and why: write the records, fdatasync, note the new point in
 * `acknowledged`, publish it to readers, answer. The note is written after the records are safe, so
 * it never promises more than there is; it is not synced, for after a loss of power an older
 * promise is still true.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/audit/log_inside.h"
#include "bus/owned.h"

static const char new_segment_name[] = "segment.new";

struct segment *log_last_segment(struct audit_log *log)
{
    return &log->at.segments[log->at.segment_count - 1];
}

struct log_point log_point_of(const struct replay *at)
{
    return (struct log_point){at->frontier.size, merkle_root(&at->frontier), at->chain, true};
}

void log_note_point(struct audit_log *log, struct log_point point)
{
    unsigned char note[ACKNOWLEDGED_SIZE];
    struct fault lower_bound_is_enough = {0};

    acknowledged_write(&point, note);
    (void)write_fully(log->acknowledged, note, sizeof note, 0, &lower_bound_is_enough);
}

/* ---- a new segment ---- */

static bool sync_directory(const struct audit_log *log, struct fault *fault)
{
    if (fsync(log->directory) < 0)
        return fault_set(fault, FAULT_internal, "sync the directory: %s", strerror(errno));
    return true;
}

/* Under its real name a segment always has its whole head. */
static bool write_segment_head(const struct audit_log *log, int *out, struct fault *fault)
{
    unsigned char header[SEGMENT_HEADER_SIZE];
    char name[SEGMENT_NAME_SIZE];
    OWNED(fd) int fd = openat(log->directory, new_segment_name,
                              O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return fault_set(fault, errno == ENOSPC || errno == EDQUOT ? FAULT_disk_full
                                                                   : FAULT_internal,
                         "begin a segment: %s", strerror(errno));
    segment_header_write(log->at.frontier.size, log->at.chain, header);
    segment_name(log->at.frontier.size, name);
    if (!write_fully(fd, header, sizeof header, 0, fault))
        return false;
    if (fsync(fd) < 0 || renameat(log->directory, new_segment_name, log->directory, name) < 0)
        return fault_set(fault, errno == ENOSPC ? FAULT_disk_full : FAULT_internal,
                         "begin segment '%s': %s", name, strerror(errno));
    if (!sync_directory(log, fault))
        return false;
    *out = fd_take(&fd);
    return true;
}

static bool add_to_list(struct audit_log *log, struct fault *fault)
{
    struct replay *at = &log->at;
    struct segment *segments = at->segments;

    if (at->segment_count == SEGMENTS_MAX)
        return fault_set(fault, FAULT_internal, "more than %d segments", SEGMENTS_MAX);
    if (at->segment_count == at->segment_capacity)
        segments = reallocarray(at->segments, at->segment_capacity + 64, sizeof *segments);
    if (!segments)
        return fault_set(fault, FAULT_internal, "out of memory");
    if (at->segment_count == at->segment_capacity)
        at->segment_capacity += 64;
    at->segments = segments;
    at->segments[at->segment_count++] = (struct segment){
        .first = at->frontier.size, .octets = SEGMENT_HEADER_SIZE};
    return true;
}

bool log_begin_segment(struct audit_log *log, struct fault *fault)
{
    OWNED(fd) int fd = -1;

    if (!write_segment_head(log, &fd, fault)) {
        (void)unlinkat(log->directory, new_segment_name, 0);
        return false;
    }
    pthread_mutex_lock(&log->lock);
    bool listed = add_to_list(log, fault);
    pthread_mutex_unlock(&log->lock);
    if (!listed)
        return false;
    fd_drop(&log->file);
    log->file = fd_take(&fd);
    return true;
}

/* ---- appending ---- */

/* Lay the records into `out` and move the hashes on. */
static void lay_records(const struct text *entries, size_t count, struct frontier *frontier,
                          struct hash *chain, unsigned char *out)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        struct hash leaf = merkle_leaf(entries[i].at, entries[i].size);
        *chain = chain_link(*chain, leaf);
        merkle_add(frontier, leaf);
        record_write(entries[i], *chain, out + size);
        size += entries[i].size + RECORD_EXTRA_SIZE;
    }
}

/* Take back what was written of an append that failed. */
static bool cut_back(struct audit_log *log, struct fault *fault)
{
    if (ftruncate(log->file, (off_t)log_last_segment(log)->octets) == 0)
        return false;
    pthread_mutex_lock(&log->lock);
    log->is_hurt = true;
    pthread_mutex_unlock(&log->lock);
    return fault_set(fault, FAULT_internal, "cut back a failed append: %s", strerror(errno));
}

static bool write_records(struct audit_log *log, const unsigned char *records, size_t size,
                          struct fault *fault)
{
    if (!write_fully(log->file, records, size, log_last_segment(log)->octets, fault))
        return cut_back(log, fault);
    if (fdatasync(log->file) < 0) {
        fault_set(fault, errno == ENOSPC || errno == EDQUOT ? FAULT_disk_full : FAULT_internal,
                  "audit log: sync: %s", strerror(errno));
        return cut_back(log, fault);
    }
    return true;
}

static bool reserve_marks(struct audit_log *log, size_t count, struct fault *fault)
{
    pthread_mutex_lock(&log->lock);
    bool reserved = segment_reserve(log_last_segment(log), count);
    pthread_mutex_unlock(&log->lock);
    return reserved || fault_set(fault, FAULT_internal, "out of memory");
}

static void publish(struct audit_log *log, const struct text *entries, size_t count,
                    const struct frontier *frontier, struct hash chain)
{
    struct segment *last = log_last_segment(log);

    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < count; i++) {
        segment_mark(last, log->at.frontier.size + i, last->octets);
        last->octets += entries[i].size + RECORD_EXTRA_SIZE;
    }
    log->at.frontier = *frontier;
    log->at.chain = chain;
    pthread_mutex_unlock(&log->lock);
}

static bool check_entries(const struct text *entries, size_t count, size_t *total,
                          struct fault *fault)
{
    *total = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].size == 0 || entries[i].size > ENTRY_OCTETS_MAX)
            return fault_set(fault, FAULT_too_large, "events[%zu]: not in 1..%d octets", i,
                             ENTRY_OCTETS_MAX);
        *total += entries[i].size + RECORD_EXTRA_SIZE;
        if (*total > BATCH_OCTETS_MAX)
            return fault_set(fault, FAULT_too_large, "events: over %d octets", BATCH_OCTETS_MAX);
    }
    return true;
}

bool audit_log_append(struct audit_log *log, const struct text *entries, size_t count,
                      struct fault *fault)
{
    struct frontier frontier = log->at.frontier;
    struct hash chain = log->at.chain;
    size_t total;

    if (!audit_log_is_well(log))
        return fault_set(fault, FAULT_internal, "the log was hurt before; restart to check it");
    if (count == 0)
        return true;
    if (!check_entries(entries, count, &total, fault))
        return false;
    if (log_last_segment(log)->octets > log->segment_octets_max && !log_begin_segment(log, fault))
        return false;
    if (!reserve_marks(log, count, fault))
        return false;
    unsigned char *records = malloc(total);
    if (!records)
        return fault_set(fault, FAULT_internal, "out of memory");
    lay_records(entries, count, &frontier, &chain, records);
    bool written = write_records(log, records, total, fault);
    free(records);
    if (!written)
        return false;
    log_note_point(log, (struct log_point){frontier.size, merkle_root(&frontier), chain, true});
    publish(log, entries, count, &frontier, chain);
    return true;
}
