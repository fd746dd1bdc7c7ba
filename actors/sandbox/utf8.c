/* utf8.c - text from an app, made fit for a log line; see utf8.h. */
#include "actors/sandbox/utf8.h"

#include <stdbool.h>
#include <string.h>

/* RFC 3629 section 4: first octet, and what the second may be. All others are 80..BF. */
static const struct {
    unsigned char first, last, second_min, second_max;
    size_t length;
} forms[] = {
    {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool is_tail(unsigned char octet)
{
    return (octet & 0xc0) == 0x80;
}

/* The length of the valid character at `at`, or 0. */
static size_t character(const unsigned char *at, size_t size)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (at[0] < forms[i].first || at[0] > forms[i].last)
            continue;
        if (forms[i].length > size)
            return 0;
        if (forms[i].length > 1 && (at[1] < forms[i].second_min || at[1] > forms[i].second_max))
            return 0;
        for (size_t j = 2; j < forms[i].length; j++)
            if (!is_tail(at[j]))
                return 0;
        return forms[i].length;
    }
    return 0;
}

size_t utf8_repair(const char *from, size_t size, char *out, size_t capacity)
{
    static const char replacement[] = "\xef\xbf\xbd";
    const unsigned char *at = (const unsigned char *)from;
    size_t written = 0;

    for (size_t i = 0; i < size;) {
        size_t length = character(at + i, size - i);
        bool is_good = length > 0 && !((at[i] < 0x20 && at[i] != '\t') || at[i] == 0x7f);
        size_t needed = is_good ? length : sizeof replacement - 1;
        if (written + needed > capacity)
            break;
        memcpy(out + written, is_good ? from + i : replacement, needed);
        written += needed;
        i += length > 0 ? length : 1;
    }
    return written;
}
