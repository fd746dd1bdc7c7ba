/* edits.h - which lines of a text went, and which came.
 *
 * Source:   E. W. Myers, An O(ND) Difference Algorithm and Its Variations, Algorithmica 1, 1986:
 *           greedy, with the trace kept, between the lines that both begin and end with.
 * Borrows:  the texts; what it finds lives in the arena.
 * Units:    lines, each with its end; *steps_left counts comparisons of lines.
 * Fails as: internal (no memory). Time is no failure: beyond EDITS_MAX edits, or when *steps_left is
 *           used up, everything between the common beginning and the common end is replaced.
 */
#ifndef ISEKAI_ACTORS_APPS_EDITS_H
#define ISEKAI_ACTORS_APPS_EDITS_H

#include "schemas/arena.h"
#include "schemas/fault.h"

enum { EDITS_MAX = 1000 };

/* One of the two texts. Arrays have a slot behind the last line: its end, and false. */
struct side {
    struct text text;
    uint32_t count;
    uint32_t *starts;
    bool *is_edited;        /* of the old text: it went; of the new one: it came */
};

bool side_split(struct side *self, struct text text, struct arena *arena, struct fault *fault);
struct text side_line(const struct side *self, uint32_t index);

/* Set is_edited on both sides: the lines without it are the same, in the same order. */
bool edits_find(struct side *before, struct side *after, uint64_t *steps_left, struct arena *arena,
                struct fault *fault);

#endif
