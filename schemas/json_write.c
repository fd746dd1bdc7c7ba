/* json_write.c - MessagePack to JSON in one walk: no tree, no allocation but the answer's own.
 *
 * A page of code is mostly text, so text is copied in runs between the characters that JSON
 * escapes.
 */
#include "schemas/json.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/message_rules.h"
#include "schemas/scan.h"
#include "schemas/token.h"

/* An open array or map: values or pairs to come, and what the contract says of them. */
struct level {
    uint32_t left;
    bool is_map, is_first;
    const struct message *message;      /* of this map's fields, or of this array's items */
};

struct writing {
    msgpack_sbuffer *out;
    bool out_of_memory;
    struct level levels[SCAN_DEPTH_MAX];
    uint32_t depth;
};

static bool append(msgpack_sbuffer *out, const char *at, size_t size)
{
    return size == 0 || msgpack_sbuffer_write(out, at, size) == 0;
}

/* What stands for each octet inside a JSON string: 0 itself, 'u' \u00XX, else \ and it. */
static const char escapes[256] = {
    ['\0'] = 'u', ['\1'] = 'u', ['\2'] = 'u', ['\3'] = 'u', ['\4'] = 'u', ['\5'] = 'u',
    ['\6'] = 'u', ['\7'] = 'u', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [0x0b] = 'u',
    ['\f'] = 'f', ['\r'] = 'r', [0x0e] = 'u', [0x0f] = 'u', [0x10] = 'u', [0x11] = 'u',
    [0x12] = 'u', [0x13] = 'u', [0x14] = 'u', [0x15] = 'u', [0x16] = 'u', [0x17] = 'u',
    [0x18] = 'u', [0x19] = 'u', [0x1a] = 'u', [0x1b] = 'u', [0x1c] = 'u', [0x1d] = 'u',
    [0x1e] = 'u', [0x1f] = 'u', ['"'] = '"', ['\\'] = '\\',
};

static bool append_escape(msgpack_sbuffer *out, unsigned char octet)
{
    static const char digits[] = "0123456789abcdef";
    char escape[6] = {'\\', escapes[octet], '0', '0', digits[octet >> 4], digits[octet & 15]};

    return append(out, escape, escapes[octet] == 'u' ? sizeof escape : 2);
}

static bool write_string(struct text text, msgpack_sbuffer *out)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t begin = 0;
    bool done = append(out, "\"", 1);

    for (size_t i = 0; i < text.size; i++) {
        if (!escapes[at[i]])
            continue;
        done = done && append(out, text.at + begin, i - begin) && append_escape(out, at[i]);
        begin = i + 1;
    }
    return done && append(out, text.at + begin, text.size - begin) && append(out, "\"", 1);
}

void json_write_text(struct text text, msgpack_sbuffer *out)
{
    (void) write_string(text.at ? text : TEXT_OF(""), out);
}

/* The fewest digits that read back as the same number; JSON has no infinities. */
static bool write_real(double real, msgpack_sbuffer *out)
{
    char digits[40];

    if (!isfinite(real))
        return append(out, "null", 4);
    for (int precision = 15; precision <= 17; precision++) {
        (void) snprintf(digits, sizeof digits, "%.*g", precision, real);
        if (strtod(digits, NULL) == real)
            break;
    }
    bool is_whole = !strpbrk(digits, ".e");
    return append(out, digits, strlen(digits)) && (!is_whole || append(out, ".0", 2));
}

static bool write_base64(struct text octets, msgpack_sbuffer *out)
{
    enum { STEP = 3 * 300, STEP_SIZE = 4 * 300 + 1 };
    char digits[STEP_SIZE];
    bool done = append(out, "\"", 1);

    for (size_t at = 0; at < octets.size && done; at += STEP) {
        size_t size = octets.size - at < STEP ? octets.size - at : STEP;
        (void) sodium_bin2base64(digits, sizeof digits, (const unsigned char *)octets.at + at,
                                 size, sodium_base64_VARIANT_ORIGINAL);
        done = append(out, digits, strlen(digits));
    }
    return done && append(out, "\"", 1);
}

static bool write_count(const struct token *token, const struct field *field, msgpack_sbuffer *out)
{
    char digits[JSON_TIME_SIZE];

    if (field && field->kind == FIELD_TIME && token->count <= TIME_MS_MAX) {
        json_time((int64_t)token->count, digits);
        return append(out, "\"", 1) && append(out, digits, strlen(digits)) && append(out, "\"", 1);
    }
    int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)token->count);
    return append(out, digits, (size_t)size);
}

static bool write_negative(int64_t number, msgpack_sbuffer *out)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%lld", (long long)number);

    return append(out, digits, (size_t)size);
}

static bool begin_level(struct writing *self, const struct token *token,
                        const struct message *message)
{
    bool is_map = token->kind == TOKEN_MAP;

    self->levels[self->depth++] = (struct level){token->items, is_map, true, message};
    return append(self->out, is_map ? "{" : "[", 1);
}

static bool write_value(struct writing *self, const struct token *token,
                        const struct field *field, const struct message *message)
{
    switch (token->kind) {
    case TOKEN_NIL:
    case TOKEN_EXTENSION:       /* no message holds one */
        return append(self->out, "null", 4);
    case TOKEN_FLAG:
        return append(self->out, token->flag ? "true" : "false", token->flag ? 4 : 5);
    case TOKEN_COUNT:
        return write_count(token, field, self->out);
    case TOKEN_NEGATIVE:
        return write_negative(token->negative, self->out);
    case TOKEN_REAL:
        return write_real(token->real, self->out);
    case TOKEN_TEXT:
        return write_string(token->octets, self->out);
    case TOKEN_BYTES:
        return write_base64(token->octets, self->out);
    case TOKEN_ARRAY:
    case TOKEN_MAP:
        return begin_level(self, token, message);
    }
    return true;
}

static void end_full_levels(struct writing *self)
{
    while (self->depth > 0 && self->levels[self->depth - 1].left == 0) {
        self->depth--;
        if (!append(self->out, self->levels[self->depth].is_map ? "}" : "]", 1))
            self->out_of_memory = true;
    }
}

/* The key of a map's next pair; *field is its row, if it has one. */
static bool write_key(struct writing *self, struct reader *reader, const struct level *level,
                      const struct field **field, struct fault *fault)
{
    struct token key;

    if (!token_read(reader, &key) || key.kind != TOKEN_TEXT)
        return fault_set(fault, FAULT_broken_msgpack, "a key is not a text");
    if (level->message)
        *field = message_field(level->message, key.octets);
    if (!write_string(key.octets, self->out) || !append(self->out, ":", 1))
        self->out_of_memory = true;
    return true;
}

/* One value of the innermost level, with its comma and key. */
static bool write_next(struct writing *self, struct reader *reader, struct fault *fault)
{
    struct level *level = &self->levels[self->depth - 1];
    const struct message *message = level->is_map ? NULL : level->message;
    const struct field *field = NULL;
    struct token token;

    if (!level->is_first && !append(self->out, ",", 1))
        self->out_of_memory = true;
    level->is_first = false;
    level->left--;
    if (level->is_map && !write_key(self, reader, level, &field, fault))
        return false;
    if (field)
        message = field->item;
    if (!token_read(reader, &token))
        return fault_set(fault, FAULT_broken_msgpack, "cut short");
    if (!write_value(self, &token, field, message))
        self->out_of_memory = true;
    return true;
}

bool json_from_packed(const struct message *message, struct text packed, msgpack_sbuffer *out,
                      struct fault *fault)
{
    struct writing self = {.out = out, .out_of_memory = false, .depth = 0};
    struct reader reader = reader_of(packed);
    size_t begin = out->size;
    struct token token;

    if (!scan_whole(packed, SCAN_DEPTH_MAX, SCAN_NODES_MAX, fault))
        return false;
    bool done = token_read(&reader, &token);
    if (!write_value(&self, &token, NULL, message))
        self.out_of_memory = true;
    for (end_full_levels(&self); done && self.depth > 0; end_full_levels(&self))
        done = write_next(&self, &reader, fault);
    if (done && self.out_of_memory)
        done = fault_set(fault, FAULT_internal, "no memory for the JSON of %s", message->name);
    if (!done)
        out->size = begin;
    return done;
}
