/* log_read.c - entries in order, read beside the thread that appends. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "actors/audit/log_inside.h"
#include "bus/owned.h"

struct log_point audit_log_point(struct audit_log *log)
{
    pthread_mutex_lock(&log->lock);
    struct log_point point = log_point_of(&log->at);
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
