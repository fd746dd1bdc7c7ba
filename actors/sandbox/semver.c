/* semver.c - versions and ranges; see semver.h. */
#include "actors/sandbox/semver.h"

enum { PARTS = 3, DIGITS_MAX = 9 };

struct version { uint32_t parts[PARTS]; };

/* As much of a version as was written; the rest is 0. */
struct partial { struct version version; int given; };

static int compare(struct version a, struct version b)
{
    for (int i = 0; i < PARTS; i++)
        if (a.parts[i] != b.parts[i])
            return a.parts[i] < b.parts[i] ? -1 : 1;
    return 0;
}

/* The first version that differs from this one at `part` or before. */
static struct version bumped(struct version version, int part)
{
    version.parts[part]++;
    for (int i = part + 1; i < PARTS; i++)
        version.parts[i] = 0;
    return version;
}

/* ---- reading ---- */

static void skip(struct text *at, size_t size)
{
    at->at += size;
    at->size -= size;
}

static void skip_spaces(struct text *at)
{
    while (at->size > 0 && (*at->at == ' ' || *at->at == '\t'))
        skip(at, 1);
}

static bool take_word(struct text *at, const char *word)
{
    size_t size = strlen(word);

    if (at->size < size || memcmp(at->at, word, size) != 0)
        return false;
    skip(at, size);
    return true;
}

static bool take_number(struct text *at, uint32_t *out)
{
    size_t size = 0;

    *out = 0;
    for (; size < at->size && at->at[size] >= '0' && at->at[size] <= '9'; size++) {
        if (size == DIGITS_MAX)
            return false;
        *out = *out * 10 + (uint32_t)(at->at[size] - '0');
    }
    skip(at, size);
    return size > 0;
}

static bool ends_here(const struct text *at)
{
    return at->size == 0 || *at->at == ' ' || *at->at == '\t' || *at->at == '|';
}

static bool take_any(struct text *at)
{
    return take_word(at, "x") || take_word(at, "X") || take_word(at, "*");
}

/* A part behind an x counts no more. */
static bool take_partial(struct text *at, struct partial *out)
{
    bool is_open = false;

    *out = (struct partial){.given = 0};
    (void) take_word(at, "v");
    for (int i = 0; i < PARTS; i++) {
        if (i > 0 && !take_word(at, "."))
            break;
        is_open |= take_any(at);
        if (is_open) {
            uint32_t ignored;
            (void) take_number(at, &ignored);
        } else if (take_number(at, &out->version.parts[i])) {
            out->given++;
        } else {
            return false;
        }
    }
    return ends_here(at);
}

/* ---- comparing ---- */

static bool is_at_least(struct version version, const struct partial *low)
{
    return compare(version, low->version) >= 0;
}

static bool is_below_next(struct version version, const struct partial *of, int part)
{
    return of->given == 0 || compare(version, bumped(of->version, part)) < 0;
}

/* What ^ holds fast: the first part that is not 0, or the last that was written. */
static int caret_part(const struct partial *of)
{
    for (int i = 0; i < of->given; i++)
        if (of->version.parts[i] != 0)
            return i;
    return of->given - 1;
}

static bool holds(struct version version, const char *operator, const struct partial *than)
{
    int last = than->given - 1;

    if (strcmp(operator, ">=") == 0)
        return is_at_least(version, than);
    if (strcmp(operator, "<") == 0)
        return than->given > 0 && !is_at_least(version, than);
    if (strcmp(operator, "<=") == 0)
        return is_below_next(version, than, last);
    if (strcmp(operator, ">") == 0)
        return than->given > 0 && !is_below_next(version, than, last);
    if (strcmp(operator, "^") == 0)
        return is_at_least(version, than) && is_below_next(version, than, caret_part(than));
    if (strcmp(operator, "~") == 0)
        return is_at_least(version, than) && is_below_next(version, than, last > 1 ? 1 : last);
    return is_at_least(version, than) && is_below_next(version, than, last);
}

static const char *take_operator(struct text *at)
{
    static const char *const operators[] = {">=", "<=", ">", "<", "^", "~", "="};

    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (take_word(at, operators[i]))
            return operators[i];
    return "";
}

/* One comparator, or `low - high`. False also for what is no range. */
static bool take_comparator(struct text *at, struct version version, bool *is_range)
{
    const char *operator = take_operator(at);
    struct partial low, high;

    skip_spaces(at);
    *is_range = take_partial(at, &low);
    if (!*is_range)
        return false;
    skip_spaces(at);
    if (*operator || !take_word(at, "- "))
        return holds(version, operator, &low);
    skip_spaces(at);
    *is_range = take_partial(at, &high);
    return *is_range && holds(version, ">=", &low) && holds(version, "<=", &high);
}

bool semver_satisfies(struct text version_text, struct text range)
{
    struct text rest = text_trimmed(range);
    struct partial version;
    bool any = false, all = true, is_range = true;

    if (!take_partial(&version_text, &version) || version.given != PARTS)
        return false;
    if (text_is(rest, "latest"))
        return true;
    while (rest.size > 0 && is_range) {
        skip_spaces(&rest);
        if (take_word(&rest, "||")) {
            any |= all;
            all = true;
        } else if (rest.size > 0) {
            all &= take_comparator(&rest, version.version, &is_range);
        }
    }
    return is_range && (any || all);
}
