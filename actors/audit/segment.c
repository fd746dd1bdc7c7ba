/* segment.c - reading and writing the octets of a log file; judges shape, not hashes. */
#include "actors/audit/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAGIC_SIZE = 16, READ_AHEAD = 262144 };
static const char magic[MAGIC_SIZE] = "isekai audit 1\n";

static void put_number(unsigned char *out, uint64_t number, int octets)
{
    for (int i = 0; i < octets; i++)
        out[i] = number >> (8 * i) & 0xff;
}

static uint64_t get_number(const unsigned char *in, int octets)
{
    uint64_t number = 0;

    for (int i = 0; i < octets; i++)
        number |= (uint64_t)in[i] << (8 * i);
    return number;
}

void segment_name(uint64_t first, char out[SEGMENT_NAME_SIZE])
{
    snprintf(out, SEGMENT_NAME_SIZE, "segment-%020" PRIu64 ".log", first);
}

bool segment_name_read(const char *name, uint64_t *first)
{
    char again[SEGMENT_NAME_SIZE];

    if (sscanf(name, "segment-%20" SCNu64 ".log", first) != 1)
        return false;
    segment_name(*first, again);
    return strcmp(name, again) == 0;
}

void segment_header_write(uint64_t first, struct hash before,
                          unsigned char out[SEGMENT_HEADER_SIZE])
{
    memcpy(out, magic, MAGIC_SIZE);
    put_number(out + MAGIC_SIZE, first, 8);
    memcpy(out + MAGIC_SIZE + 8, before.at, HASH_SIZE);
}

bool segment_header_check(const unsigned char in[SEGMENT_HEADER_SIZE], uint64_t first,
                          struct hash before, const char **why)
{
    *why = NULL;
    if (memcmp(in, magic, MAGIC_SIZE) != 0)
        *why = "the file does not begin like a log segment";
    else if (get_number(in + MAGIC_SIZE, 8) != first)
        *why = "the segment's first index is not the one of its name";
    else if (memcmp(in + MAGIC_SIZE + 8, before.at, HASH_SIZE) != 0)
        *why = "the segment does not continue the hash chain";
    return !*why;
}

void record_write(struct text entry, struct hash link, unsigned char *out)
{
    put_number(out, entry.size, 4);
    put_number(out + 4, ~(uint32_t)entry.size, 4);
    memcpy(out + RECORD_HEAD_SIZE, entry.at, entry.size);
    memcpy(out + RECORD_HEAD_SIZE + entry.size, link.at, HASH_SIZE);
}

void segment_reader_begin(struct segment_reader *reader, int fd, uint64_t offset, uint64_t end)
{
    reader->fd = fd;
    reader->offset = offset;
    reader->end = end;
    reader->filled = 0;
    reader->buffer_offset = offset;
}

void segment_reader_drop(struct segment_reader *reader)
{
    free(reader->buffer);
    reader->buffer = NULL;
    reader->capacity = 0;
}

static bool make_room(struct segment_reader *reader, size_t size)
{
    size_t capacity = size > READ_AHEAD ? size : READ_AHEAD;

    if (reader->capacity >= size)
        return true;
    unsigned char *buffer = realloc(reader->buffer, capacity);
    if (!buffer)
        return false;
    reader->buffer = buffer;
    reader->capacity = capacity;
    return true;
}

/* The octets at reader->offset; NULL and *why when they cannot be had. `size` of them are there
 * for certain, as the caller has looked at `end`. */
static const unsigned char *look(struct segment_reader *reader, size_t size, const char **why)
{
    size_t skip = reader->offset - reader->buffer_offset;

    if (reader->offset >= reader->buffer_offset && skip + size <= reader->filled)
        return reader->buffer + skip;
    *why = "out of memory";
    if (!make_room(reader, size))
        return NULL;
    reader->buffer_offset = reader->offset;
    reader->filled = 0;
    while (reader->filled < size) {
        uint64_t at = reader->buffer_offset + reader->filled;
        size_t wanted = reader->capacity - reader->filled;
        if (wanted > reader->end - at)
            wanted = reader->end - at;
        ssize_t got = pread(reader->fd, reader->buffer + reader->filled, wanted, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        *why = got < 0 ? "the file cannot be read" : "the file became shorter";
        if (got <= 0)
            return NULL;
        reader->filled += (size_t)got;
    }
    return reader->buffer;
}

/* A machine that lost power may leave a file that grew, with nothing written in it. */
static bool is_zero_until_end(struct segment_reader *reader, const char **why)
{
    uint64_t begin = reader->offset;
    bool zero = true;

    while (zero && reader->offset < reader->end) {
        size_t size = reader->end - reader->offset > 4096 ? 4096 : reader->end - reader->offset;
        const unsigned char *at = look(reader, size, why);
        for (size_t i = 0; at && i < size && zero; i++)
            zero = at[i] == 0;
        zero = zero && at;
        reader->offset += size;
    }
    reader->offset = begin;
    return zero;
}

enum segment_step segment_next(struct segment_reader *reader, struct record *record,
                               const char **why)
{
    uint64_t left = reader->end - reader->offset;

    if (left == 0)
        return SEGMENT_END;
    if (left < RECORD_HEAD_SIZE)
        return SEGMENT_TORN;
    const unsigned char *at = look(reader, RECORD_HEAD_SIZE, why);
    if (!at)
        return SEGMENT_DAMAGED;
    uint32_t size = (uint32_t)get_number(at, 4);
    if (size != (uint32_t)~get_number(at + 4, 4) || size == 0 || size > ENTRY_OCTETS_MAX) {
        if (is_zero_until_end(reader, why))
            return SEGMENT_TORN;
        *why = "the record's size is damaged";
        return SEGMENT_DAMAGED;
    }
    if (left < (uint64_t)size + RECORD_EXTRA_SIZE)
        return SEGMENT_TORN;
    at = look(reader, size + RECORD_EXTRA_SIZE, why);
    if (!at)
        return SEGMENT_DAMAGED;
    record->entry = (struct text){(const char *)at + RECORD_HEAD_SIZE, size};
    memcpy(record->link.at, at + RECORD_HEAD_SIZE + size, HASH_SIZE);
    record->offset = reader->offset;
    reader->offset += size + RECORD_EXTRA_SIZE;
    return SEGMENT_RECORD;
}

bool write_fully(int fd, const void *from, size_t size, uint64_t offset, struct fault *fault)
{
    const char *at = from;

    while (size > 0) {
        ssize_t put = pwrite(fd, at, size, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
            return fault_set(fault, FAULT_disk_full, "audit log: %s", strerror(errno));
        if (put <= 0)
            return fault_set(fault, FAULT_internal, "audit log: write: %s", strerror(errno));
        at += put;
        offset += (uint64_t)put;
        size -= (size_t)put;
    }
    return true;
}
