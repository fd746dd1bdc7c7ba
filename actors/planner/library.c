/* library.c - the set of templates: reading it, choosing from it. */
#include "actors/planner/library.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actors/planner/library_files.h"

static const char generic_name[] = "generic", shared_name[] = "shared";

/* A library may do without the directory: then there is nothing to take. */
static bool read_shared(struct library *library, const char *directory, struct fault *fault)
{
    char path[PATH_MAX];

    library->shared = arena_take(library->arena, sizeof *library->shared);
    if (!library->shared ||
        snprintf(path, sizeof path, "%s/%s", directory, shared_name) >= (int)sizeof path)
        return fault_set(fault, FAULT_internal, "out of memory, or a path too long");
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return true;
    return template_read_files(library, path, library->shared, NULL, fault) ||
           fault_while(fault, "'%s'", shared_name);
}

static bool read_template(struct library *library, const char *directory, const char *name,
                          struct fault *fault)
{
    struct template *template = arena_take(library->arena, sizeof *template);
    struct text about = {0};
    char path[PATH_MAX];

    if (!template || snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return fault_set(fault, FAULT_internal, "out of memory, or a path too long");
    if (!template_read_files(library, path, template, &about, fault) ||
        !template_read_about(library, about, template, fault) ||
        !template_take_shared(library, template, fault) || !template_check(template, fault))
        return false;
    if (!text_is(template->name, name))
        return fault_set(fault, FAULT_internal, "template.json has another name");
    if (library->count == TEMPLATES_MAX)
        return fault_set(fault, FAULT_internal, "more than %d templates", TEMPLATES_MAX);
    library->templates[library->count++] = template;
    return true;
}

/* By name, which decides ties; generic is the last resort. */
static int in_order(const void *left_, const void *right_)
{
    const struct template *left = *(struct template *const *)left_;
    const struct template *right = *(struct template *const *)right_;
    bool left_last = text_is(left->name, generic_name);
    bool right_last = text_is(right->name, generic_name);

    return left_last != right_last ? left_last - right_last : strcmp(left->name.at, right->name.at);
}

static bool read_templates(struct library *library, const char *directory, struct fault *fault)
{
    DIR *entries = opendir(directory);
    struct dirent *entry;
    bool read = true;

    if (!entries)
        return fault_set(fault, FAULT_internal, "%s", strerror(errno));
    while (read && (entry = readdir(entries)))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, shared_name) != 0)
            read = read_template(library, directory, entry->d_name, fault) ||
                   fault_while(fault, "'%s'", entry->d_name);
    closedir(entries);
    if (!read)
        return false;
    if (library->count > 0)
        qsort(library->templates, library->count, sizeof *library->templates, in_order);
    if (!library_find(library, text_from(generic_name)))
        return fault_set(fault, FAULT_internal, "there is no template '%s'", generic_name);
    return true;
}

struct library *library_read(const char *directory, struct fault *fault)
{
    struct arena *arena = arena_new(LIBRARY_OCTETS_MAX);
    struct library *library = arena ? arena_take(arena, sizeof *library) : NULL;

    if (!library) {
        fault_set(fault, FAULT_internal, "out of memory");
        arena_free(arena);
        return NULL;
    }
    library->arena = arena;
    if (read_shared(library, directory, fault) && read_templates(library, directory, fault))
        return library;
    fault_while(fault, "templates '%s'", directory);
    library_free(library);
    return NULL;
}

void library_free(struct library *library)
{
    if (library)
        arena_free(library->arena);
}

const struct template *library_generic(const struct library *library)
{
    return library->templates[library->count - 1];
}

const struct template *library_find(const struct library *library, struct text name)
{
    for (size_t i = 0; i < library->count; i++)
        if (text_equals(library->templates[i]->name, name))
            return library->templates[i];
    return NULL;
}

/* ---- choosing by words ---- */

static uint32_t weigh(const struct template *template, const struct words *prompt)
{
    uint32_t weight = 0;

    for (size_t i = 0; i < template->keyword_count; i++)
        if (words_find(prompt, 0, prompt->count, template->keywords[i].pattern) != SIZE_MAX)
            weight += template->keywords[i].weight;
    return weight;
}

const struct template *library_choose(const struct library *library, const struct words *prompt)
{
    const struct template *best = library_generic(library);
    uint32_t most = 0;

    for (size_t i = 0; i < library->count; i++) {
        uint32_t weight = weigh(library->templates[i], prompt);
        if (weight > most) {
            most = weight;
            best = library->templates[i];
        }
    }
    return best;
}

/* ---- guessing by lines ---- */

/* Lines shorter than that tell nothing of where they come from. */
enum { TELLING_SIZE = 8, LEAST_PERCENT = 50 };

struct line_set { const struct text *at; size_t count; bool is_made; };

static int by_octets(const void *left_, const void *right_)
{
    const struct text *left = left_, *right = right_;
    size_t common = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->at, right->at, common);

    return order ? order : left->size < right->size ? -1 : left->size > right->size;
}

/* The next telling line; false when there are no more. */
static bool next_line(struct text *rest, struct text *line)
{
    while (rest->size > 0) {
        const char *end = memchr(rest->at, '\n', rest->size);
        size_t size = end ? (size_t)(end - rest->at) : rest->size;
        size_t behind = size + (end ? 1 : 0);
        *line = text_trimmed((struct text){rest->at, size});
        *rest = (struct text){rest->at + behind, rest->size - behind};
        if (line->size >= TELLING_SIZE)
            return true;
    }
    return false;
}

static struct line_set lines_of(struct text content, struct arena *arena)
{
    struct text rest = content, line;
    size_t count = 0, filled = 0;

    while (next_line(&rest, &line))
        count++;
    struct text *lines = arena_take(arena, (count + 1) * sizeof *lines);
    rest = content;
    while (lines && next_line(&rest, &line))
        lines[filled++] = line;
    if (filled > 0)
        qsort(lines, filled, sizeof *lines, by_octets);
    return (struct line_set){lines, filled, true};
}

/* The file's lines, sorted once however many templates ask. */
static const struct line_set *lines_at(struct files files, struct text path,
                                       struct line_set *sets, struct arena *arena)
{
    static const struct line_set none;

    for (uint32_t i = 0; i < files.count && i < FILES_MAX; i++)
        if (text_equals(files.at[i].path, path)) {
            if (!sets[i].is_made)
                sets[i] = lines_of(files.at[i].content, arena);
            return &sets[i];
        }
    return &none;
}

struct likeness { size_t lines, found; };

static void compare(const struct file *from, const struct line_set *with,
                    struct likeness *likeness)
{
    struct text rest = from->content, line;

    while (next_line(&rest, &line)) {
        likeness->lines++;
        if (with->count > 0 && bsearch(&line, with->at, with->count, sizeof line, by_octets))
            likeness->found++;
    }
}

static size_t percent_like(const struct template *template, struct files files,
                           struct line_set *sets, struct arena *arena)
{
    struct likeness likeness = {0};

    for (size_t i = 0; i < template->file_count; i++)
        compare(&template->files[i], lines_at(files, template->files[i].path, sets, arena),
                &likeness);
    return likeness.lines > 0 ? 100 * likeness.found / likeness.lines : 0;
}

const struct template *library_guess(const struct library *library, struct files files,
                                     struct arena *arena)
{
    const struct template *best = NULL;
    struct line_set sets[FILES_MAX] = {{0}};
    size_t most = LEAST_PERCENT - 1;

    for (size_t i = 0; i < library->count; i++) {
        size_t percent = percent_like(library->templates[i], files, sets, arena);
        if (percent > most) {
            most = percent;
            best = library->templates[i];
        }
    }
    return best;
}
