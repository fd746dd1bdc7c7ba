/* studio.h - the studio page: a few files, read into memory before privileges go.
 *
 * Owns:     the files' octets.
 * Fails as: not_found, naming the file.
 * Constant after studio_new(); any thread.
 */
#ifndef ISEKAI_GATEWAY_STUDIO_H
#define ISEKAI_GATEWAY_STUDIO_H

#include "schemas/fault.h"
#include "schemas/text.h"

enum { STUDIO_FILE_OCTETS_MAX = 1048576 };

struct studio;
struct studio_file { const char *path; const char *name; const char *type; struct text octets; };

/* From the first of the directories that has them; NULL ends the list. */
struct studio *studio_new(const char *const *directories, struct fault *fault);
void studio_free(struct studio *self);              /* NULL is welcome */
const struct studio_file *studio_find(const struct studio *self, struct text path);

#endif
