/* places.c - make the directories that the roles need; see places.h.
 *
 *   data/store data/audit   the role's user, 0750: only it writes
 *   data/runtime/apps       root 0711: apps' workspaces, each of its own user
 *   run/bus                 the role's user, 0750: the broker's socket; who may enter may ask
 *   run/preview             root 0750, the role's group: the apps' sockets, for the gateway only
 *
 * Of an ordinary user's `isekai up` all of them are that user's, and nobody else may enter: the group
 * of a user may be one that all users have.
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

struct path {
    const char *text;
    uid_t uid;                  /* the roles' */
    gid_t gid;
    bool is_private;            /* nobody else may change what the names on the way mean */
};

/* May the role's user pass through this directory to what lies below? */
static bool lets_pass(const struct stat *about, uid_t uid, gid_t gid)
{
    if (geteuid() != 0)
        return true;            /* the roles are who made it */
    return (about->st_mode & S_IXOTH) || (about->st_uid == uid && (about->st_mode & S_IXUSR)) ||
           (about->st_gid == gid && (about->st_mode & S_IXGRP));
}

/* Who could put another directory in the place of one below this? In a user namespace root's files may
 * have no known owner; then they have that of "/". */
static bool is_trusted(const struct stat *about)
{
    struct stat top;

    if (about->st_mode & S_IWOTH && !(about->st_mode & S_ISVTX))
        return false;
    return about->st_uid == 0 || about->st_uid == geteuid() ||
           (stat("/", &top) == 0 && about->st_uid == top.st_uid);
}

/* May the directory be on the way to `path`? */
static bool check_step(int at, const char *name, const struct path *path, struct fault *fault)
{
    struct stat about;

    if (fstat(at, &about) < 0)
        return fault_set(fault, FAULT_internal, "look at '%s': %s", name, strerror(errno));
    if (!lets_pass(&about, path->uid, path->gid))
        return fault_set(fault, FAULT_internal, "'%s' in '%s' lets the roles' user not pass; "
                         "choose another directory, such as /var/lib/isekai", name, path->text);
    if (path->is_private && !is_trusted(&about))
        return fault_set(fault, FAULT_internal, "'%s' in '%s' is another user's, or open to all; "
                         "set ISEKAI_RUN to another directory", name, path->text);
    return true;
}

/* mkdir -p of an absolute path, 0755 for what is missing; each step is opened from the one before. */
static int open_path(const struct path *path, struct fault *fault)
{
    OWNED(fd) int at = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *rest = path->text;
    char name[NAME_MAX + 1];

    while (at >= 0 && *rest) {
        size_t length = strcspn(rest, "/");
        (void) snprintf(name, sizeof name, "%.*s", (int)length, rest);
        rest += length + (rest[length] == '/');
        if (length == 0)
            continue;
        if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
            break;
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fd_drop(&at);
        at = next;
        if (at >= 0 && !check_step(at, name, path, fault))
            return -1;
    }
    if (at >= 0 && !*rest)
        return fd_take(&at);
    (void) fault_set(fault, FAULT_internal, "directory '%s': %s; choose another with --data or "
                     "ISEKAI_RUN", path->text, strerror(errno));
    return -1;
}

/* Sockets in a directory of somebody else's would be somebody else's: /tmp is open to all. */
static bool is_ours_alone(int fd, const char *path, struct fault *fault)
{
    struct stat about;

    if (fstat(fd, &about) < 0)
        return fault_set(fault, FAULT_internal, "look at '%s': %s", path, strerror(errno));
    if (about.st_uid != geteuid() || (about.st_mode & (S_IWGRP | S_IWOTH)))
        return fault_set(fault, FAULT_internal, "'%s' is not ours alone; remove it, or set "
                         "ISEKAI_RUN to another directory", path);
    return true;
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
    if (fchmod(dir, geteuid() == 0 ? place->mode : place->mode & S_IRWXU) < 0)
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
    out->data = open_path(&(struct path){bus->isekai_data, uid, gid, false}, fault);
    if (out->data >= 0 && take_lock(out, bus->isekai_data, fault))
        out->run = open_path(&(struct path){bus->isekai_run, uid, gid, true}, fault);
    bool done = out->run >= 0 && is_ours_alone(out->run, bus->isekai_run, fault);
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
