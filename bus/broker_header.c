/* broker_header.c - a header looked at and spliced, without unpacking it. */
#include "bus/broker_header.h"

#include "bus/packed.h"
#include "schemas/scan.h"

enum { LOOK_DEPTH_MAX = 8, LOOK_NODES_MAX = 512, TIME_LEFT_MS_MAX = 86400000 };

/* The new map's head and its entry of the time: 0xde and two octets; key, 0xce, four octets. */
enum { MAP_HEAD_SIZE = 3, TIME_VALUE_SIZE = 5 };
static const char time_key[] = "\xaatimeLeftMs";
enum { TIME_ENTRY_SIZE = sizeof time_key - 1 + TIME_VALUE_SIZE };

static bool cut(struct header_look *look, size_t from, size_t to)
{
    if (look->cut_count == HEADER_CUTS_MAX)
        return false;
    look->cuts[look->cut_count].from = (uint32_t)from;
    look->cuts[look->cut_count++].to = (uint32_t)to;
    return true;
}

/* One out of bounds is kept for the actor to refuse; so is a second one, beside ours. */
static bool look_at_time(struct text value, size_t from, size_t to, struct header_look *look)
{
    struct packed reader = packed_from(value);
    uint64_t time_left_ms;

    if (look->has_time)
        return true;
    if (!packed_count(&reader, &time_left_ms) || time_left_ms > TIME_LEFT_MS_MAX) {
        look->keeps_time = true;
        return true;
    }
    look->has_time = true;
    look->time_left_ms = (uint32_t)time_left_ms;
    return cut(look, from, to);
}

static void look_at_principal(struct text value, struct header_look *look)
{
    struct packed reader = packed_from(value);
    struct text key, inner;
    uint64_t count;

    if (!packed_map(&reader, &count))
        return;
    for (uint64_t i = 0; i < count; i++) {
        if (!packed_text(&reader, &key))
            return;
        if (text_is(key, "user")) {
            (void) packed_text(&reader, &look->user);
            return;
        }
        if (!packed_value(&reader, &inner))
            return;
    }
}

/* False when this entry makes the whole no header of ours. */
static bool look_at_entry(struct packed *reader, struct text whole, struct header_look *look)
{
    size_t from = whole.size - reader->left;
    struct text key = {NULL, 0}, value;

    if (!packed_text(reader, &key) && !packed_value(reader, &value))
        return false;
    if (!packed_value(reader, &value))
        return false;
    size_t to = whole.size - reader->left;

    if (!key.at)
        return true;
    if (text_is(key, "caller"))
        return cut(look, from, to);
    if (text_is(key, "timeLeftMs"))
        return look_at_time(value, from, to, look);
    if (text_is(key, "retry"))
        look->retry = value.size == 1 && (unsigned char)value.at[0] == 0xc3;
    else if (text_is(key, "principal"))
        look_at_principal(value, look);
    return true;
}

static bool look_at_all(struct text packed, struct header_look *out)
{
    struct packed reader = packed_from(packed);
    struct fault ignored;
    uint64_t count;

    if (packed.size > HEADER_OCTETS_MAX || !packed_is_map(packed) ||
        !scan_whole(packed, LOOK_DEPTH_MAX, LOOK_NODES_MAX, &ignored) ||
        !packed_map(&reader, &count))
        return false;
    out->entries = (uint32_t)count;
    out->head_size = (uint32_t)(packed.size - reader.left);
    for (uint64_t i = 0; i < count; i++)
        if (!look_at_entry(&reader, packed, out))
            return false;
    return true;
}

bool header_look(struct text packed, struct header_look *out)
{
    *out = (struct header_look){.is_header = true};
    if (!look_at_all(packed, out))
        *out = (struct header_look){.is_header = false};
    return out->is_header;
}

size_t header_size(struct text packed, const struct header_look *look, struct text caller)
{
    size_t size = MAP_HEAD_SIZE + caller.size + (look->keeps_time ? 0 : TIME_ENTRY_SIZE);

    if (!look->is_header)
        return size;
    size += packed.size - look->head_size;
    for (uint32_t i = 0; i < look->cut_count; i++)
        size -= look->cuts[i].to - look->cuts[i].from;
    return size;
}

static char *put(char *out, const void *from, size_t size)
{
    memcpy(out, from, size);
    return out + size;
}

static char *put_kept(struct text packed, const struct header_look *look, char *out)
{
    size_t at = look->head_size;

    for (uint32_t i = 0; i < look->cut_count; i++) {
        out = put(out, packed.at + at, look->cuts[i].from - at);
        at = look->cuts[i].to;
    }
    return put(out, packed.at + at, packed.size - at);
}

static char *put_time(uint32_t time_left_ms, char *out)
{
    const unsigned char value[TIME_VALUE_SIZE] = {
        0xce, (unsigned char)(time_left_ms >> 24), (unsigned char)(time_left_ms >> 16),
        (unsigned char)(time_left_ms >> 8), (unsigned char)time_left_ms,
    };

    return put(put(out, time_key, sizeof time_key - 1), value, sizeof value);
}

void header_write(struct text packed, const struct header_look *look, struct text caller,
                  uint32_t time_left_ms, char *out)
{
    uint32_t entries = look->entries - look->cut_count + (look->keeps_time ? 1 : 2);
    const unsigned char head[MAP_HEAD_SIZE] = {0xde, (unsigned char)(entries >> 8),
                                               (unsigned char)entries};

    out = put(out, head, sizeof head);
    if (look->is_header)
        out = put_kept(packed, look, out);
    out = put(out, caller.at, caller.size);
    if (!look->keeps_time)
        (void) put_time(time_left_ms, out);
}
