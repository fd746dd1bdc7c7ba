/* scan.c - count what a message holds before anything is made of it. */
#include "schemas/scan.h"

#include "schemas/token.h"

/* How many values are still to come at each open array or map. */
struct open { uint64_t left[SCAN_DEPTH_MAX]; uint32_t depth; };

static bool too_deep(uint32_t depth_max, struct fault *fault)
{
    return fault_set(fault, FAULT_broken_msgpack, "nested deeper than %u", depth_max);
}

/* Open an array or map; an empty one closes at once but has its depth all the same. */
static bool open_container(struct open *open, const struct token *token, uint32_t depth_max,
                           struct fault *fault)
{
    if (open->depth >= depth_max)
        return too_deep(depth_max, fault);
    open->left[open->depth++] = token->kind == TOKEN_MAP ? (uint64_t)token->items * 2
                                                         : token->items;
    return true;
}

static void close_full(struct open *open)
{
    while (open->depth > 0 && open->left[open->depth - 1] == 0) {
        open->depth--;
        if (open->depth > 0)
            open->left[open->depth - 1]--;
    }
}

size_t scan_first(struct text packed, uint32_t depth_max, uint32_t nodes_max, struct fault *fault)
{
    struct reader reader = reader_of(packed);
    const char *begin = reader.at;
    struct open open = {.depth = 0};
    struct token token;
    uint32_t nodes = 0;

    if (depth_max > SCAN_DEPTH_MAX)
        depth_max = SCAN_DEPTH_MAX;
    do {
        if (!token_read(&reader, &token)) {
            (void) fault_set(fault, FAULT_broken_msgpack, "no whole value at octet %zu",
                             (size_t)(reader.at - begin));
            return 0;
        }
        if (++nodes > nodes_max) {
            (void) fault_set(fault, FAULT_too_large, "more than %u values", nodes_max);
            return 0;
        }
        if (token.kind == TOKEN_ARRAY || token.kind == TOKEN_MAP) {
            if (!open_container(&open, &token, depth_max, fault))
                return 0;
        } else if (open.depth > 0) {
            open.left[open.depth - 1]--;
        }
        close_full(&open);
    } while (open.depth > 0);
    return (size_t)(reader.at - begin);
}

bool scan_whole(struct text packed, uint32_t depth_max, uint32_t nodes_max, struct fault *fault)
{
    size_t size = scan_first(packed, depth_max, nodes_max, fault);

    if (size == 0)
        return false;
    if (size != packed.size)
        return fault_set(fault, FAULT_broken_msgpack, "%zu octets behind the message",
                         packed.size - size);
    return true;
}
