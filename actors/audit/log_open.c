/* log_open.c - beginning a log, and coming back to one.
 *
 * What was acknowledged must be found again; what was begun after that and never completed is cut
 * off; everything else that is not as it was written keeps the log shut.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "actors/audit/log_inside.h"
#include "bus/owned.h"

static bool begin_note(struct audit_log *log, struct fault *fault)
{
    unsigned char note[ACKNOWLEDGED_SIZE];
    struct log_point nothing = log_point_of(&(struct replay){0});
    OWNED(fd) int fd = openat(log->directory, "acknowledged.new",
                              O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    acknowledged_write(&nothing, note);
    if (fd < 0)
        return fault_set(fault, FAULT_internal, "begin the log: %s", strerror(errno));
    if (!write_fully(fd, note, sizeof note, 0, fault))
        return false;
    if (fsync(fd) < 0 ||
        renameat(log->directory, "acknowledged.new", log->directory, acknowledged_name) < 0 ||
        fsync(log->directory) < 0)
        return fault_set(fault, FAULT_internal, "begin the log: %s", strerror(errno));
    return true;
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
    const struct segment *last = log_last_segment(log);

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
    if (log->at.segment_count == 0 ? !log_begin_segment(log, fault) : !open_last_segment(log, fault))
        return false;
    log_note_point(log, log_point_of(&log->at));
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
