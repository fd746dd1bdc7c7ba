/* title.c - titles: cleaned, found in sentences, made from them. */
#include "actors/planner/title.h"

#include <string.h>

struct text text_cut(struct text text, size_t characters_max)
{
    size_t characters = 0, at = 0;

    for (; at < text.size; at++) {
        bool begins = ((unsigned char)text.at[at] & 0xc0) != 0x80;
        if (begins && characters++ == characters_max)
            break;
    }
    return (struct text){text.at, at};
}

/* Octets of a control character, a line end or white space at that place; 0: it is none. */
static size_t blank_size(struct text text, size_t at)
{
    const unsigned char *c = (const unsigned char *)text.at + at;
    size_t left = text.size - at;

    if (c[0] <= 0x20 || c[0] == 0x7f)
        return 1;
    if (left >= 2 && c[0] == 0xc2 && c[1] <= 0xa0)      /* C1 controls and NBSP */
        return 2;
    if (left >= 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9))
        return 3;                                       /* line and paragraph separators */
    return 0;
}

struct text title_clean(struct text text, struct arena *arena)
{
    char *out = arena_take(arena, text.size + 1);
    size_t size = 0, blank;
    bool gap = false;

    for (size_t at = 0; out && at < text.size;) {
        blank = blank_size(text, at);
        gap = gap || blank > 0;
        at += blank;
        if (blank > 0)
            continue;
        if (gap && size > 0)
            out[size++] = ' ';
        gap = false;
        out[size++] = text.at[at++];
    }
    struct text clean = text_trimmed(text_cut((struct text){out, size}, TITLE_CHARACTERS_MAX));
    return clean.size > 0 ? clean : (struct text){0};
}

/* ---- quotes ---- */

static const struct { const char *open, *close; } quotes[] = {
    {"\"", "\""}, {"'", "'"}, {"`", "`"},
    {"\u201c", "\u201d"}, {"\u201e", "\u201c"}, {"\u2018", "\u2019"},
    {"\u00ab", "\u00bb"}, {"\u300c", "\u300d"},
};

static bool has_at(struct text text, size_t at, const char *string)
{
    size_t size = strlen(string);

    return text.size - at >= size && memcmp(text.at + at, string, size) == 0;
}

/* An apostrophe inside of a word ends no quote. */
static bool may_close(struct text text, size_t behind)
{
    unsigned char c = behind < text.size ? (unsigned char)text.at[behind] : ' ';

    return !((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'));
}

struct text title_quoted(struct text text, size_t at, size_t *behind)
{
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        if (at >= text.size || !has_at(text, at, quotes[i].open))
            continue;
        size_t begin = at + strlen(quotes[i].open);
        for (size_t end = begin; end < text.size; end++) {
            *behind = end + strlen(quotes[i].close);
            if (has_at(text, end, quotes[i].close) && may_close(text, *behind))
                return (struct text){text.at + begin, end - begin};
        }
    }
    return (struct text){0};
}

/* ---- named in a sentence ---- */

static const struct { const char *pattern; bool needs_upper; } named[] = {
#define NAMED(pattern) {pattern, false},
#define NAMED_UPPER(pattern) {pattern, true},
#include "actors/planner/titles.def"
};

static const char ends_name[] =
    "with|that|which|where|who|whose|using|including|featuring|so|but|then|please|having";
static const char links_name[] = "and|for|to|of|in|on|at|by|from|the|a|an|&";
static const char ends_small_name[] = "and|for|to|in|on|at|by|from";
static const char not_names[] =
    "button|buttons|label|labelled|labeled|text|says|saying|say|column|columns|field|fields|"
    "placeholder|tab|tabs|message|reads|like|section|heading|file|word|words|contains|containing|"
    "option";

static bool is_upper(const struct words *words, size_t index)
{
    unsigned char c = index < words->count ? (unsigned char)word_text(words, index).at[0] : 'a';

    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static bool gap_ends_name(struct text gap)
{
    for (size_t i = 0; i < gap.size; i++)
        if (memchr(",;:!?()\n\r\"", gap.at[i], 10) ||
            (gap.at[i] == '.' && (i + 1 == gap.size || gap.at[i + 1] == ' ')))
            return true;
    return false;
}

/* In "Bread and Butter" the small word goes on, in "Bread and a search" it does not. */
static bool goes_on(const struct words *words, size_t first, size_t index)
{
    if (gap_ends_name(word_gap(words, index)))
        return false;
    if (!is_upper(words, first))
        return !word_is(words, index, ends_name) && !word_is(words, index, ends_small_name);
    while (word_is(words, index, links_name) && !is_upper(words, index))
        index++;
    return is_upper(words, index) && !gap_ends_name(word_gap(words, index));
}

static bool may_begin(const struct words *words, size_t index, bool needs_upper)
{
    return is_upper(words, index) ||
           !(needs_upper || word_is(words, index, ends_name) || word_is(words, index, links_name));
}

static struct text name_from(const struct words *words, size_t index, bool needs_upper,
                             struct arena *arena)
{
    enum { NAME_WORDS_MAX = 12 };
    size_t first = index, behind;
    struct text gap = word_gap(words, index);

    for (size_t at = (size_t)(gap.at - words->text.at), end = at + gap.size; at < end; at++) {
        struct text quoted = title_quoted(words->text, at, &behind);
        if (quoted.at)
            return title_clean(quoted, arena);
    }
    while (index < words->count && index - first < NAME_WORDS_MAX &&
           (index == first ? may_begin(words, index, needs_upper)
                           : goes_on(words, first, index)))
        index++;
    if (index == first)
        return (struct text){0};
    const char *begin = word_text(words, first).at;
    struct text last = word_text(words, index - 1);
    return title_clean((struct text){begin, (size_t)(last.at + last.size - begin)}, arena);
}

/* The first text in double quotes that is not said to be something else. */
static struct text name_in_quotes(const struct words *words, struct arena *arena)
{
    size_t behind = 0;

    for (size_t i = 0; i < words->count; i++) {
        struct text gap = word_gap(words, i);
        for (size_t k = 0; k < gap.size; k++) {
            size_t at = (size_t)(gap.at - words->text.at) + k;
            if (at < behind || gap.at[k] == '\'' || gap.at[k] == '`')
                continue;
            struct text quoted = title_quoted(words->text, at, &behind);
            if (quoted.at && !(i > 0 && word_is(words, i - 1, not_names)) &&
                text_code_points(quoted) <= MADE_TITLE_CHARACTERS_MAX)
                return title_clean(quoted, arena);
        }
    }
    return (struct text){0};
}

struct text title_named(const struct words *words, struct arena *arena)
{
    for (size_t i = 0; i < words->count; i++)
        for (size_t k = 0; k < sizeof named / sizeof *named; k++) {
            size_t size = words_match(words, i, words->count, named[k].pattern);
            struct text name = {0};
            if (size > 0 && i + size < words->count)
                name = name_from(words, i + size, named[k].needs_upper, arena);
            if (name.at)
                return name;
        }
    return name_in_quotes(words, arena);
}

/* ---- made from a sentence ---- */

static const char leads[] =
    "please|can|could|would|will|you|i|i'd|we|us|me|create|make|build|generate|write|design|"
    "develop|give|want|need|like|love|help|get|have|to|let's|lets|a|an|the|my|our|your|some|"
    "simple|small|basic|new|nice|little|quick|tiny|cool|really|very|good|beautiful|modern|web|"
    "based|online|hi|hello|hey|set|up|for|clean";
static const char app_words[] =
    "app|apps|application|website|site|webapp|webpage|page|program|project|software|solution|"
    "prototype";
static const char after_app[] =
    "for|to|of|that|which|with|about|where|i|we|can|could|lets|me|us|my|our|the|a|an|will|helps|"
    "shows|it|is|does|who|in";
static const char ends_made[] =
    "with|that|which|where|who|for|to|so|using|called|named|titled|when|but|while|because|on|in";
static const char small_words[] = "of|and|or|the|for|in|on|to|a|an|at|by|from";

static size_t pass_lead(const struct words *words)
{
    size_t index = 0;

    while (word_is(words, index, leads))
        index++;
    if (!word_is(words, index, app_words))
        return index;
    while (word_is(words, index, app_words) || word_is(words, index, after_app))
        index++;
    return index;
}

static size_t write_word(struct text word, bool small, char *out)
{
    memcpy(out, word.at, word.size);
    if (!small && out[0] >= 'a' && out[0] <= 'z')
        out[0] = (char)(out[0] - 'a' + 'A');
    return word.size;
}

struct text title_made(const struct words *words, struct arena *arena)
{
    enum { MADE_WORDS_MAX = 6 };
    size_t first = pass_lead(words), size = 0, kept = 0;
    char *out = arena_take(arena, words->text.size + 2 * MADE_WORDS_MAX);

    for (size_t i = first; out && i < words->count && i - first < MADE_WORDS_MAX; i++) {
        bool is_small = i > first && word_is(words, i, small_words);
        if ((i > first && gap_ends_name(word_gap(words, i))) || word_is(words, i, app_words) ||
            (i > first && word_is(words, i, ends_made)))
            break;
        if (size > 0)
            out[size++] = ' ';
        size += write_word(word_text(words, i), is_small, out + size);
        struct text made = {out, size};
        if (text_code_points(made) > MADE_TITLE_CHARACTERS_MAX) {
            kept = i == first ? text_cut(made, MADE_TITLE_CHARACTERS_MAX).size : kept;
            break;
        }
        kept = is_small ? kept : size;      /* no title ends in "and" */
    }
    return kept > 0 ? title_clean((struct text){out, kept}, arena) : (struct text){0};
}
