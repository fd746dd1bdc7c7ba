/* message_decode.h - what the two halves of the decoder share. Used inside schemas/ only.
 *
 * A decode_kind looks at one whole value of a field and stores it at `at`, or notes what is wrong
 * with it at `place` and stores nothing.
 */
#ifndef ISEKAI_SCHEMAS_MESSAGE_DECODE_H
#define ISEKAI_SCHEMAS_MESSAGE_DECODE_H

#include "schemas/message_violation.h"
#include "schemas/token.h"

struct decoding {
    struct violations violations;
    struct arena *arena;
    enum strictness strictness;
};

typedef void decode_kind(struct decoding *self, const struct field *field,
                         const struct place *place, struct text value, void *at);

/* Values that stand alone: message_single.c. */
decode_kind decode_text, decode_bytes, decode_count, decode_real, decode_flag, decode_time,
    decode_enum, decode_free, decode_either;

/* The head of a value, and a reader that stands behind it. */
static inline struct token head_of(struct text value, struct reader *behind)
{
    struct token token = {.kind = TOKEN_NIL};

    *behind = reader_of(value);
    (void) token_read(behind, &token);
    return token;
}

static inline struct token only_head_of(struct text value)
{
    struct reader behind;

    return head_of(value, &behind);
}

#endif
