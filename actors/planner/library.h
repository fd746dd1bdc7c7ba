/* library.h - the templates that apps grow from, read once and then never changed.
 *
 *   <directory>/<template>/template.json            name, title, intent, keywords, components...
 *                          files/...                the app's files, in any directories
 *                          features/<feature>/<slot>    what goes before that slot's line
 *              shared/files/..., shared/features/...    what templates take by naming it
 *
 * The key "shared" of a template.json lists what the template takes of shared/, which is itself no
 * template: "files/public/base.css", or all that a directory holds: "features/dark-mode". It then
 * stands beside the template's own files as if it were one of them. What is not there, what is
 * named twice, and what the template has itself is refused.
 *
 * A slot is a line of its own: <!-- slot:NAME --> or a comment of CSS and JavaScript that says the
 * same. Files may hold {{title:html}} and {{title:js}}.
 *
 * Owns:     a library owns all its memory; library_free(), NULL is welcome.
 * Bounds:   TEMPLATES_MAX, FILES_MAX files of a template, FILE_CONTENT_OCTETS_MAX of a file,
 *           LIBRARY_OCTETS_MAX in all.
 * Threads:  constant once it is read; any thread may look.
 * Fails as: internal, naming the template's file and what is wrong with it.
 */
#ifndef ISEKAI_ACTORS_PLANNER_LIBRARY_H
#define ISEKAI_ACTORS_PLANNER_LIBRARY_H

#include "actors/planner/clauses.h"
#include "schemas/message.h"

enum {
    TEMPLATES_MAX = 32,
    KEYWORDS_MAX = 64,
    SNIPPETS_MAX = 8,
    LIBRARY_OCTETS_MAX = 33554432,
    KEYWORD_WEIGHT_MAX = 100,
};

/* What a feature puts before one slot. */
struct snippet {
    struct text slot;
    struct text content;
    struct text marker;         /* a part of content by which it is known even when edited */
};

struct template_feature {
    bool is_built_in;
    size_t snippet_count;       /* 0: the template cannot have it */
    struct snippet snippets[SNIPPETS_MAX];
};

struct keyword { const char *pattern; uint32_t weight; };

struct template {
    struct text name, title, intent;
    struct keyword keywords[KEYWORDS_MAX];
    size_t keyword_count;
    struct texts components, features, libraries;
    struct texts shared;        /* what it takes of the library's */
    struct file files[FILES_MAX];
    size_t file_count;
    struct template_feature can[FEATURES];
};

struct library {
    struct arena *arena;
    struct template *shared;    /* files and features for the templates to take */
    struct template *templates[TEMPLATES_MAX];      /* by name, generic last */
    size_t count;
};

struct library *library_read(const char *directory, struct fault *fault);
void library_free(struct library *library);

const struct template *library_generic(const struct library *library);
const struct template *library_find(const struct library *library, struct text name); /* or NULL */

/* The template with the heaviest keywords in the prompt; generic when none has any. */
const struct template *library_choose(const struct library *library, const struct words *prompt);

/* The template that these files look like, by their lines; NULL when they look like none. */
const struct template *library_guess(const struct library *library, struct files files,
                                     struct arena *arena);

#endif
