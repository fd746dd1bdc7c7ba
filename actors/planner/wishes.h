/* wishes.h - what a sentence asks to change in an app that is there.
 *
 * Borrows:  the prompt; texts point into it or live in the arena.
 * Bounds:   one title, each feature once, TITLE_CHARACTERS_MAX.
 */
#ifndef ISEKAI_ACTORS_PLANNER_WISHES_H
#define ISEKAI_ACTORS_PLANNER_WISHES_H

#include "actors/planner/clauses.h"

struct wishes {
    struct feature_list features;
    struct text title;          /* absent: not asked for */
    struct text left_out;       /* the first part that was not understood; absent: all was */
};

struct wishes wishes_read(struct text prompt, struct arena *arena);

#endif
