/* words.h - a sentence as words, and the patterns they are held against.
 *
 * A word is a run of letters and digits, with an apostrophe inside. Comparing is by ASCII letters
 * without case, whole words only: "research" holds no "search".
 *
 * A pattern is a list of tokens between spaces. A token is one word or several with `|` between;
 * with `?` behind it may be missing. "change|set the? title to" matches "Set title to". Words that
 * match together may have spaces, hyphens, slashes and quotes between them and no other mark.
 *
 * Owns:     words live in the arena they were split into and borrow the text.
 * Bounds:   WORDS_MAX words, the rest of the text is passed over; WORD_SPAN_MAX of one match.
 */
#ifndef ISEKAI_ACTORS_PLANNER_WORDS_H
#define ISEKAI_ACTORS_PLANNER_WORDS_H

#include "schemas/arena.h"
#include "schemas/text.h"

enum { WORDS_MAX = 5000, WORD_SPAN_MAX = 31 };

struct word { uint32_t at, size; };
struct words { struct text text; const struct word *at; size_t count; };

struct words words_split(struct text text, struct arena *arena);    /* none when out of memory */

struct text word_text(const struct words *words, size_t index);
bool word_is(const struct words *words, size_t index, const char *one_or_more);  /* "a|an|the" */

/* What stands between the word before and this one; for index == count, behind the last. */
struct text word_gap(const struct words *words, size_t index);

/* How many words from `index` on, and before `end`, the pattern takes; 0: it does not match. */
size_t words_match(const struct words *words, size_t index, size_t end, const char *pattern);
/* The first place in [begin, end) where it matches; SIZE_MAX: nowhere. */
size_t words_find(const struct words *words, size_t begin, size_t end, const char *pattern);

#endif
