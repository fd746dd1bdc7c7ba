/* words.c - splitting text into words and matching patterns, without ever going back. */
#include "actors/planner/words.h"

#include <strings.h>

static bool is_ascii_letter(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Octets of marks beyond ASCII: U+0080..00BF, U+2000..203F, U+3000..303F. Else 0. */
static size_t mark_size(struct text text, size_t at)
{
    const unsigned char *c = (const unsigned char *)text.at + at;
    size_t left = text.size - at;

    if (left >= 2 && c[0] == 0xc2)
        return 2;
    if (left >= 3 && ((c[0] == 0xe2 && c[1] == 0x80) || (c[0] == 0xe3 && c[1] == 0x80)))
        return 3;
    return 0;
}

/* Octets of a word's part at that place, 0 when there is none. */
static size_t part_size(struct text text, size_t at, bool inside)
{
    unsigned char c = (unsigned char)text.at[at];

    if (c >= 0x80)
        return mark_size(text, at) ? 0 : 1;
    if (is_ascii_letter(c))
        return 1;
    return inside && c == '\'' && at + 1 < text.size &&
           is_ascii_letter((unsigned char)text.at[at + 1]);
}

static size_t pass_gap(struct text text, size_t at)
{
    while (at < text.size && part_size(text, at, false) == 0)
        at += (unsigned char)text.at[at] >= 0x80 ? mark_size(text, at) : 1;
    return at;
}

static size_t pass_word(struct text text, size_t at)
{
    while (at < text.size && part_size(text, at, true) > 0)
        at++;
    return at;
}

static size_t count_words(struct text text)
{
    size_t count = 0;

    for (size_t at = pass_gap(text, 0); at < text.size && count < WORDS_MAX; count++)
        at = pass_gap(text, pass_word(text, at));
    return count;
}

struct words words_split(struct text text, struct arena *arena)
{
    size_t count = count_words(text), at = pass_gap(text, 0);
    struct word *words = arena_take(arena, (count + 1) * sizeof *words);

    if (!words)
        return (struct words){.text = {"", 0}};
    for (size_t i = 0; i < count; i++) {
        size_t end = pass_word(text, at);
        words[i] = (struct word){(uint32_t)at, (uint32_t)(end - at)};
        at = pass_gap(text, end);
    }
    return (struct words){text, words, count};
}

struct text word_text(const struct words *words, size_t index)
{
    return (struct text){words->text.at + words->at[index].at, words->at[index].size};
}

struct text word_gap(const struct words *words, size_t index)
{
    size_t begin = index == 0 ? 0 : words->at[index - 1].at + words->at[index - 1].size;
    size_t end = index == words->count ? words->text.size : words->at[index].at;

    return (struct text){words->text.at + begin, end - begin};
}

/* `token` is size octets of "a|an|the". */
static bool word_in(const struct words *words, size_t index, const char *token, size_t size)
{
    struct text word = word_text(words, index);
    const char *end = token + size;

    while (token < end) {
        const char *bar = memchr(token, '|', (size_t)(end - token));
        size_t length = (size_t)((bar ? bar : end) - token);
        if (length == word.size && strncasecmp(token, word.at, length) == 0)
            return true;
        token += length + 1;
    }
    return false;
}

bool word_is(const struct words *words, size_t index, const char *one_or_more)
{
    return index < words->count &&
           word_in(words, index, one_or_more, strlen(one_or_more));
}

/* May the word at `index` follow the one before within one match? */
static bool is_joined(const struct words *words, size_t index)
{
    struct text gap = word_gap(words, index);

    for (size_t i = 0; i < gap.size; i++)
        if (!strchr(" \t-/\"'`", gap.at[i]) && (unsigned char)gap.at[i] < 0x80)
            return false;
    return true;
}

/* The places reached after a token, one bit each, from those reached before it. */
static uint32_t step(const struct words *words, size_t index, size_t end, uint32_t reached,
                     const char *token, size_t size)
{
    uint32_t next = 0;

    if (token[size - 1] == '?') {
        next = reached;
        size--;
    }
    for (uint32_t i = 0; i < WORD_SPAN_MAX && index + i < end; i++)
        if ((reached >> i & 1) && (i == 0 || is_joined(words, index + i)) &&
            word_in(words, index + i, token, size))
            next |= 2u << i;
    return next;
}

size_t words_match(const struct words *words, size_t index, size_t end, const char *pattern)
{
    uint32_t reached = 1;

    while (*pattern && reached) {
        size_t size = strcspn(pattern, " ");
        reached = step(words, index, end, reached, pattern, size);
        pattern += size;
        pattern += strspn(pattern, " ");
    }
    reached &= ~1u;
    return reached ? (size_t)__builtin_ctz(reached) : 0;
}

size_t words_find(const struct words *words, size_t begin, size_t end, const char *pattern)
{
    for (size_t i = begin; i < end; i++)
        if (words_match(words, i, end, pattern) > 0)
            return i;
    return SIZE_MAX;
}
