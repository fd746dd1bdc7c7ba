/* entry.c - which file of an app node runs; see entry.h. */
#include "actors/sandbox/entry.h"

#include <stdio.h>

#include "actors/sandbox/package.h"

static const struct file *find(struct files files, struct text path)
{
    for (uint32_t i = 0; i < files.count; i++)
        if (text_equals(files.at[i].path, path))
            return &files.at[i];
    return NULL;
}

/* Take `path` if such a file is there; "./x" is x. */
static bool take(struct files files, struct text path, struct entry *out)
{
    while (path.size > 2 && memcmp(path.at, "./", 2) == 0)
        path = (struct text){path.at + 2, path.size - 2};
    return text_is_file_path(path) && find(files, path) &&
           text_to_string(path, out->path, sizeof out->path);
}

/* `main` may leave out .js, or name a directory with an index.js. */
static bool take_main(struct files files, struct text path, struct entry *out)
{
    static const char *const endings[] = {"", ".js", "/index.js"};
    char name[ENTRY_SIZE];

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        int size = snprintf(name, sizeof name, "%.*s%s", TEXT_ARGS(path), endings[i]);
        if (size > 0 && size < (int)sizeof name &&
            take(files, (struct text){name, (size_t)size}, out))
            return true;
    }
    return false;
}

/* The FILE of exactly `node FILE`; absent otherwise. */
static struct text node_argument(struct text command)
{
    struct text rest = text_trimmed(command);

    if (rest.size < 6 || memcmp(rest.at, "node ", 5) != 0)
        return (struct text){0};
    rest = text_trimmed((struct text){rest.at + 5, rest.size - 5});
    if (memchr(rest.at, ' ', rest.size) || memchr(rest.at, '\t', rest.size) || *rest.at == '-')
        return (struct text){0};
    return rest;
}

static bool take_from_package(struct files files, struct entry *out)
{
    json_t *package = package_read(files);
    const char *start = json_string_value(json_object_get(json_object_get(package, "scripts"),
                                                          "start"));
    const char *main_ = json_string_value(json_object_get(package, "main"));
    bool taken = (start && take(files, node_argument(text_from(start)), out)) ||
                 (main_ && take_main(files, text_from(main_), out));

    json_decref(package);
    return taken;
}

bool entry_find(struct files files, struct text wish, struct entry *out, struct fault *fault)
{
    static const char *const usual[] = {"server.js", "index.js", "app.js"};

    *out = (struct entry){.is_static = false};
    if (wish.size > 0)
        return take(files, wish, out) ||
               fault_set(fault, FAULT_start_failed, "config.entry names a file that is not there");
    if (take_from_package(files, out))
        return true;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (take(files, text_from(usual[i]), out))
            return true;
    out->is_static = find(files, TEXT_OF("index.html")) != NULL;
    return out->is_static ||
           fault_set(fault, FAULT_start_failed, "there is nothing to run: no server.js, index.js, "
                     "app.js or index.html, and package.json names none");
}

void entry_in_cage(const struct entry *entry, char out[ENTRY_IN_CAGE_SIZE])
{
    if (entry && entry->is_static)
        (void) snprintf(out, ENTRY_IN_CAGE_SIZE, "/isekai/static.js");
    else
        (void) snprintf(out, ENTRY_IN_CAGE_SIZE, "/app/%s", entry ? entry->path : "server.js");
}
