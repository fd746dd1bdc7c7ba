/* warm_files.c - the directories of warm cages, and how they become an app's; see workspace.h.
 *
 * A cage shows the directories it was booted with, wherever these are moved on the host. So nothing
 * has to be mounted once it is booted: its /app becomes the app's by a rename, and so does its
 * /data, into which the entries of the app's data move first.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/sandbox/tree.h"
#include "actors/sandbox/workspace.h"
#include "bus/owned.h"

enum { LINK_SIZE = 32 };

static void place_name(uint64_t number, char out[WORKSPACE_NAME_SIZE])
{
    (void) snprintf(out, WORKSPACE_NAME_SIZE, "%" PRIu64, number);
}

static int open_place(struct workspace *self, uint64_t number)
{
    char name[WORKSPACE_NAME_SIZE];

    place_name(number, name);
    return openat(self->warm, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- making and dropping ---- */

static bool make_for(int place, const char *name, uid_t uid, struct fault *fault)
{
    if (mkdirat(place, name, 0700) < 0)
        return tree_fault(fault, "mkdir");
    return uid == 0 || fchownat(place, name, uid, (gid_t)uid, AT_SYMLINK_NOFOLLOW) == 0 ||
           tree_fault(fault, "fchownat");
}

bool workspace_make_warm(struct workspace *self, uint64_t number, uid_t *uid, struct fault *fault)
{
    char name[WORKSPACE_NAME_SIZE];
    struct fault ignored;

    *uid = 0;
    if (self->owns_uids && !workspace_give_uid(self, uid, fault))
        return false;
    place_name(number, name);
    bool made = mkdirat(self->warm, name, 0711) == 0 || tree_fault(fault, "mkdir");
    OWNED(fd) int place = made ? open_place(self, number) : -1;
    if (place >= 0 && fchmod(place, self->owns_uids ? 0711 : 0700) == 0 &&
        make_for(place, "app", *uid, fault) && make_for(place, "data", *uid, fault))
        return true;
    workspace_forget_uid(self, *uid);
    (void) workspace_discard(self, self->warm, name, &ignored);
    return place >= 0 ? false : tree_fault(fault, "open a warm cage's directory");
}

void workspace_drop_warm(struct workspace *self, uint64_t number, uid_t uid)
{
    char name[WORKSPACE_NAME_SIZE];
    struct fault ignored;
    OWNED(fd) int place = open_place(self, number);

    if (place < 0)
        return;
    place_name(number, name);
    (void) workspace_discard_data(self, place, "data", uid, &ignored);
    (void) workspace_discard(self, self->warm, name, &ignored);
}

bool workspace_take_warm(struct workspace *self, uint64_t number, const char *kind, int app,
                         const char *name, struct fault *fault)
{
    OWNED(fd) int place = open_place(self, number);

    if (place >= 0 && renameat2(place, kind, app, name, RENAME_NOREPLACE) == 0)
        return true;
    return tree_fault(fault, "take a warm cage's directory");
}

/* ---- giving an app's data to a warm cage's user ---- */

/* A directory that moves gets another `..`: whoever is not root must be able to write it. */
static bool move_entry(int from, int to, const char *name)
{
    char link[LINK_SIZE];
    struct stat about;

    if (renameat(from, name, to, name) == 0)
        return true;
    if (errno != EACCES)
        return false;
    OWNED(fd) int dir = openat(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0 || fstat(dir, &about) < 0)
        return false;
    (void) snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    if (chmod(link, 0700) < 0)
        return false;
    bool moved = renameat(from, name, to, name) == 0;
    (void) chmod(link, about.st_mode & 07777);
    return moved;
}

/* A directory that is changed while it is read may be read short: until a pass finds nothing. */
static bool move_all(DIR *from, int to, struct fault *fault)
{
    const struct dirent *entry;
    bool found = true;

    while (found) {
        found = false;
        rewinddir(from);
        while ((entry = readdir(from))) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            found = true;
            if (!move_entry(dirfd(from), to, entry->d_name))
                return tree_fault(fault, "move an app's data");
        }
    }
    return true;
}

static bool move_data(struct workspace *self, int data, int moving, struct fault *fault)
{
    static const struct tree_bounds checked = {.entries_max = UINT32_MAX};
    struct stat before, after;

    if (fstat(data, &before) < 0 || fstat(moving, &after) < 0 || fchmod(data, 0700) < 0)
        return tree_fault(fault, "look at an app's data");
    if (self->owns_uids && !tree_give(data, after.st_uid, &checked, fault))
        return false;
    int copy = openat(data, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *from = copy >= 0 ? fdopendir(copy) : NULL;
    if (!from) {
        fd_drop(&copy);
        return tree_fault(fault, "read an app's data");
    }
    bool moved = move_all(from, moving, fault);
    (void) closedir(from);
    if (!moved)
        return false;
    if (fchmod(moving, before.st_mode & 0777) < 0)
        return tree_fault(fault, "fchmod");
    if (self->owns_uids && before.st_uid != after.st_uid)
        workspace_forget_uid(self, before.st_uid);
    return true;
}

/* data/ is there until moving/, which holds everything then, takes its place in one step. */
bool workspace_end_move(struct workspace *self, int app, struct fault *fault)
{
    OWNED(fd) int moving = openat(app, "moving", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (moving < 0)
        return errno == ENOENT || tree_fault(fault, "open 'moving'");
    OWNED(fd) int data = openat(app, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (data < 0)
        return tree_fault(fault, "open an app's data");
    return move_data(self, data, moving, fault) &&
           (renameat(app, "moving", app, "data") == 0 || tree_fault(fault, "rename 'moving'"));
}

bool workspace_give_data(struct workspace *self, int app, uint64_t warm, struct fault *fault)
{
    static const struct tree_bounds bounds = {.entries_max = DATA_GIVE_ENTRIES_MAX};
    OWNED(fd) int data = openat(app, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (data < 0)
        return tree_fault(fault, "open an app's data");
    return tree_give(data, 0, &bounds, fault) &&
           workspace_take_warm(self, warm, "data", app, "moving", fault) &&
           workspace_end_move(self, app, fault);
}
