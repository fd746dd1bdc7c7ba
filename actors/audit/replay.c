/* replay.c - from the files of a log to its hashes; the first thing out of place ends it. */
#include "actors/audit/replay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bus/owned.h"

/* What is held against the log while it is read. */
struct check {
    struct replay *replay;
    const struct log_point *known;
    size_t known_count;
};

static bool broken(struct fault *fault, uint64_t index, uint64_t offset, uint64_t first,
                   const char *why)
{
    char name[SEGMENT_NAME_SIZE];

    segment_name(first, name);
    return fault_set(fault, FAULT_malformed, "index=%" PRIu64 " offset=%" PRIu64 " segment=%s: %s",
                     index, offset, name, why);
}

bool segment_reserve(struct segment *segment, size_t count)
{
    size_t wanted = segment->mark_count + count / MARK_EVERY + 1;
    size_t capacity = 2 * wanted;

    if (wanted <= segment->mark_capacity)
        return true;
    uint64_t *marks = reallocarray(segment->marks, capacity, sizeof *marks);
    if (!marks)
        return false;
    segment->marks = marks;
    segment->mark_capacity = capacity;
    return true;
}

void segment_mark(struct segment *segment, uint64_t index, uint64_t offset)
{
    if ((index - segment->first) % MARK_EVERY == 0)
        segment->marks[segment->mark_count++] = offset;
}

void replay_drop(struct replay *replay)
{
    for (size_t i = 0; i < replay->segment_count; i++)
        free(replay->segments[i].marks);
    free(replay->segments);
    memset(replay, 0, sizeof *replay);
}

static int by_first(const void *left, const void *right)
{
    const struct segment *a = left, *b = right;

    return a->first < b->first ? -1 : a->first > b->first;
}

static bool add_segment(struct replay *replay, uint64_t first, struct fault *fault)
{
    if (replay->segment_count == SEGMENTS_MAX)
        return fault_set(fault, FAULT_internal, "more than %d segments", SEGMENTS_MAX);
    if (replay->segment_count == replay->segment_capacity) {
        size_t capacity = replay->segment_capacity ? 2 * replay->segment_capacity : 8;
        struct segment *segments = reallocarray(replay->segments, capacity, sizeof *segments);
        if (!segments)
            return fault_set(fault, FAULT_internal, "out of memory");
        replay->segments = segments;
        replay->segment_capacity = capacity;
    }
    replay->segments[replay->segment_count++] = (struct segment){.first = first};
    return true;
}

static bool list_segments(int directory, struct replay *replay, struct fault *fault)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    bool listed = entries;

    if (!entries) {
        fault_set(fault, FAULT_internal, "read the directory: %s", strerror(errno));
        fd_drop(&fd);
    }
    while (listed) {
        uint64_t first;
        errno = 0;
        struct dirent *entry = readdir(entries);
        if (!entry)
            break;
        if (segment_name_read(entry->d_name, &first))
            listed = add_segment(replay, first, fault);
    }
    if (entries)
        closedir(entries);
    if (replay->segment_count > 0)
        qsort(replay->segments, replay->segment_count, sizeof *replay->segments, by_first);
    return listed;
}

bool log_has_segments(int directory, bool *has, struct fault *fault)
{
    struct replay replay = {0};
    bool listed = list_segments(directory, &replay, fault);

    *has = replay.segment_count > 0;
    replay_drop(&replay);
    return listed;
}

/* Where the log has just the size of a known point, it must be that log. */
static bool is_as_known(const struct check *check, uint64_t offset, uint64_t first,
                        struct fault *fault)
{
    const struct replay *replay = check->replay;

    for (size_t i = 0; i < check->known_count; i++) {
        const struct log_point *known = &check->known[i];
        if (known->size != replay->frontier.size)
            continue;
        if (!hash_equals(merkle_root(&replay->frontier), known->root))
            return broken(fault, known->size, offset, first,
                          "the entries before have another root than the checkpoint");
        if (known->has_chain && !hash_equals(replay->chain, known->chain))
            return broken(fault, known->size, offset, first,
                          "the entries before have another chain than the checkpoint");
    }
    return true;
}

static bool take_record(const struct check *check, struct segment *segment,
                        const struct record *record, struct fault *fault)
{
    struct replay *replay = check->replay;
    uint64_t index = replay->frontier.size;
    struct hash leaf = merkle_leaf(record->entry.at, record->entry.size);

    replay->chain = chain_link(replay->chain, leaf);
    if (!hash_equals(replay->chain, record->link))
        return broken(fault, index, record->offset, segment->first,
                      "the entry does not fit its link in the hash chain");
    if (!segment_reserve(segment, 1))
        return fault_set(fault, FAULT_internal, "out of memory");
    segment_mark(segment, index, record->offset);
    merkle_add(&replay->frontier, leaf);
    return is_as_known(check, record->offset, segment->first, fault);
}

static bool replay_records(const struct check *check, struct segment *segment, bool last,
                           struct segment_reader *reader, struct fault *fault)
{
    struct replay *replay = check->replay;
    const char *why = "";
    struct record record;

    while (true) {
        switch (segment_next(reader, &record, &why)) {
        case SEGMENT_RECORD:
            if (!take_record(check, segment, &record, fault))
                return false;
            break;
        case SEGMENT_TORN:
            if (!last)
                return broken(fault, replay->frontier.size, reader->offset, segment->first,
                              "the segment ends in the middle of an entry, and others follow");
            replay->torn_octets = reader->end - reader->offset;
            /* fall through */
        case SEGMENT_END:
            segment->octets = reader->offset;
            return true;
        case SEGMENT_DAMAGED:
            return broken(fault, replay->frontier.size, reader->offset, segment->first, why);
        }
    }
}

static bool replay_segment(const struct check *check, int directory, struct segment *segment,
                           bool last, struct fault *fault)
{
    struct replay *replay = check->replay;
    unsigned char header[SEGMENT_HEADER_SIZE];
    char name[SEGMENT_NAME_SIZE];
    struct segment_reader reader = {0};
    struct stat about;
    const char *why;

    if (segment->first != replay->frontier.size)
        return broken(fault, replay->frontier.size, 0, segment->first,
                      segment->first > replay->frontier.size ? "entries before it are missing"
                                                             : "it overlaps the one before");
    segment_name(segment->first, name);
    OWNED(fd) int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &about) < 0)
        return broken(fault, segment->first, 0, segment->first, strerror(errno));
    if (!S_ISREG(about.st_mode) || about.st_size < SEGMENT_HEADER_SIZE ||
        pread(fd, header, sizeof header, 0) != SEGMENT_HEADER_SIZE)
        return broken(fault, segment->first, 0, segment->first, "the segment's head is cut off");
    if (!segment_header_check(header, segment->first, replay->chain, &why))
        return broken(fault, segment->first, 0, segment->first, why);
    segment_reader_begin(&reader, fd, SEGMENT_HEADER_SIZE, (uint64_t)about.st_size);
    bool done = replay_records(check, segment, last, &reader, fault);
    segment_reader_drop(&reader);
    return done;
}

static bool tail_is_missing(const struct replay *replay, struct fault *fault)
{
    const struct segment *tail = replay->segment_count > 0
                                     ? &replay->segments[replay->segment_count - 1]
                                     : &(const struct segment){0};

    return broken(fault, replay->frontier.size, tail->octets, tail->first,
                  "the tail is cut off: entries that were acknowledged are missing");
}

static bool replay_all(const struct check *check, int directory, struct fault *fault)
{
    struct replay *replay = check->replay;
    size_t count;

    if (!list_segments(directory, replay, fault) || !is_as_known(check, 0, 0, fault))
        return false;
    count = replay->segment_count;
    for (size_t i = 0; i < count; i++)
        if (!replay_segment(check, directory, &replay->segments[i], i + 1 == count, fault))
            return false;
    for (size_t i = 0; i < check->known_count; i++)
        if (check->known[i].size > replay->frontier.size)
            return tail_is_missing(replay, fault);
    return true;
}

bool log_replay(int directory, const struct log_point *known, size_t known_count,
                struct replay *replay, struct fault *fault)
{
    struct check check = {replay, known, known_count};

    memset(replay, 0, sizeof *replay);
    if (replay_all(&check, directory, fault))
        return true;
    replay_drop(replay);
    return false;
}
