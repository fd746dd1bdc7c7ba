/* files.h - changing a set of files without losing one that was not named.
 *
 * Borrows:  both sets; the merged one borrows from them and from the arena.
 * Fails as: too_large (together over octets_max, or more than FILES_MAX), malformed (nothing
 *           would be left), internal (no memory).
 */
#ifndef ISEKAI_ACTORS_APPS_FILES_H
#define ISEKAI_ACTORS_APPS_FILES_H

#include "schemas/message.h"

const struct file *files_find(struct files files, struct text path);       /* NULL: no such */

/* `files` with `changes` written over it. *differs tells whether a single octet did change. */
bool files_merge(struct files files, struct files changes, struct arena *arena, struct files *out,
                 bool *differs, struct fault *fault);

/* Within the bounds of an app: octets_max in all, paths and contents counted. */
bool files_fit(struct files files, uint64_t octets_max, struct fault *fault);

/* One row per file that differs: path, "added", "changed" or "removed". */
bool files_list_differences(struct files before, struct files after, struct arena *arena,
                            struct failure *out);

#endif
