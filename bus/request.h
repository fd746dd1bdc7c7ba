/* request.h - how an ask becomes the frames of a request, and a message its answer.
 *
 * What client.c (one thread) and pipe.c (many) have in common.
 *
 * Borrows:  an answer read points into the frames it was read from.
 * Fails as: too_large (over message_bytes_max), internal (our own ask breaks the contract's table),
 *           broken_msgpack (an answer is none), or what the answer itself says.
 */
#ifndef ISEKAI_BUS_REQUEST_H
#define ISEKAI_BUS_REQUEST_H

#include "bus/client.h"
#include "bus/envelope.h"
#include "bus/link.h"

enum {
    FAILURE_ARENA_OCTETS = 1048576,     /* for the one failure that an answer may hold */
    MDP_OCTETS_MAX = 512,               /* frames around a body: protocol, command, address, name */
};

/* Is a body of so many octets, with MDP's own frames around it, within the bound? */
bool request_fits(size_t octets, uint64_t message_bytes_max, struct fault *fault);

/* MDP/0.2's frames for `ask`; left_ms is what remains until its deadline, at least 1. */
bool request_write(const struct ask *ask, uint32_t msgid, int64_t left_ms, struct text packed,
                   uint64_t message_bytes_max, struct frames *out, struct fault *fault);
/* MDP/0.2's frames around any body. */
void request_write_raw(const char *service, struct text body, struct frames *out);

enum answer_kind { ANSWER_NONE, ANSWER_PARTIAL, ANSWER_FINAL };

/* What a message from the broker is: the command, the service and where the body stands.
 * ANSWER_NONE: nothing of MDP/0.2. */
enum answer_kind answer_kind(const struct frames *frames, struct text *service,
                             size_t *body_frame);

/* The result of an answer: true and *result, or false and its failure as a fault, with *failure
 * its octets. */
bool answer_read(const struct envelope *answer, struct text *result, struct text *failure,
                 struct fault *fault);

/* Tell ask->progress, when it wants to know. */
void answer_tell_progress(const struct ask *ask, const struct envelope *answer);

/* The message whose frame is the buffer's octets; the buffer is empty afterwards. */
void message_from_buffer(msgpack_sbuffer *buffer, zmq_msg_t *out);

#endif
