/* log.c - the log's present: what is on disk, what may be read, how more is added.
 *
 * Order of an append, and why: write the records, fdatasync, note the new point in
 * `acknowledged`, publish it to readers, answer. The note is written after the records are safe, so
 * it never promises more than there is; it is not synced, for after a loss of power an older
 * promise is still true.
 */
#include "actors/audit/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "bus/owned.h"

static const char new_segment_name[] = "segment.new";

struct audit_log {
    int directory;
    int file;                   /* the last segment */
    int acknowledged;
    uint64_t segment_octets_max;
    pthread_mutex_t lock;       /* holds what is below against readers */
    struct replay at;
    bool is_hurt;
};

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

static bool begin_segment(struct audit_log *log, struct fault *fault)
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

static struct segment *last_segment(struct audit_log *log)
{
    return &log->at.segments[log->at.segment_count - 1];
}

/* ---- opening ---- */

static struct log_point point_now(const struct replay *at)
{
    return (struct log_point){at->frontier.size, merkle_root(&at->frontier), at->chain, true};
}

static bool begin_note(struct audit_log *log, struct fault *fault)
{
    unsigned char note[ACKNOWLEDGED_SIZE];
    struct log_point nothing = point_now(&(struct replay){0});
    OWNED(fd) int fd = openat(log->directory, "acknowledged.new",
                              O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    acknowledged_write(&nothing, note);
    if (fd < 0)
        return fault_set(fault, FAULT_internal, "begin the log: %s", strerror(errno));
    if (!write_fully(fd, note, sizeof note, 0, fault))
        return false;
    if (fsync(fd) < 0 ||
        renameat(log->directory, "acknowledged.new", log->directory, acknowledged_name) < 0)
        return fault_set(fault, FAULT_internal, "begin the log: %s", strerror(errno));
    return sync_directory(log, fault);
}

static bool open_note(struct audit_log *log, struct log_point *point, struct fault *fault)
{
    struct fault missing = {0};
    bool holds;

    if (!acknowledged_read(log->directory, point, &missing)) {
        if (missing.kind != FAULT_not_found)
            return fault_set(fault, missing.kind, "%s", missing.reason);
        if (!log_has_segments(log->directory, &holds, fault))
            return false;
        if (holds)
            return fault_set(fault, FAULT_internal, "the file '%s' is missing beside the segments",
                             acknowledged_name);
        if (!begin_note(log, fault) || !acknowledged_read(log->directory, point, fault))
            return false;
    }
    log->acknowledged = openat(log->directory, acknowledged_name,
                               O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (log->acknowledged < 0)
        return fault_set(fault, FAULT_internal, "open '%s': %s", acknowledged_name,
                         strerror(errno));
    return true;
}

static bool open_last_segment(struct audit_log *log, struct fault *fault)
{
    char name[SEGMENT_NAME_SIZE];
    const struct segment *last = last_segment(log);

    segment_name(last->first, name);
    log->file = openat(log->directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (log->file < 0)
        return fault_set(fault, FAULT_internal, "open '%s': %s", name, strerror(errno));
    if (log->at.torn_octets > 0 && ftruncate(log->file, (off_t)last->octets) < 0)
        return fault_set(fault, FAULT_internal, "cut '%s': %s", name, strerror(errno));
    /* Entries found whole may never have been synced by the process that wrote them. */
    if (fsync(log->file) < 0)
        return fault_set(fault, FAULT_internal, "sync '%s': %s", name, strerror(errno));
    return true;
}

static void note_point(struct audit_log *log, struct log_point point)
{
    unsigned char note[ACKNOWLEDGED_SIZE];
    struct fault lower_bound_is_enough = {0};

    acknowledged_write(&point, note);
    (void)write_fully(log->acknowledged, note, sizeof note, 0, &lower_bound_is_enough);
}

static bool open_files(struct audit_log *log, struct fault *fault)
{
    struct log_point acknowledged;

    if (flock(log->directory, LOCK_EX | LOCK_NB) < 0)
        return fault_set(fault, errno == EWOULDBLOCK ? FAULT_conflict : FAULT_internal,
                         "lock: %s", errno == EWOULDBLOCK ? "another process has the log"
                                                          : strerror(errno));
    if (!open_note(log, &acknowledged, fault) ||
        !log_replay(log->directory, &acknowledged, 1, &log->at, fault))
        return false;
    if (log->at.segment_count == 0 ? !begin_segment(log, fault) : !open_last_segment(log, fault))
        return false;
    note_point(log, point_now(&log->at));
    return true;
}

struct audit_log *audit_log_open(const char *path, uint64_t segment_octets_max,
                                 uint64_t *torn_octets, struct fault *fault)
{
    struct audit_log *log = calloc(1, sizeof *log);

    if (!log) {
        fault_set(fault, FAULT_internal, "out of memory");
        return NULL;
    }
    log->file = log->acknowledged = -1;
    log->segment_octets_max = segment_octets_max;
    pthread_mutex_init(&log->lock, NULL);
    log->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (log->directory < 0)
        fault_set(fault, FAULT_internal, "%s", strerror(errno));
    if (log->directory < 0 || !open_files(log, fault)) {
        fault_while(fault, "audit log '%s'", path);
        audit_log_close(log);
        return NULL;
    }
    *torn_octets = log->at.torn_octets;
    return log;
}

void audit_log_close(struct audit_log *log)
{
    if (!log)
        return;
    if (log->acknowledged >= 0)
        (void)fdatasync(log->acknowledged);
    fd_drop(&log->file);
    fd_drop(&log->acknowledged);
    fd_drop(&log->directory);
    replay_drop(&log->at);
    pthread_mutex_destroy(&log->lock);
    free(log);
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
    if (ftruncate(log->file, (off_t)last_segment(log)->octets) == 0)
        return false;
    pthread_mutex_lock(&log->lock);
    log->is_hurt = true;
    pthread_mutex_unlock(&log->lock);
    return fault_set(fault, FAULT_internal, "cut back a failed append: %s", strerror(errno));
}

static bool write_records(struct audit_log *log, const unsigned char *records, size_t size,
                          struct fault *fault)
{
    if (!write_fully(log->file, records, size, last_segment(log)->octets, fault))
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
    bool reserved = segment_reserve(last_segment(log), count);
    pthread_mutex_unlock(&log->lock);
    return reserved || fault_set(fault, FAULT_internal, "out of memory");
}

static void publish(struct audit_log *log, const struct text *entries, size_t count,
                    const struct frontier *frontier, struct hash chain)
{
    struct segment *last = last_segment(log);

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
    if (last_segment(log)->octets > log->segment_octets_max && !begin_segment(log, fault))
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
    note_point(log, (struct log_point){frontier.size, merkle_root(&frontier), chain, true});
    publish(log, entries, count, &frontier, chain);
    return true;
}

/* ---- reading ---- */

struct log_point audit_log_point(struct audit_log *log)
{
    pthread_mutex_lock(&log->lock);
    struct log_point point = point_now(&log->at);
    pthread_mutex_unlock(&log->lock);
    return point;
}

bool audit_log_is_well(struct audit_log *log)
{
    pthread_mutex_lock(&log->lock);
    bool well = !log->is_hurt;
    pthread_mutex_unlock(&log->lock);
    return well;
}

/* Where to begin reading for an entry, and how far its file may be read now. */
struct place { uint64_t first, index, offset, end; };

static bool find_place(struct audit_log *log, uint64_t index, struct place *place)
{
    bool found = false;

    pthread_mutex_lock(&log->lock);
    if (index < log->at.frontier.size) {
        size_t low = 0, high = log->at.segment_count;
        while (high - low > 1) {
            size_t middle = low + (high - low) / 2;
            *(log->at.segments[middle].first <= index ? &low : &high) = middle;
        }
        const struct segment *segment = &log->at.segments[low];
        size_t mark = (index - segment->first) / MARK_EVERY;
        *place = (struct place){segment->first, segment->first + mark * MARK_EVERY,
                                segment->marks[mark], segment->octets};
        found = true;
    }
    pthread_mutex_unlock(&log->lock);
    return found;
}

void log_cursor_drop(struct log_cursor *cursor)
{
    int fd = cursor->fd_plus_one - 1;

    segment_reader_drop(&cursor->reader);
    fd_drop(&fd);
    cursor->fd_plus_one = 0;
}

static bool step(struct log_cursor *cursor, struct record *record, struct fault *fault)
{
    const char *why = "it ends early";

    if (segment_next(&cursor->reader, record, &why) == SEGMENT_RECORD)
        return true;
    return fault_set(fault, FAULT_internal, "audit log, near entry %llu: %s",
                     (unsigned long long)cursor->index, why);
}

/* Open the file of the entry and stand right before it. */
static bool go_to(struct audit_log *log, struct log_cursor *cursor, const struct place *place,
                  struct fault *fault)
{
    char name[SEGMENT_NAME_SIZE];
    struct record record;
    int fd = cursor->fd_plus_one - 1;

    if (fd < 0 || cursor->segment_first != place->first) {
        fd_drop(&fd);
        segment_name(place->first, name);
        fd = openat(log->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        cursor->fd_plus_one = fd + 1;
        cursor->segment_first = place->first;
        if (fd < 0)
            return fault_set(fault, FAULT_internal, "open '%s': %s", name, strerror(errno));
    }
    segment_reader_begin(&cursor->reader, fd, place->offset, place->end);
    for (uint64_t index = place->index; index < cursor->index; index++)
        if (!step(cursor, &record, fault))
            return false;
    return true;
}

bool audit_log_read(struct audit_log *log, struct log_cursor *cursor, struct text *entry, bool *end,
                    struct fault *fault)
{
    struct place place;
    struct record record;

    *end = false;
    if (cursor->fd_plus_one == 0 || cursor->reader.offset == cursor->reader.end) {
        if (!find_place(log, cursor->index, &place)) {
            *end = true;
            return true;
        }
        if (!go_to(log, cursor, &place, fault))
            return false;
    }
    if (!step(cursor, &record, fault))
        return false;
    cursor->index++;
    *entry = record.entry;
    return true;
}
