/* door.c - an app's listening UNIX socket; see door.h. */
#include "actors/sandbox/door.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "bus/identity.h"
#include "bus/owned.h"

static void address(int directory, const char *name, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void) snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", directory, name);
}

void door_address(const struct door *self, const struct doors *doors, struct sockaddr_un *out)
{
    address(doors->directory, self->name, out);
}

/* ---- the directory ---- */

void doors_clear(const struct doors *self)
{
    int copy = openat(self->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (entry->d_type == DT_SOCK)
            (void) unlinkat(self->directory, entry->d_name, 0);
    if (dir)
        (void) closedir(dir);
    else
        fd_drop(&copy);
}

bool doors_open(struct doors *out, const char *run, const char *user, struct fault *fault)
{
    char path[PATH_MAX];
    uid_t ignored;

    *out = (struct doors){.directory = -1, .for_group = geteuid() == 0};
    if (snprintf(path, sizeof path, "%s/preview", run) >= (int)sizeof path)
        return fault_set(fault, FAULT_internal, "the run directory's path is too long");
    if (out->for_group && !identity_find(user, &ignored, &out->group, fault))
        return false;
    if (!out->for_group && mkdir(path, 0700) < 0 && errno != EEXIST)
        return fault_set(fault, FAULT_internal, "mkdir '%s': %s", path, strerror(errno));
    out->directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out->directory < 0)
        return fault_set(fault, FAULT_internal, "open '%s': %s", path, strerror(errno));
    doors_clear(out);
    return true;
}

void doors_close(struct doors *self)
{
    fd_drop(&self->directory);
}

/* ---- one socket ---- */

/* It gets its owner and mode before it gets its name, so nobody sees it half made. */
static bool name_it(const struct doors *doors, const char *raw, const char *name,
                    struct fault *fault)
{
    if (fchmodat(doors->directory, raw, doors->for_group ? 0660 : 0600, 0) < 0 ||
        (doors->for_group && fchownat(doors->directory, raw, (uid_t)-1, doors->group,
                                      AT_SYMLINK_NOFOLLOW) < 0) ||
        renameat(doors->directory, raw, doors->directory, name) < 0) {
        (void) fault_set(fault, FAULT_internal, "socket '%s': %s", name, strerror(errno));
        (void) unlinkat(doors->directory, raw, 0);
        return false;
    }
    return true;
}

bool door_open(struct door *out, const struct doors *doors, const char *name, struct fault *fault)
{
    OWNED(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un raw, told;
    char raw_name[DOOR_NAME_SIZE + 4];

    out->fd = -1;
    (void) snprintf(out->name, sizeof out->name, "%s", name);
    (void) snprintf(raw_name, sizeof raw_name, ".n-%s", out->name);
    address(doors->directory, raw_name, &raw);
    address(doors->directory, out->name, &told);
    (void) unlinkat(doors->directory, raw_name, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&raw, sizeof raw) < 0 ||
        listen(fd, DOOR_BACKLOG) < 0)
        return fault_set(fault, FAULT_internal, "socket '%s': %s", out->name, strerror(errno));
    if (!name_it(doors, raw_name, out->name, fault))
        return false;
    out->fd = fd_take(&fd);
    return true;
}

void door_close(struct door *self, const struct doors *doors)
{
    if (self->fd < 0)
        return;
    (void) unlinkat(doors->directory, self->name, 0);
    fd_drop(&self->fd);
}
