/* token.h - MessagePack, one value's head at a time.
 *
 * Everything here that reads MessagePack reads it through token_read(): no tree is built, so a
 * message costs no memory, whatever it claims to hold.
 *
 * Source:   MessagePack specification, "Formats".
 * Borrows:  the reader and what it gives point into the octets read.
 * Units:    items counts the values of an array and the pairs of a map.
 * Fails as: false when the octets end too early, at the reserved type 0xc1, and when a declared
 *           length is larger than what is left; the reader then stays where it was.
 */
#ifndef ISEKAI_SCHEMAS_TOKEN_H
#define ISEKAI_SCHEMAS_TOKEN_H

#include "schemas/text.h"

enum token_kind {
    TOKEN_NIL, TOKEN_FLAG, TOKEN_COUNT, TOKEN_NEGATIVE, TOKEN_REAL, TOKEN_TEXT, TOKEN_BYTES,
    TOKEN_EXTENSION, TOKEN_ARRAY, TOKEN_MAP
};

struct token {
    enum token_kind kind;
    union {
        bool flag;
        uint64_t count;
        int64_t negative;
        double real;
        struct text octets;     /* TEXT, BYTES, EXTENSION (without its type); at is never NULL */
        uint32_t items;         /* ARRAY, MAP */
    };
};

struct reader { const char *at, *end; };

static inline struct reader reader_of(struct text packed)
{
    const char *at = packed.at ? packed.at : "";

    return (struct reader){at, at + packed.size};
}

/* Read one head, and behind a TEXT, BYTES or EXTENSION its octets. */
bool token_read(struct reader *reader, struct token *token);

/* Pass over one whole value of octets that scan_whole() has passed. */
struct text token_skip(struct reader *reader);

#endif
