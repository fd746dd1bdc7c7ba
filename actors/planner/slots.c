/* slots.c - a slot is a line with nothing but its comment. */
#include "actors/planner/slots.h"

bool slot_is_name(struct text name)
{
    if (name.size == 0 || name.size > 32 || name.at[0] < 'a' || name.at[0] > 'z')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

static bool take(struct text *line, const char *begin)
{
    size_t size = strlen(begin);

    if (line->size < size || memcmp(line->at, begin, size) != 0)
        return false;
    *line = (struct text){line->at + size, line->size - size};
    return true;
}

static bool is_slot_line(struct text line, struct text slot)
{
    const char *end = "*/";

    line = text_trimmed(line);
    if (take(&line, "<!--"))
        end = "-->";
    else if (!take(&line, "/*"))
        return false;
    if (line.size < strlen(end) || memcmp(line.at + line.size - strlen(end), end, strlen(end)) != 0)
        return false;
    line = text_trimmed((struct text){line.at, line.size - strlen(end)});
    return take(&line, "slot:") && text_equals(line, slot);
}

bool slot_find(struct text content, struct text slot, size_t *begin)
{
    for (size_t at = 0; at < content.size;) {
        const char *line = content.at + at;
        const char *end = memchr(line, '\n', content.size - at);
        size_t size = end ? (size_t)(end - line) : content.size - at;
        if (is_slot_line((struct text){line, size}, slot)) {
            *begin = at;
            return true;
        }
        at += size + 1;
    }
    return false;
}
