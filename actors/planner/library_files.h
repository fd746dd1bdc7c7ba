/* library_files.h - reading a template's directory; part of library.h. */
#ifndef ISEKAI_ACTORS_PLANNER_LIBRARY_FILES_H
#define ISEKAI_ACTORS_PLANNER_LIBRARY_FILES_H

#include "actors/planner/library.h"

/* Read all below `path` into the template: files, features, and *about, its template.json. */
bool template_read_files(struct library *library, const char *path, struct template *out,
                         struct text *about, struct fault *fault);

/* Fill what template.json says. */
bool template_read_about(struct library *library, struct text about, struct template *out,
                         struct fault *fault);

/* Whether everything a template promises can be kept. */
bool template_check(const struct template *template, struct fault *fault);

#endif
