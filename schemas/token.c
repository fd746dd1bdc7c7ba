/* token.c - the table of MessagePack's formats, and the one reader of them. */
#include "schemas/token.h"

/* What the formats 0xc0..0xdf are, in order; `width` octets of number or length follow. */
enum shape { NIL, RESERVED, FALSE_, TRUE_, BIN, EXT, FLOAT, UINT, INT, FIXEXT, STR, ARRAY, MAP };
static const struct { unsigned char shape, width; } formats[32] = {
    {NIL, 0},   {RESERVED, 0}, {FALSE_, 0}, {TRUE_, 0},     /* c0 */
    {BIN, 1},   {BIN, 2},      {BIN, 4},    {EXT, 1},       /* c4 */
    {EXT, 2},   {EXT, 4},      {FLOAT, 4},  {FLOAT, 8},     /* c8 */
    {UINT, 1},  {UINT, 2},     {UINT, 4},   {UINT, 8},      /* cc */
    {INT, 1},   {INT, 2},      {INT, 4},    {INT, 8},       /* d0 */
    {FIXEXT, 1}, {FIXEXT, 2},  {FIXEXT, 4}, {FIXEXT, 8},    /* d4 */
    {FIXEXT, 16}, {STR, 1},    {STR, 2},    {STR, 4},       /* d8 */
    {ARRAY, 2}, {ARRAY, 4},    {MAP, 2},    {MAP, 4},       /* dc */
};

static bool take_number(struct reader *reader, size_t width, uint64_t *out)
{
    uint64_t number = 0;

    if ((size_t)(reader->end - reader->at) < width)
        return false;
    for (size_t i = 0; i < width; i++)
        number = number << 8 | (unsigned char)*reader->at++;
    *out = number;
    return true;
}

static bool take_octets(struct reader *reader, enum token_kind kind, uint64_t size,
                        struct token *token)
{
    if ((uint64_t)(reader->end - reader->at) < size)
        return false;
    token->kind = kind;
    token->octets = (struct text){reader->at, size};
    reader->at += size;
    return true;
}

/* Each item takes an octet at least: more items than octets is a lie. */
static bool take_items(const struct reader *reader, enum token_kind kind, uint64_t items,
                       struct token *token)
{
    uint64_t values = kind == TOKEN_MAP ? items * 2 : items;

    if ((uint64_t)(reader->end - reader->at) < values)
        return false;
    token->kind = kind;
    token->items = (uint32_t)items;
    return true;
}

static bool take_integer(int64_t value, struct token *token)
{
    token->kind = value < 0 ? TOKEN_NEGATIVE : TOKEN_COUNT;
    if (value < 0)
        token->negative = value;
    else
        token->count = (uint64_t)value;
    return true;
}

static bool take_real(uint64_t number, size_t width, struct token *token)
{
    token->kind = TOKEN_REAL;
    if (width == 4) {
        uint32_t half = (uint32_t)number;
        float real;
        memcpy(&real, &half, sizeof real);
        token->real = (double)real;
    } else {
        memcpy(&token->real, &number, sizeof token->real);
    }
    return true;
}

static int64_t sign_extended(uint64_t number, size_t width)
{
    unsigned int shift = 64 - 8 * (unsigned int)width;

    return (int64_t)(number << shift) >> shift;
}

static bool take_extension(struct reader *reader, uint64_t size, struct token *token)
{
    if (reader->at == reader->end)
        return false;
    reader->at++;                       /* its type: none is known here */
    return take_octets(reader, TOKEN_EXTENSION, size, token);
}

static bool take_format(struct reader *reader, unsigned int format, struct token *token)
{
    enum shape shape = formats[format].shape;
    size_t width = formats[format].width;
    uint64_t number = 0;

    if (shape == FIXEXT)
        return take_extension(reader, width, token);
    if (!take_number(reader, width, &number))
        return false;
    switch (shape) {
    case NIL:
        token->kind = TOKEN_NIL;
        return true;
    case FALSE_:
    case TRUE_:
        token->kind = TOKEN_FLAG;
        token->flag = shape == TRUE_;
        return true;
    case UINT:
        token->kind = TOKEN_COUNT;
        token->count = number;
        return true;
    case INT:    return take_integer(sign_extended(number, width), token);
    case FLOAT:  return take_real(number, width, token);
    case STR:    return take_octets(reader, TOKEN_TEXT, number, token);
    case BIN:    return take_octets(reader, TOKEN_BYTES, number, token);
    case EXT:    return take_extension(reader, number, token);
    case ARRAY:  return take_items(reader, TOKEN_ARRAY, number, token);
    case MAP:    return take_items(reader, TOKEN_MAP, number, token);
    case FIXEXT:
    case RESERVED:
        break;
    }
    return false;
}

static bool take_token(struct reader *reader, struct token *token)
{
    if (reader->at == reader->end)
        return false;
    unsigned char first = (unsigned char)*reader->at++;
    if (first < 0x80)
        return take_integer(first, token);
    if (first < 0x90)
        return take_items(reader, TOKEN_MAP, first & 0x0f, token);
    if (first < 0xa0)
        return take_items(reader, TOKEN_ARRAY, first & 0x0f, token);
    if (first < 0xc0)
        return take_octets(reader, TOKEN_TEXT, first & 0x1f, token);
    if (first < 0xe0)
        return take_format(reader, first & 0x1f, token);
    return take_integer((int64_t)first - 256, token);
}

bool token_read(struct reader *reader, struct token *token)
{
    struct reader ahead = *reader;

    if (!take_token(&ahead, token))
        return false;
    *reader = ahead;
    return true;
}

struct text token_skip(struct reader *reader)
{
    const char *begin = reader->at;
    uint64_t left = 1;
    struct token token;

    for (; left > 0 && token_read(reader, &token); left--) {
        if (token.kind == TOKEN_ARRAY)
            left += token.items;
        else if (token.kind == TOKEN_MAP)
            left += (uint64_t)token.items * 2;
    }
    return (struct text){begin, (size_t)(reader->at - begin)};
}
