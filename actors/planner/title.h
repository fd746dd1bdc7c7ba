/* title.h - titles: cleaned, found in sentences, made from them.
 *
 * Gives:    texts in the arena; absent (at is NULL) when there is none.
 * Units:    characters are Unicode code points.
 */
#ifndef ISEKAI_ACTORS_PLANNER_TITLE_H
#define ISEKAI_ACTORS_PLANNER_TITLE_H

#include "actors/planner/words.h"

enum { TITLE_CHARACTERS_MAX = 200, MADE_TITLE_CHARACTERS_MAX = 60 };

/* One line without control characters or white space at its ends, cut to the bound. */
struct text title_clean(struct text text, struct arena *arena);

/* The inside of the quotes that begin at `at` (one of " ' ` and the typographic ones), and the
 * octet behind them; absent when none begin there or they do not end. */
struct text title_quoted(struct text text, size_t at, size_t *behind);

/* "an app called Foo Bar", or the first name in double quotes. */
struct text title_named(const struct words *words, struct arena *arena);

/* "Create a recipe book app" -> "Recipe Book". */
struct text title_made(const struct words *words, struct arena *arena);

/* At most that many code points, cut on a border. `text` is valid UTF-8. */
struct text text_cut(struct text text, size_t characters_max);

#endif
