/* places.c - make the directories that the roles need; see places.h.
 *
 *   data/store data/audit   the role's user, 0750: only it writes
 *   data/runtime/apps       root 0711: apps' workspaces, each of its own user
 *   run/bus                 the role's user, 0750: the broker's socket; who may enter may ask
 *   run/preview             root 0750, the role's group: the apps' sockets, for the gateway only
 */
#include "cli/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/identity.h"
#include "bus/owned.h"

static const struct place {
    bool below_data;
    const char *path;
    bool of_role;               /* owner is the role's user, else root */
    bool of_group;              /* group is the role's group */
    mode_t mode;
} table[] = {
    {true,  "store",        true,  true,  0750},
    {true,  "audit",        true,  true,  0750},
    {true,  "runtime",      false, false, 0711},
    {true,  "runtime/apps", false, false, 0711},
    {false, "bus",          true,  true,  0750},
    {false, "preview",      false, true,  0750},
};

/* mkdir -p of an absolute path, 0755 for what is missing, without following what strangers may
 * have put there: each step is opened from the one before. */
static int open_path(const char *path, struct fault *fault)
{
    OWNED(fd) int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[NAME_MAX + 1];

    while (at >= 0 && *path) {
        size_t length = strcspn(path, "/");
        (void) snprintf(name, sizeof name, "%.*s", (int)length, path);
        path += length + (path[length] == '/');
        if (length == 0)
            continue;
        if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
            break;
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fd_drop(&at);
        at = next;
        if (at >= 0 && !*path)
            return fd_take(&at);
    }
    (void) fault_set(fault, FAULT_internal, "directory '%s': %s; choose another with --data or "
                     "ISEKAI_RUN", name, strerror(errno));
    return -1;
}

static bool make(const struct places *places, const struct place *place, uid_t uid, gid_t gid,
                 struct fault *fault)
{
    int base = place->below_data ? places->data : places->run;
    OWNED(fd) int dir = -1;

    if (mkdirat(base, place->path, 0700) < 0 && errno != EEXIST)
        return fault_set(fault, FAULT_internal, "mkdir %s: %s", place->path, strerror(errno));
    dir = openat(base, place->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return fault_set(fault, FAULT_internal, "open %s: %s", place->path, strerror(errno));
    if (geteuid() == 0 && fchown(dir, place->of_role ? uid : 0, place->of_group ? gid : 0) < 0)
        return fault_set(fault, FAULT_internal, "chown %s: %s", place->path, strerror(errno));
    if (fchmod(dir, place->mode) < 0)
        return fault_set(fault, FAULT_internal, "chmod %s: %s", place->path, strerror(errno));
    return true;
}

static bool take_lock(struct places *places, const char *data, struct fault *fault)
{
    places->lock = openat(places->data, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (places->lock < 0)
        return fault_set(fault, FAULT_internal, "lock: %s", strerror(errno));
    if (flock(places->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    return fault_set(fault, FAULT_conflict, "another `isekai up` runs on '%s'; stop it, or choose "
                     "another directory with --data", data);
}

static void empty(int base, const char *name)
{
    int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!dir) {
        fd_drop(&fd);
        return;
    }
    while ((entry = readdir(dir)))
        (void) unlinkat(fd, entry->d_name, 0);
    (void) closedir(dir);
}

bool places_open(const struct bus_settings *bus, struct places *out, struct fault *fault)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();

    *out = (struct places){-1, -1, -1};
    if (uid == 0 && !identity_find(bus->isekai_user, &uid, &gid, fault))
        return false;
    out->data = open_path(bus->isekai_data, fault);
    if (out->data >= 0 && take_lock(out, bus->isekai_data, fault))
        out->run = open_path(bus->isekai_run, fault);
    bool done = out->run >= 0;
    for (size_t i = 0; done && i < sizeof table / sizeof *table; i++)
        done = make(out, &table[i], uid, gid, fault);
    if (done) {         /* what a killed one left */
        empty(out->run, "bus");
        empty(out->run, "preview");
        return true;
    }
    fd_drop(&out->data);
    fd_drop(&out->run);
    fd_drop(&out->lock);
    return false;
}

void places_close(struct places *self, const struct bus_settings *bus)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!table[i].below_data) {
            empty(self->run, table[i].path);
            (void) unlinkat(self->run, table[i].path, AT_REMOVEDIR);
        }
    (void) rmdir(bus->isekai_run);
    fd_drop(&self->run);
    fd_drop(&self->data);
    fd_drop(&self->lock);
}
