/* envelope.h - the body of a bus message: optional header, then one MessagePack-RPC message.
 *
 *   [header map] [0, msgid, "actor.method", [params]]        a request
 *                [1, msgid, error or nil, result]            its answer
 *                [2, "progress", [msgid, data]]              how far a long call has come
 *
 * Two frames of which the first is a map of at most HEADER_OCTETS_MAX: header and message; one
 * frame: the message alone.
 *
 * Source:   MessagePack-RPC specification.
 * Borrows:  everything read points into the octets given.
 * Gives:    what is written is appended to a msgpack_sbuffer of the caller.
 * Fails as: broken_msgpack (not one message, or not this shape), too_large, malformed (header).
 * Allocates nothing while reading, except for header_read()'s arena.
 */
#ifndef ISEKAI_BUS_ENVELOPE_H
#define ISEKAI_BUS_ENVELOPE_H

#include "schemas/message.h"

enum { HEADER_OCTETS_MAX = 4096 };

enum envelope_kind { ENVELOPE_REQUEST, ENVELOPE_ANSWER, ENVELOPE_PROGRESS };

struct envelope {
    enum envelope_kind kind;
    uint32_t msgid;
    struct text method;         /* request */
    struct text params;         /* request: the one parameter's octets, a map; none: an empty map */
    struct text error;          /* answer: octets of the failure map, or absent when nil */
    struct text result;         /* answer: octets */
    struct text data;           /* progress: octets */
};

bool envelope_read(struct text packed, struct envelope *out, struct fault *fault);

/* The msgid of a request, from its first octets, whatever follows: enough to refuse it. */
bool envelope_peek_msgid(struct text packed, uint32_t *msgid);

bool header_read(struct text packed, struct arena *arena, struct header *out, struct fault *fault);

bool envelope_write_request(uint32_t msgid, const char *method, struct text params,
                            msgpack_sbuffer *out);
bool envelope_write_result(uint32_t msgid, struct text result, msgpack_sbuffer *out);
bool envelope_write_failure(uint32_t msgid, const struct failure *failure, msgpack_sbuffer *out);
bool envelope_write_fault(uint32_t msgid, const struct fault *fault, msgpack_sbuffer *out);
bool envelope_write_progress(uint32_t msgid, const struct progress *progress, msgpack_sbuffer *out);

/* The fault that a failure from the bus stands for. */
void fault_from_failure(const struct failure *failure, struct fault *fault);

#endif
