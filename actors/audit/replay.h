/* replay.h - reads a whole log and recomputes every hash of it.
 *
 * Shared by the start of the audit actor, which refuses to go on from a damaged log, and by
 * isekai-audit-verify.
 *
 * Owns:     log_replay() fills segments, freed with replay_drop(); safe on a zeroed one.
 * Borrows:  the directory's descriptor.
 * Fails as: internal, with "index=I offset=O segment=NAME: why" as the reason: the first entry that
 *           is not as it was written.
 * Bounds:   SEGMENTS_MAX files.
 */
#ifndef ISEKAI_ACTORS_AUDIT_REPLAY_H
#define ISEKAI_ACTORS_AUDIT_REPLAY_H

#include "actors/audit/segment.h"

enum { SEGMENTS_MAX = 100000, MARK_EVERY = 64 };

/* One file as it was found. marks[i] is the offset of its entry i * MARK_EVERY. */
struct segment {
    uint64_t first;
    uint64_t octets;            /* up to the end of the last whole record */
    uint64_t *marks;
    size_t mark_count, mark_capacity;
};

/* A log at one moment; what was once acknowledged must still be found. */
struct log_point { uint64_t size; struct hash root; struct hash chain; bool has_chain; };

struct replay {
    struct frontier frontier;
    struct hash chain;
    struct segment *segments;
    size_t segment_count, segment_capacity;
    uint64_t torn_octets;       /* begun at the end of the last file and never completed */
};

/* The log must have gone through each point of `known`: that many entries with that root and,
 * where it is given, that chain. */
bool log_replay(int directory, const struct log_point *known, size_t known_count,
                struct replay *replay, struct fault *fault);
void replay_drop(struct replay *replay);

/* Whether the directory holds segments at all. */
bool log_has_segments(int directory, bool *has, struct fault *fault);

/* Make room for the marks of `count` more entries; false: no memory. Then mark them. */
bool segment_reserve(struct segment *segment, size_t count);
void segment_mark(struct segment *segment, uint64_t index, uint64_t offset);

/* The file that says how much of the log was acknowledged, written beside it before each answer.
 * It may lag behind after a loss of power, never lead. not_found when there is none. */
extern const char acknowledged_name[];
enum { ACKNOWLEDGED_SIZE = 16 + 8 + 3 * HASH_SIZE };
void acknowledged_write(const struct log_point *point, unsigned char out[ACKNOWLEDGED_SIZE]);
bool acknowledged_read(int directory, struct log_point *point, struct fault *fault);

#endif
