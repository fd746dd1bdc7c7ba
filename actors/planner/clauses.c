/* clauses.c - from words to what they ask for, by the tables of features.def. */
#include "actors/planner/clauses.h"

static const struct { const char *directory, *label; } features[] = {
#define FEATURE(name, directory, label) {directory, label},
#include "actors/planner/features.def"
};

struct pattern { enum feature feature; const char *pattern; };

static const struct pattern nouns[] = {
#define NOUN(feature, pattern) {FEATURE_##feature, pattern},
#include "actors/planner/features.def"
};
static const struct pattern alone[] = {
#define ALONE(feature, pattern) {FEATURE_##feature, pattern},
#include "actors/planner/features.def"
};
static const struct pattern demands[] = {
#define DEMAND(feature, pattern) {FEATURE_##feature, pattern},
#include "actors/planner/features.def"
};
static const char *const asks[] = {
#define ASK(pattern) pattern,
#include "actors/planner/features.def"
};
static const char *const negations[] = {
#define NEGATION(pattern) pattern,
#include "actors/planner/features.def"
};
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const char joiners[] = "and|also|then|plus|but|or|furthermore|additionally";
static const char beginners[] = "with|without";
static const char courtesy[] =
    "please|can|could|would|will|you|i|we|i'd|we'd|like|want|need|to|let's|lets|just|now|kindly|"
    "hi|hello|hey|thanks|thank|much|very|so|a|lot|ok|okay|maybe|it|be|great|nice|would|if|for|me|"
    "us|may|might|again";
static const char announcements[] =
    "add|include|make|do|apply|the|a|few|some|following|things|changes|features|improvements|app|"
    "two|three";
static const char fillers[] =
    "please|a|an|the|some|with|too|also|add|support|for|my|our|its|simple|nice|basic|full|text|"
    "maybe|just|easy|quick|proper|good|as|well|real|live|of|way|option|ability|to|light|column";
static const char tails[] =
    "toggle|button|box|bar|field|input|option|options|feature|functionality|function|support|"
    "mode|columns|column|rows|list|lists|table|tables|please|too|now|thanks|also|switch|theme|as|"
    "well|controls|control|capability|ability|again";
static const char prepositions[] = "by|for|of|in|to|on|across|through|over|at|above|below";

const char *feature_directory(enum feature feature)
{
    return features[feature].directory;
}

const char *feature_label(enum feature feature)
{
    return features[feature].label;
}

void feature_list_add(struct feature_list *list, enum feature feature)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i] == feature)
            return;
    list->at[list->count++] = feature;
}

static bool are_all(const struct words *words, size_t begin, size_t end, const char *list)
{
    while (begin < end && word_is(words, begin, list))
        begin++;
    return begin == end;
}

/* ---- where clauses begin and end ---- */

static bool gap_breaks(struct text gap)
{
    for (size_t i = 0; i < gap.size; i++) {
        char c = gap.at[i];
        if (memchr(",;:!?\n\r+&()", c, 12))
            return true;
        if (c == '.' && (i + 1 == gap.size || memchr(" \t\n\r", gap.at[i + 1], 4)))
            return true;
    }
    return false;
}

bool clause_breaks(const struct words *words, size_t index)
{
    return word_is(words, index, joiners) || word_is(words, index, beginners) ||
           gap_breaks(word_gap(words, index));
}

bool clause_next(const struct words *words, size_t from, size_t end, struct clause *clause)
{
    while (from < end && word_is(words, from, joiners))
        from++;
    if (from >= end)
        return false;
    clause->begin = from++;
    while (from < end && !clause_breaks(words, from))
        from++;
    clause->end = from;
    return true;
}

size_t clause_heart(const struct words *words, const struct clause *clause)
{
    size_t heart = clause->begin;

    while (heart < clause->end && word_is(words, heart, courtesy))
        heart++;
    return heart;
}

bool clause_is_courtesy(const struct words *words, const struct clause *clause)
{
    return are_all(words, clause_heart(words, clause), clause->end, announcements);
}

/* ---- what a clause asks for ---- */

static size_t find_any(const struct words *words, size_t begin, size_t end,
                       const char *const *patterns, size_t count)
{
    size_t first = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        size_t at = words_find(words, begin, end, patterns[i]);
        first = at < first ? at : first;
    }
    return first;
}

/* "Don't forget" is no negation. */
static bool is_negated(const struct words *words, const struct clause *clause)
{
    size_t at = find_any(words, clause->begin, clause->end, negations, COUNT_OF(negations));

    return at != SIZE_MAX && !word_is(words, at + 1, "forget");
}

static bool has_ask(const struct words *words, size_t begin, size_t end)
{
    return find_any(words, begin, end, asks, COUNT_OF(asks)) != SIZE_MAX;
}

/* The noun at `at`, `size` words long, is all that the clause says. */
static bool stands_alone(const struct words *words, const struct clause *clause, size_t at,
                         size_t size)
{
    size_t behind = at + size;

    if (!are_all(words, clause->begin, at, fillers) &&
        !are_all(words, clause->begin, at, courtesy))
        return false;
    while (behind < clause->end && word_is(words, behind, tails))
        behind++;
    return behind == clause->end || word_is(words, behind, prepositions);
}

static bool noun_is_asked(const struct words *words, const struct clause *clause,
                          const struct pattern *noun, enum asking asking)
{
    for (size_t at = clause->begin; at < clause->end; at++) {
        size_t size = words_match(words, at, clause->end, noun->pattern);
        if (size == 0)
            continue;
        if (asking == ASKED_AT_ALL || has_ask(words, clause->begin, at) ||
            stands_alone(words, clause, at, size))
            return true;
    }
    return false;
}

static bool is_alone(const struct words *words, const struct clause *clause, const char *pattern)
{
    size_t at = words_find(words, clause->begin, clause->end, pattern);

    return at != SIZE_MAX && are_all(words, clause->begin, at, fillers) &&
           are_all(words, at + words_match(words, at, clause->end, pattern), clause->end, fillers);
}

static bool is_wanted(const struct words *words, const struct clause *clause, enum asking asking,
                      enum feature feature)
{
    for (size_t i = 0; i < COUNT_OF(nouns); i++)
        if (nouns[i].feature == feature && noun_is_asked(words, clause, &nouns[i], asking))
            return true;
    for (size_t i = 0; i < COUNT_OF(alone); i++)
        if (alone[i].feature == feature && is_alone(words, clause, alone[i].pattern))
            return true;
    for (size_t i = 0; i < COUNT_OF(demands); i++)
        if (demands[i].feature == feature &&
            words_find(words, clause->begin, clause->end, demands[i].pattern) != SIZE_MAX)
            return true;
    return false;
}

/* Where the feature is first named, to keep the order of the sentence. */
static size_t place_of(const struct words *words, const struct clause *clause,
                       enum feature feature)
{
    size_t first = clause->end;

    for (size_t i = 0; i < COUNT_OF(nouns); i++) {
        size_t at = words_find(words, clause->begin, clause->end, nouns[i].pattern);
        if (nouns[i].feature == feature && at < first)
            first = at;
    }
    return first;
}

static bool add_in_order(const struct words *words, const struct clause *clause,
                         const bool wanted[FEATURES], struct feature_list *list)
{
    bool taken[FEATURES] = {false};
    bool any = false;

    for (int round = 0; round < FEATURES; round++) {
        int best = -1;
        for (int i = 0; i < FEATURES; i++)
            if (wanted[i] && !taken[i] &&
                (best < 0 || place_of(words, clause, (enum feature)i) <
                                 place_of(words, clause, (enum feature)best)))
                best = i;
        if (best < 0)
            break;
        taken[best] = any = true;
        feature_list_add(list, (enum feature)best);
    }
    return any;
}

bool clause_features(const struct words *words, const struct clause *clause, enum asking asking,
                     bool *is_negative, struct feature_list *list)
{
    bool wanted[FEATURES];

    if (is_negated(words, clause))
        *is_negative = true;
    else if (clause_demands(words, clause))
        *is_negative = false;
    for (int i = 0; i < FEATURES; i++)
        wanted[i] = !*is_negative && is_wanted(words, clause, asking, (enum feature)i);
    return add_in_order(words, clause, wanted, list);
}

bool clause_demands(const struct words *words, const struct clause *clause)
{
    size_t heart = clause_heart(words, clause);

    if (has_ask(words, heart, heart + 1 < clause->end ? heart + 2 : clause->end))
        return true;
    for (size_t i = 0; i < COUNT_OF(demands); i++)
        if (words_find(words, heart, clause->end, demands[i].pattern) == heart)
            return true;
    return false;
}
