/* segment.h - the files that hold the log, octet by octet.
 *
 *   segment-<index of its first entry, 20 digits>.log
 *       magic[16]  first:u64  before:hash       the chain's last link before this file
 *       { size:u32  ~size:u32  entry[size]  link:hash } ...
 *
 * Numbers are little endian. An entry is the MessagePack of one audit_event. The size is written
 * twice, once inverted, so that a flipped bit in it is damage and never looks like a torn tail.
 *
 * Owns:     a segment_reader owns its buffer, not its descriptor; drop it with
 *           segment_reader_drop(), also on a zeroed one.
 * Borrows:  what segment_next() gives lives until the next call.
 * Units:    octets, from the start of the file.
 * Bounds:   ENTRY_OCTETS_MAX.
 */
#ifndef ISEKAI_ACTORS_AUDIT_SEGMENT_H
#define ISEKAI_ACTORS_AUDIT_SEGMENT_H

#include "actors/audit/merkle.h"
#include "schemas/fault.h"
#include "schemas/text.h"

enum {
    ENTRY_OCTETS_MAX = 1048576,
    SEGMENT_HEADER_SIZE = 16 + 8 + HASH_SIZE,
    RECORD_HEAD_SIZE = 8,
    RECORD_EXTRA_SIZE = RECORD_HEAD_SIZE + HASH_SIZE,
    SEGMENT_NAME_SIZE = 40,
};

void segment_name(uint64_t first, char out[SEGMENT_NAME_SIZE]);
bool segment_name_read(const char *name, uint64_t *first);

void segment_header_write(uint64_t first, struct hash before,
                          unsigned char out[SEGMENT_HEADER_SIZE]);
/* False when the octets are not the header of that place in that log; *why is static. */
bool segment_header_check(const unsigned char in[SEGMENT_HEADER_SIZE], uint64_t first,
                          struct hash before, const char **why);

/* Writes RECORD_HEAD_SIZE + size + HASH_SIZE octets. */
void record_write(struct text entry, struct hash link, unsigned char *out);

struct segment_reader {
    int fd;
    uint64_t offset;            /* of the next record */
    uint64_t end;               /* nothing is read from here on */
    unsigned char *buffer;
    size_t capacity, filled;
    uint64_t buffer_offset;
};

struct record { struct text entry; struct hash link; uint64_t offset; };

enum segment_step {
    SEGMENT_RECORD,
    SEGMENT_END,
    SEGMENT_TORN,               /* the last record was begun and never completed */
    SEGMENT_DAMAGED,            /* *why says what; static */
};

void segment_reader_begin(struct segment_reader *reader, int fd, uint64_t offset, uint64_t end);
void segment_reader_drop(struct segment_reader *reader);
enum segment_step segment_next(struct segment_reader *reader, struct record *record,
                               const char **why);

/* write(2) until all is written or it fails: disk_full, internal. */
bool write_fully(int fd, const void *from, size_t size, uint64_t offset, struct fault *fault);

#endif
