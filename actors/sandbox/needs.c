/* needs.c - what an app asks for, and what there is; see needs.h. */
#include "actors/sandbox/needs.h"

#include <stdio.h>

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

static bool check(const struct modules *modules, struct files files, const char *name,
                  const char *range, struct fault *fault)
{
    if (!text_is_package_name(text_from(name)) ||
        (range && !text_is_package_range(text_from(range))))
        return fault_set(fault, FAULT_start_failed, "dependencies of package.json: a name or "
                         "version is not one of npm's registry");
    if (brings(files, name))
        return true;
    const struct module *module = modules_find(modules, text_from(name));
    if (!module)
        return refuse(modules, name, fault);
    if (range && semver_satisfies(text_from(module->version), text_from(range)))
        return true;
    return fault_set(fault, FAULT_start_failed, "dependencies: '%.*s' is here as %s, which "
                     "'%.*s' is not; ask for that, or put it below node_modules/", TOLD_OCTETS,
                     name, module->version, TOLD_OCTETS / 2, range ? range : "no text");
}

bool needs_check(const struct modules *modules, struct files files, struct fault *fault)
{
    json_t *package = package_read(files);
    const char *name;
    json_t *range;
    bool met = true;

    json_object_foreach(json_object_get(package, "dependencies"), name, range) {
        met = check(modules, files, name, json_string_value(range), fault);
        if (!met)
            break;
    }
    json_decref(package);
    return met;
}
