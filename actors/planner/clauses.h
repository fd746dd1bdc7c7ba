/* clauses.h - the parts of a sentence, and which features a part asks for.
 *
 * Clauses are split at marks and at words like "and"; "without" and "with" begin one too.
 * Borrows: the words, during the call.
 */
#ifndef ISEKAI_ACTORS_PLANNER_CLAUSES_H
#define ISEKAI_ACTORS_PLANNER_CLAUSES_H

#include "actors/planner/words.h"

enum feature {
#define FEATURE(name, directory, label) FEATURE_##name,
#include "actors/planner/features.def"
    FEATURES
};

const char *feature_directory(enum feature feature);
const char *feature_label(enum feature feature);

/* Features in the order they were asked for, each once. */
struct feature_list { enum feature at[FEATURES]; size_t count; };

void feature_list_add(struct feature_list *list, enum feature feature);

struct clause { size_t begin, end; };       /* words [begin, end), never empty */

/* The first clause at or after the word `from`; false when there is none before `end`. */
bool clause_next(const struct words *words, size_t from, size_t end, struct clause *clause);
/* Whether a clause may begin at that word. */
bool clause_breaks(const struct words *words, size_t index);
/* Without "please", "could you" and the like at its beginning; may become empty. */
size_t clause_heart(const struct words *words, const struct clause *clause);

enum asking {
    ASKED_PLAINLY,      /* by a verb, or by standing alone: for changes of an app that is there */
    ASKED_AT_ALL,       /* named without a negation: for a new app */
};

/* Add what the clause asks for. `is_negative` is carried from clause to clause of one sentence: in
 * "remove dark mode and search" the second clause is as negative as the first. False: nothing. */
bool clause_features(const struct words *words, const struct clause *clause, enum asking asking,
                     bool *is_negative, struct feature_list *features);

/* Whether the clause asks by a verb of its own: then it can end a title that has no quotes. */
bool clause_demands(const struct words *words, const struct clause *clause);

/* Nothing but courtesy: "please", "thanks a lot", "make the following changes". */
bool clause_is_courtesy(const struct words *words, const struct clause *clause);

#endif
