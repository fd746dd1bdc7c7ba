/* modules.c - the tree of modules for all cages; see modules.h. */
#include "actors/sandbox/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/tree.h"
#include "bus/owned.h"

enum { KEY_SIZE = 65, BOOT_SIZE = 37, NAME_SIZE = KEY_SIZE + BOOT_SIZE, PLACE_SIZE = 256 };

static const struct tree_bounds bounds = {
    .octets_max = 256 << 20, .entries_max = 50000, .for_everybody = true,
};

/* ---- what there is ---- */

static bool read_word(int dir, const char *name, char *out, size_t size, struct fault *fault)
{
    OWNED(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, out, size - 1) : -1;

    if (length < 0)
        return fault_set(fault, FAULT_not_found, "'%s': %s", name, strerror(errno));
    out[length] = '\0';
    size_t word = strspn(out, "0123456789abcdef-");
    bool is_word = word > 0 && (out[word] == '\n' || out[word] == '\0');
    out[word] = '\0';
    return is_word || fault_set(fault, FAULT_not_found, "'%s' holds no key", name);
}

static bool take_version(struct module *module, json_t *packages)
{
    char place[PLACE_SIZE];

    (void) snprintf(place, sizeof place, "node_modules/%s", module->name);
    const char *version = json_string_value(json_object_get(json_object_get(packages, place),
                                                            "version"));
    int size = snprintf(module->version, sizeof module->version, "%s", version ? version : "");
    return size > 0 && size < (int)sizeof module->version;
}

/* What package.json asked for when the lock was made; what those need is theirs. */
static bool take_names(struct modules *out, json_t *lock)
{
    json_t *packages = json_object_get(lock, "packages");
    json_t *wanted = json_object_get(json_object_get(packages, ""), "dependencies");
    const char *name;
    json_t *ignored;

    json_object_foreach(wanted, name, ignored) {
        struct module *module = &out->list[out->count];
        if (out->count == MODULES_MAX ||
            !text_to_string(text_from(name), module->name, sizeof module->name) ||
            !take_version(module, packages))
            return false;
        out->count++;
    }
    return out->count > 0;
}

static bool read_lock(struct modules *out, int from, struct fault *fault)
{
    OWNED(fd) int fd = openat(from, "package-lock.json", O_RDONLY | O_CLOEXEC);
    json_t *lock = fd >= 0 ? json_loadfd(fd, 0, NULL) : NULL;
    bool read = take_names(out, lock);

    json_decref(lock);
    return read || fault_set(fault, FAULT_not_found, "package-lock.json names no modules");
}

/* ---- the copy ---- */

/* Under another name until it is whole. */
static bool copy(int from, int place, const char *name, struct fault *fault)
{
    OWNED(fd) int source = openat(from, "node_modules", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (source < 0)
        return fault_set(fault, FAULT_not_found, "'node_modules': %s", strerror(errno));
    if (!tree_empty(place, fault))
        return false;
    OWNED(fd) int fresh = tree_make_directory(place, "new", 0755, fault);
    if (fresh < 0 || !tree_copy(source, fresh, 0, &bounds, /* watcher= */ NULL, fault))
        return false;
    return renameat(place, "new", place, name) == 0 || tree_fault(fault, "rename the modules");
}

static bool put_copy(struct modules *out, int from, const char *runtime, struct fault *fault)
{
    OWNED(fd) int above = open(runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OWNED(fd) int place = above >= 0 ? tree_make_directory(above, "modules", 0755, fault) : -1;
    char key[KEY_SIZE], boot[BOOT_SIZE], name[NAME_SIZE];

    if (above < 0)
        return tree_fault(fault, runtime);
    if (place < 0 || !read_word(from, "key", key, sizeof key, fault) ||
        !read_word(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot, sizeof boot, fault))
        return false;
    (void) snprintf(name, sizeof name, "%s-%s", key, boot);
    if (snprintf(out->path, sizeof out->path, "%s/modules/%s", runtime, name) >=
        (int)sizeof out->path)
        return fault_set(fault, FAULT_internal, "the data directory's path is too long");
    return faccessat(place, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
           copy(from, place, name, fault);
}

bool modules_open(struct modules *out, const char *from, const char *runtime, struct fault *fault)
{
    OWNED(fd) int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *out = (struct modules){.count = 0};
    if (source < 0)
        return fault_set(fault, FAULT_not_found, "SANDBOX_MODULES '%s': %s", from, strerror(errno));
    if (read_lock(out, source, fault) && put_copy(out, source, runtime, fault))
        return true;
    *out->path = '\0';
    return fault_while(fault, "the modules of '%s'", from);
}

const struct module *modules_find(const struct modules *self, struct text name)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (text_is(name, self->list[i].name))
            return &self->list[i];
    return NULL;
}
