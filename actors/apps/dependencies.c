/* dependencies.c - dependencies into package.json; see dependencies.h. */
#include "actors/apps/dependencies.h"

#include <jansson.h>
#include <stdlib.h>

#include "actors/apps/files.h"
#include "schemas/json.h"

#define PACKAGE_PATH TEXT_OF("package.json")

static bool put_one(json_t *into, const msgpack_object_kv *pair, struct fault *fault)
{
    const struct text name = {pair->key.via.str.ptr, pair->key.via.str.size};
    const struct text range = {pair->val.via.str.ptr, pair->val.via.str.size};

    if (pair->key.type != MSGPACK_OBJECT_STR || !text_is_package_name(name))
        return fault_set(fault, FAULT_malformed, "dependencies: a key is not the name of a package");
    if (pair->val.type != MSGPACK_OBJECT_STR || !text_is_package_range(range))
        return fault_set(fault, FAULT_malformed, "dependencies: '%.*s': a value is a range of "
                         "versions such as ^1.2.0", (int)(name.size < 60 ? name.size : 60), name.at);
    return json_object_setn_new(into, name.at, name.size, json_stringn(range.at, range.size)) == 0 ||
           fault_set(fault, FAULT_internal, "no memory for dependencies");
}

static bool put_all(json_t *into, const msgpack_object_map *map, struct fault *fault)
{
    if (map->size > DEPENDENCIES_MAX)
        return fault_set(fault, FAULT_malformed, "dependencies: more than %d", DEPENDENCIES_MAX);
    for (uint32_t i = 0; i < map->size; i++)
        if (!put_one(into, &map->ptr[i], fault))
            return false;
    return true;
}

/* The object that is there, or a new one; a reference for the caller. */
static json_t *read_package(struct files files, struct fault *fault)
{
    const struct file *file = files_find(files, PACKAGE_PATH);
    struct fault ignored;
    json_t *package;

    if (!file)
        return json_object();
    package = json_outline_fits(file->content, &ignored)
                  ? json_loadb(file->content.at, file->content.size, 0, NULL) : NULL;
    if (json_is_object(package))
        return package;
    json_decref(package);
    (void) fault_set(fault, FAULT_malformed, "dependencies: package.json is no JSON object to "
                     "put them into");
    return NULL;
}

/* The object below the key, made when there is none. */
static json_t *below(json_t *package, const char *key)
{
    json_t *object = json_object_get(package, key);

    if (json_is_object(object))
        return object;
    (void) json_object_set_new(package, key, json_object());
    return json_object_get(package, key);
}

static bool replace_package(struct files files, json_t *package, struct arena *arena,
                            struct files *out, struct fault *fault)
{
    char *printed = json_dumps(package, JSON_INDENT(2));
    struct file change = {.path = PACKAGE_PATH};
    bool ignored;

    if (printed)
        change.content = arena_print(arena, "%s\n", printed);
    free(printed);
    if (!change.content.at)
        return fault_set(fault, FAULT_internal, "no memory for package.json");
    if (change.content.size > FILE_CONTENT_OCTETS_MAX)
        return fault_set(fault, FAULT_too_large, "package.json with its dependencies is over %d "
                         "octets", FILE_CONTENT_OCTETS_MAX);
    return files_merge(files, (struct files){&change, 1}, arena, out, &ignored, fault);
}

static bool put_map(const msgpack_object_map *map, struct files files, struct arena *arena,
                    struct files *out, struct fault *fault)
{
    json_t *package = read_package(files, fault);
    bool done = package && put_all(below(package, "dependencies"), map, fault) &&
                replace_package(files, package, arena, out, fault);

    json_decref(package);
    return done;
}

bool dependencies_put(struct text packed, struct files files, struct arena *arena,
                      struct files *out, struct fault *fault)
{
    msgpack_unpacked unpacked;
    bool done = true;

    *out = files;
    if (packed.size == 0)
        return true;
    msgpack_unpacked_init(&unpacked);
    if (msgpack_unpack_next(&unpacked, packed.at, packed.size, NULL) != MSGPACK_UNPACK_SUCCESS ||
        unpacked.data.type != MSGPACK_OBJECT_MAP)
        done = fault_set(fault, FAULT_malformed, "Dependencies must be an object");
    else if (unpacked.data.via.map.size > 0)
        done = put_map(&unpacked.data.via.map, files, arena, out, fault);
    msgpack_unpacked_destroy(&unpacked);
    return done;
}
