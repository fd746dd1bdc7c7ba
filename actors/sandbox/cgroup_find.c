/* cgroup_find.c - which cgroups this host lets us use, and clearing what was left in them.
 *
 * Version 2: a directory holds either processes or limited children (cgroup-v2.rst, "No Internal
 * Process Constraint"). A directory that was delegated to us is used as it is meant: its
 * processes move into a child of their own. As root without delegation we go to the top of the
 * hierarchy instead of moving other people's processes, and move only when that is refused.
 */
#include "actors/sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "bus/clock.h"
#include "bus/owned.h"

enum { LINE_MAX_OCTETS = 4096, SWEEP_PAUSE_MS = 5, MOVES_MAX = 10000 };

const struct cgroup_host cgroup_this_host = {"/proc/self/mountinfo", "/proc/self/cgroup", ""};

static const char *const controllers[PLACES] = {
    [PLACE_PIDS] = "pids", [PLACE_MEMORY] = "memory", [PLACE_CPU] = "cpu",
    [PLACE_CPUACCT] = "cpuacct",
};

static bool has_word(const char *list, const char *word, const char *separators)
{
    size_t size = strlen(word);

    for (const char *at = list; *at;) {
        size_t length = strcspn(at, separators);
        if (length == size && strncmp(at, word, size) == 0)
            return true;
        at += length;
        at += strspn(at, separators);
    }
    return false;
}

/* ---- the two files of /proc ---- */

/* Our own path in the hierarchy of `controller`; "" names version 2's. */
static bool own_path(const struct cgroup_host *host, const char *controller, char out[PATH_MAX])
{
    FILE *file = fopen(host->own, "re");
    char line[LINE_MAX_OCTETS];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file)) {
        char *list = strchr(line, ':');
        char *path = list ? strchr(++list, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        found = *controller ? has_word(list, controller, ",") : *list == '\0';
        if (found)
            (void) snprintf(out, PATH_MAX, "%s", path);
    }
    if (file)
        (void) fclose(file);
    return found;
}

struct mount { char root[PATH_MAX], point[PATH_MAX]; };

/* One line: ID PARENT DEVICE ROOT POINT OPTIONS... - TYPE SOURCE SUPER_OPTIONS (proc(5)). */
static bool mount_matches(const char *line, const char *controller, struct mount *out)
{
    char type[32], super[LINE_MAX_OCTETS];
    const char *tail = strstr(line, " - ");

    if (!tail || sscanf(line, "%*s %*s %*s %4095s %4095s", out->root, out->point) != 2 ||
        sscanf(tail, " - %31s %*s %4095s", type, super) != 2)
        return false;
    if (!*controller)
        return strcmp(type, "cgroup2") == 0;
    return strcmp(type, "cgroup") == 0 && has_word(super, controller, ",");
}

static bool find_mount(const struct cgroup_host *host, const char *controller, struct mount *out)
{
    FILE *file = fopen(host->mountinfo, "re");
    char line[LINE_MAX_OCTETS];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file))
        found = mount_matches(line, controller, out);
    if (file)
        (void) fclose(file);
    return found;
}

static bool print_path(char out[PATH_MAX], const char *a, const char *b, const char *c)
{
    int size = snprintf(out, PATH_MAX, "%s%s%s", a, b, c);

    return size > 0 && size < PATH_MAX;
}

/* Where our own cgroup's directory can be seen: the mount may show only a part. */
static bool own_directory(const struct cgroup_host *host, const char *controller,
                          char out[PATH_MAX], struct mount *mount)
{
    char path[PATH_MAX];
    const char *below = path;
    size_t root;

    if (!own_path(host, controller, path) || !find_mount(host, controller, mount))
        return false;
    root = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
    if (strncmp(path, mount->root, root) == 0)
        below = path + root;
    if (strcmp(below, "/") == 0 || strncmp(below, "/..", 3) == 0)
        below = "";
    return print_path(out, host->prefix, mount->point, below);
}

static int open_child(const char *parent, const char *tag)
{
    OWNED(fd) int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[GROUP_NAME_SIZE];

    (void) snprintf(name, sizeof name, "isekai-%s", tag);
    if (dir < 0 || (mkdirat(dir, name, 0755) < 0 && errno != EEXIST))
        return -1;
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool write_text(int dir, const char *name, const char *value)
{
    OWNED(fd) int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
}

/* ---- version 2 ---- */

#define ROLES "isekai.roles"
static const char wanted[] = "+memory +cpu +pids";

/* An earlier life may have moved us into ROLES: cages still go beside it, where theirs were. */
static void leave_roles(char *path)
{
    const size_t size = sizeof "/" ROLES - 1;

    for (size_t length = strlen(path); length >= size; length -= size) {
        if (strcmp(path + length - size, "/" ROLES) != 0)
            return;
        path[length - size] = '\0';
    }
}

static bool offers_controllers(int dir)
{
    OWNED(fd) int fd = openat(dir, "cgroup.controllers", O_RDONLY | O_CLOEXEC);
    char text[512] = "";

    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        return false;
    return has_word(text, "memory", " \n") && has_word(text, "cpu", " \n") &&
           has_word(text, "pids", " \n");
}

static bool is_delegated(int dir)
{
    char value[4] = "";
    struct stat about;

    if (fstat(dir, &about) < 0 || faccessat(dir, "cgroup.procs", W_OK, 0) < 0)
        return false;
    return (geteuid() != 0 && about.st_uid == geteuid()) ||
           (fgetxattr(dir, "user.delegate", value, sizeof value) > 0 && value[0] == '1') ||
           (fgetxattr(dir, "trusted.delegate", value, sizeof value) > 0 && value[0] == '1');
}

/* Move every process of `dir` into its child ROLES. Each read gives who is there now. */
static bool move_processes(int dir)
{
    if (mkdirat(dir, ROLES, 0755) < 0 && errno != EEXIST)
        return false;
    OWNED(fd) int roles = openat(dir, ROLES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int moved = 0; roles >= 0 && moved < MOVES_MAX; moved++) {
        OWNED(fd) int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        char text[24] = "";
        if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
            return false;
        if (!*text)
            return true;
        text[strcspn(text, "\n")] = '\0';
        if (!write_text(roles, "cgroup.procs", text) && errno != ESRCH)
            return false;
    }
    return false;
}

static bool use_v2(const char *path, bool may_move, const char *tag, struct cgroups *out)
{
    OWNED(fd) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0 || !offers_controllers(dir))
        return false;
    if (!write_text(dir, "cgroup.subtree_control", wanted) &&
        (!may_move || errno != EBUSY || !move_processes(dir) ||
         !write_text(dir, "cgroup.subtree_control", wanted)))
        return false;
    OWNED(fd) int ours = open_child(path, tag);
    if (ours < 0 || !write_text(ours, "cgroup.subtree_control", wanted))
        return false;
    out->kind = CGROUP_V2;
    out->dirs[0] = fd_take(&ours);
    return true;
}

static bool open_v2(struct cgroups *out, const struct cgroup_host *host, const char *tag)
{
    char own[PATH_MAX], top[PATH_MAX];
    struct mount mount;

    if (!own_directory(host, "", own, &mount) || !print_path(top, host->prefix, mount.point, ""))
        return false;
    leave_roles(own);
    OWNED(fd) int dir = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0 && is_delegated(dir))
        return use_v2(own, /* may_move= */ true, tag, out);
    return geteuid() == 0 && (use_v2(top, /* may_move= */ false, tag, out) ||
                              use_v2(own, /* may_move= */ true, tag, out));
}

/* ---- version 1 ---- */

static bool open_v1(struct cgroups *out, const struct cgroup_host *host, const char *tag)
{
    char own[PATH_MAX];
    struct mount mount;

    for (int place = 0; place < PLACES; place++) {
        if (own_directory(host, controllers[place], own, &mount))
            out->dirs[place] = open_child(own, tag);
        if (out->dirs[place] < 0 && place != PLACE_CPUACCT)
            return false;
    }
    out->kind = CGROUP_V1;
    return true;
}

void cgroups_open(struct cgroups *out, const struct cgroup_host *host, const char *tag)
{
    *out = (struct cgroups){.kind = CGROUP_NONE, .dirs = {-1, -1, -1, -1}};
    if (open_v2(out, host, tag) || open_v1(out, host, tag))
        return;
    (void) snprintf(out->why_not, sizeof out->why_not,
                    geteuid() == 0 ? "neither cgroup version has memory, cpu and pids here"
                                   : "no cgroup with memory, cpu and pids is delegated to us");
    cgroups_remove(out);
    cgroups_close(out);
    out->kind = CGROUP_NONE;
}

void cgroups_close(struct cgroups *self)
{
    for (int place = 0; place < PLACES; place++)
        fd_drop(&self->dirs[place]);
}

void cgroups_remove(struct cgroups *self)
{
    char link[64], path[PATH_MAX];

    for (int place = 0; place < PLACES; place++) {
        if (self->dirs[place] < 0)
            continue;
        (void) snprintf(link, sizeof link, "/proc/self/fd/%d", self->dirs[place]);
        ssize_t size = readlink(link, path, sizeof path - 1);
        if (size <= 0)
            continue;
        path[size] = '\0';
        (void) rmdir(path);
    }
}

/* ---- what an earlier life left ---- */

static bool sweep_group(struct cgroups *self, const char *name, int64_t deadline_ms,
                        struct fault *fault)
{
    struct cage_group group = {.of = self, .dirs = {-1, -1, -1, -1}};

    (void) snprintf(group.name, sizeof group.name, "%.*s", GROUP_NAME_SIZE - 1, name);
    for (int place = 0; place < PLACES; place++)
        if (self->dirs[place] >= 0)
            group.dirs[place] = openat(self->dirs[place], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (!group_kill(&group) || !group_remove(&group)) {
        if (clock_left_ms(deadline_ms) == 0) {
            for (int place = 0; place < PLACES; place++)
                fd_drop(&group.dirs[place]);
            return fault_set(fault, FAULT_internal, "cgroup '%s' of an earlier life does not end",
                             name);
        }
        (void) poll(NULL, 0, SWEEP_PAUSE_MS);       /* the kernel tells nobody when it lets go */
    }
    return true;
}

/* The next child directory's name; false when there is none. */
static bool first_child(int parent, char out[NAME_MAX + 1])
{
    int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    bool found = false;

    while (dir && !found && (entry = readdir(dir))) {
        found = entry->d_type == DT_DIR && entry->d_name[0] != '.';
        if (found)
            (void) snprintf(out, NAME_MAX + 1, "%s", entry->d_name);
    }
    if (dir)
        (void) closedir(dir);
    else if (fd >= 0)
        (void) close(fd);
    return found;
}

bool cgroups_sweep(struct cgroups *self, int64_t deadline_ms, struct fault *fault)
{
    char name[NAME_MAX + 1];

    for (int place = 0; place < PLACES; place++)
        while (self->dirs[place] >= 0 && first_child(self->dirs[place], name))
            if (!sweep_group(self, name, deadline_ms, fault))
                return false;
    return true;
}
