/* needs.c - what an app asks for, and what there is; see needs.h. */
#include "actors/sandbox/needs.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "actors/sandbox/package.h"
#include "actors/sandbox/semver.h"

enum { LIST_SIZE = 128, TOLD_OCTETS = 60 };

static bool brings(struct files files, const char *name)
{
    char above[MODULE_NAME_SIZE + 16];
    int size = snprintf(above, sizeof above, "node_modules/%s/", name);

    if (size >= (int)sizeof above)
        return false;
    for (uint32_t i = 0; i < files.count; i++)
        if (files.at[i].path.size > (size_t)size &&
            memcmp(files.at[i].path.at, above, (size_t)size) == 0)
            return true;
    return false;
}

static bool refuse(const struct modules *modules, const char *name, struct fault *fault)
{
    char list[LIST_SIZE] = "";
    size_t used = 0;

    for (uint32_t i = 0; i < modules->count; i++) {
        int size = snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "",
                            modules->list[i].name);
        if (size < 0 || (size_t)size >= sizeof list - used) {
            list[used] = '\0';
            break;
        }
        used += (size_t)size;
    }
    return fault_set(fault, FAULT_start_failed, "dependencies: '%.*s' is not here; put it below "
                     "node_modules/, or use: %s", TOLD_OCTETS, name, *list ? list : "nothing");
}

/* npm would take such a range for a file or a directory. */
static bool is_of_files(const char *range)
{
    static const char *const ends[] = {".tgz", ".tar", ".tar.gz"};
    size_t size = strlen(range);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (size >= strlen(ends[i]) && strcasecmp(range + size - strlen(ends[i]), ends[i]) == 0)
            return true;
    return *range == '.';
}

static bool check_words(const char *name, const char *range, struct fault *fault)
{
    if (!text_is_package_name(text_from(name)))
        return fault_set(fault, FAULT_start_failed, "dependencies of package.json: '%.*s' is no name of "
                         "npm's registry", TOLD_OCTETS, name);
    if (range && (!text_is_package_range(text_from(range)) || is_of_files(range)))
        return fault_set(fault, FAULT_start_failed, "dependencies of package.json: '%.*s' asks for '%.*s', "
                         "which is no version of npm's registry", TOLD_OCTETS, name, TOLD_OCTETS, range);
    return true;
}

static bool is_met(const struct modules *modules, struct files files, const char *name,
                   const char *range)
{
    const struct module *module = modules_find(modules, text_from(name));

    return brings(files, name) || (module && range && semver_satisfies(text_from(module->version),
                                                                       text_from(range)));
}

static bool refuse_unmet(const struct modules *modules, const char *name, const char *range,
                         struct fault *fault)
{
    const struct module *module = modules_find(modules, text_from(name));

    if (!module)
        return refuse(modules, name, fault);
    return fault_set(fault, FAULT_start_failed, "dependencies: '%.*s' is here as %s, which "
                     "'%.*s' is not; ask for that, or put it below node_modules/", TOLD_OCTETS,
                     name, module->version, TOLD_OCTETS / 2, range ? range : "no text");
}

/* ---- installing ---- */

static bool has_own(struct files files)
{
    static const char place[] = "node_modules";

    for (uint32_t i = 0; i < files.count; i++) {
        struct text path = files.at[i].path;
        if (path.size >= sizeof place - 1 && memcmp(path.at, place, sizeof place - 1) == 0 &&
            (path.size == sizeof place - 1 || path.at[sizeof place - 1] == '/'))
            return true;
    }
    return false;
}

static bool check_texts(json_t *dependencies, struct fault *fault)
{
    const char *name;
    json_t *range;

    json_object_foreach(dependencies, name, range)
        if (!json_is_string(range))
            return fault_set(fault, FAULT_start_failed, "dependencies of package.json: the version of "
                             "'%.*s' is no text", TOLD_OCTETS, name);
    return true;
}

/* Installed ones lie at /app/node_modules, in place of whatever the app has there. */
static bool write_down(json_t *dependencies, struct files files, const char *unmet,
                       struct arena *arena, struct text *to_install, struct fault *fault)
{
    if (has_own(files))
        return fault_set(fault, FAULT_start_failed, "dependencies: '%.*s' would be installed, but the app "
                         "has a node_modules of its own; put it there too, or leave that out",
                         TOLD_OCTETS, unmet);
    if (json_object_size(dependencies) > NEEDS_MAX)
        return fault_set(fault, FAULT_start_failed, "dependencies: more than %d", NEEDS_MAX);
    if (!check_texts(dependencies, fault))
        return false;
    char *canonical = json_dumps(dependencies, JSON_SORT_KEYS | JSON_COMPACT);
    if (canonical)
        *to_install = arena_text(arena, text_from(canonical));
    free(canonical);
    return to_install->at || fault_set(fault, FAULT_internal, "no memory for dependencies");
}

bool needs_check(const struct modules *modules, struct files files, struct arena *arena,
                 struct text *to_install, struct fault *fault)
{
    json_t *package = package_read(files);
    json_t *dependencies = json_object_get(package, "dependencies"), *range;
    const char *name, *unmet = NULL;
    bool is_fine = true;

    if (to_install)
        *to_install = (struct text){0};
    json_object_foreach(dependencies, name, range) {
        const char *words = json_string_value(range);
        is_fine = check_words(name, words, fault);
        bool is_short = is_fine && !is_met(modules, files, name, words);
        if (is_short && !to_install)
            is_fine = refuse_unmet(modules, name, words, fault);
        if (!is_fine)
            break;
        if (is_short && !unmet)
            unmet = name;
    }
    if (is_fine && unmet)
        is_fine = write_down(dependencies, files, unmet, arena, to_install, fault);
    json_decref(package);
    return is_fine;
}
