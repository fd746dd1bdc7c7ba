/* library_files.h - reading a template's directory, and shared/; part of library.h. */
#ifndef ISEKAI_ACTORS_PLANNER_LIBRARY_FILES_H
#define ISEKAI_ACTORS_PLANNER_LIBRARY_FILES_H

#include "actors/planner/library.h"

/* Read all below `path` into the template: files, features, and *about, its template.json; where
 * `about` is NULL there must be none. */
bool template_read_files(struct library *library, const char *path, struct template *out,
                         struct text *about, struct fault *fault);

/* One more; refused when the template has as many as it may. */
bool template_add_file(struct template *template, struct file file, struct fault *fault);
bool template_add_snippet(struct template *template, enum feature feature,
                          struct snippet snippet, struct fault *fault);

/* Fill what template.json says. */
bool template_read_about(struct library *library, struct text about, struct template *out,
                         struct fault *fault);

/* Add what template->shared names: the same octets, not copies. */
bool template_take_shared(const struct library *library, struct template *template,
                          struct fault *fault);

/* Whether everything a template promises can be kept. */
bool template_check(const struct template *template, struct fault *fault);

#endif
