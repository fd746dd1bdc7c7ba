/* draft.h - an app's files while they are being changed.
 *
 * Owns:     nothing; texts are the caller's or live in the arena.
 * Bounds:   FILES_MAX files, FILE_CONTENT_OCTETS_MAX of each.
 * Fails as: too_large  a file would become larger than files may be
 *           internal   out of memory
 */
#ifndef ISEKAI_ACTORS_PLANNER_DRAFT_H
#define ISEKAI_ACTORS_PLANNER_DRAFT_H

#include "actors/planner/library.h"

struct draft {
    struct arena *arena;
    struct file files[FILES_MAX];
    bool differs[FILES_MAX];
    size_t count;
};

void draft_begin(struct draft *draft, struct files files, struct arena *arena);

/* The template's files with the title in its places. */
bool draft_fill(struct draft *draft, const struct template *template, struct text title,
                struct arena *arena, struct fault *fault);

/* Put `with` in the place of [begin, end) of file `index`; all else stays as it is. */
bool draft_replace(struct draft *draft, size_t index, size_t begin, size_t end, struct text with,
                   struct fault *fault);

/* All files; or only those that differ from what draft_begin() was given. */
bool draft_files(const struct draft *draft, bool only_changed, struct files *out,
                 struct fault *fault);

enum feature_outcome {
    FEATURE_ADDED,
    FEATURE_THERE_ALREADY,
    FEATURE_NOT_OFFERED,        /* the template has none of this */
    FEATURE_WITHOUT_PLACE,      /* a slot's line is missing, *missing names it; no change */
};

bool draft_add_feature(struct draft *draft, const struct template *template, enum feature feature,
                       enum feature_outcome *outcome, struct text *missing, struct fault *fault);

/* Set the title in every .html file. *found: how many places have a title; *changed: whether one of
 * them had another. */
bool draft_set_title(struct draft *draft, struct text title, size_t *found, bool *changed,
                     struct fault *fault);

#endif
