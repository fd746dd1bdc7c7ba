/* message_free.c - the rules of a FREE value: bounded, all text, no key twice.
 *
 * The value is walked by counting, never by recursion. Keys are gathered and sorted, because
 * comparing each with each would let a few thousand of them cost seconds.
 */
#include "schemas/message_rules.h"

#include <stdlib.h>

#include "schemas/scan.h"
#include "schemas/token.h"

const char FREE_WRONG_SHAPE[] = "has the wrong type";

struct key { uint32_t map; struct text name; };
struct keys { struct key *at; uint32_t count; };

/* An open array or map: what is still to come of it, and of a map which one it is. */
struct level { uint64_t left; uint32_t map; bool is_map; };

static int key_order(const void *a_, const void *b_)
{
    const struct key *a = a_, *b = b_;

    if (a->map != b->map)
        return a->map < b->map ? -1 : 1;
    if (a->name.size != b->name.size)
        return a->name.size < b->name.size ? -1 : 1;
    return a->name.size == 0 ? 0 : memcmp(a->name.at, b->name.at, a->name.size);
}

static const char *value_complaint(const struct token *token)
{
    if (token->kind == TOKEN_EXTENSION)
        return "holds a value of an unknown type";
    if (token->kind == TOKEN_TEXT && text_code_points(token->octets) == SIZE_MAX)
        return "holds a text that is not valid UTF-8";
    return NULL;
}

/* Note one value; where a key is due it must be a text. */
static const char *take_value(const struct level *level, const struct token *token,
                              struct keys *keys)
{
    bool is_key = level && level->is_map && level->left % 2 == 0;

    if (is_key && token->kind != TOKEN_TEXT)
        return "holds a key that is not a text";
    if (is_key)
        keys->at[keys->count++] = (struct key){level->map, token->octets};
    return value_complaint(token);
}

/* Walk octets that scan_whole() has passed with FREE_DEPTH_MAX. */
static const char *gather(struct text value, struct keys *keys)
{
    struct level levels[FREE_DEPTH_MAX + 1];
    uint32_t depth = 0, maps = 0;
    struct reader reader = reader_of(value);
    struct token token;

    while (token_read(&reader, &token)) {
        const char *complaint = take_value(depth > 0 ? &levels[depth - 1] : NULL, &token, keys);
        if (complaint)
            return complaint;
        if (token.kind == TOKEN_MAP)
            levels[depth++] = (struct level){(uint64_t)token.items * 2 + 1, ++maps, true};
        else if (token.kind == TOKEN_ARRAY)
            levels[depth++] = (struct level){(uint64_t)token.items + 1, 0, false};
        while (depth > 0 && --levels[depth - 1].left == 0)
            depth--;
    }
    return NULL;
}

static bool holds_key_twice(struct keys *keys)
{
    if (keys->count > 1)
        qsort(keys->at, keys->count, sizeof *keys->at, key_order);
    for (uint32_t i = 1; i < keys->count; i++)
        if (key_order(&keys->at[i - 1], &keys->at[i]) == 0)
            return true;
    return false;
}

static uint32_t keys_in(struct text value)
{
    struct reader reader = reader_of(value);
    struct token token;
    uint32_t count = 0;

    while (token_read(&reader, &token))
        count += token.kind == TOKEN_MAP ? token.items : 0;
    return count;
}

static bool has_shape(int shape, struct text value)
{
    struct reader reader = reader_of(value);
    struct token token;

    if (!token_read(&reader, &token))
        return false;
    return shape == OBJECT ? token.kind == TOKEN_MAP
         : shape == ARRAY  ? token.kind == TOKEN_ARRAY : true;
}

const char *free_outline_complaint(int shape, struct text value)
{
    struct fault fault = {FAULT_NONE, 0, ""};

    if (!has_shape(shape, value))
        return FREE_WRONG_SHAPE;
    if (scan_whole(value, FREE_DEPTH_MAX, FREE_NODES_MAX, &fault))
        return NULL;
    if (fault.kind == FAULT_too_large)
        return "holds too many values";
    return scan_whole(value, SCAN_DEPTH_MAX, UINT32_MAX, &fault) ? "is nested too deep"
                                                                 : "is not one whole value";
}

const char *free_complaint(int shape, struct text value, struct arena *arena)
{
    const char *complaint = free_outline_complaint(shape, value);
    struct keys keys = {NULL, 0};

    if (complaint)
        return complaint;
    keys.at = arena_take(arena, keys_in(value) * sizeof *keys.at);
    if (!keys.at)
        return "is too large";
    complaint = gather(value, &keys);
    if (complaint)
        return complaint;
    return holds_key_twice(&keys) ? "holds a key twice" : NULL;
}
