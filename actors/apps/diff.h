/* diff.h - what differs between two sets of files, as one unified diff.
 *
 * Source:   POSIX diff -u; names as git and `patch -p1` read them: a/ and b/ before the path, a tab
 *           behind one with spaces, /dev/null for a file that is not there. An empty file that comes or
 *           goes has its two names and no lines.
 * Borrows:  both sets during the call.
 * Gives:    whole lines, valid UTF-8, in the arena; absent when nothing differs.
 * Units:    octets, at most DIFF_OCTETS_MAX: what is longer ends with the line "... cut". Time is
 *           bounded by DIFF_STEPS_MAX comparisons for all files together (edits.h).
 * Fails as: internal (no memory).
 */
#ifndef ISEKAI_ACTORS_APPS_DIFF_H
#define ISEKAI_ACTORS_APPS_DIFF_H

#include "schemas/message.h"

enum { DIFF_OCTETS_MAX = 65536, DIFF_CONTEXT_LINES = 3, DIFF_STEPS_MAX = 20000000 };

bool diff_files(struct files before, struct files after, struct arena *arena, struct text *out,
                struct fault *fault);

#endif
