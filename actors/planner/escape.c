/* escape.c - characters with a meaning become their harmless spelling. */
#include "actors/planner/escape.h"

#include <stdio.h>

enum { LONGEST_ESCAPE = 6 };

typedef size_t spell(unsigned char c, char out[LONGEST_ESCAPE + 1]);

static size_t spell_html(unsigned char c, char out[LONGEST_ESCAPE + 1])
{
    const char *word = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;"
                     : c == '"' ? "&quot;" : c == '\'' ? "&#39;" : NULL;

    if (!word) {
        out[0] = (char)c;
        return 1;
    }
    return (size_t)snprintf(out, LONGEST_ESCAPE + 1, "%s", word);
}

/* U+2028 and U+2029 end a line in old JavaScript, but titles hold none. */
static size_t spell_js(unsigned char c, char out[LONGEST_ESCAPE + 1])
{
    if (c >= 0x20 && c != 0x7f && !memchr("\\\"'`$<>&/", c, 9)) {
        out[0] = (char)c;
        return 1;
    }
    return (size_t)snprintf(out, LONGEST_ESCAPE + 1, "\\u%04x", c);
}

static struct text respell(struct text text, spell *spelling, struct arena *arena)
{
    char *out = arena_take(arena, LONGEST_ESCAPE * text.size + 1), one[LONGEST_ESCAPE + 1];
    size_t size = 0;

    if (!out)
        return (struct text){0};
    for (size_t i = 0; i < text.size; i++) {
        size_t length = spelling((unsigned char)text.at[i], one);
        memcpy(out + size, one, length);
        size += length;
    }
    return (struct text){out, size};
}

struct text escape_html(struct text text, struct arena *arena)
{
    return respell(text, spell_html, arena);
}

struct text escape_js(struct text text, struct arena *arena)
{
    return respell(text, spell_js, arena);
}
