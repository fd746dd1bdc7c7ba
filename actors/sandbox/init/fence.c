/* fence.c - what the app may do to files and to processes outside of its fence, said once more.
 *
 * It may read and execute whatever the cage shows, and write only where it shall: /app, /data, /tmp,
 * /dev/shm and a few devices. Rules are tied to directories, not to paths: those of a warm cage may
 * be renamed on the host. TCP is not restricted: an app listens and connects in a network of its own.
 * From version 6 on signals and abstract sockets end at the fence, and process 1 is outside.
 */
#include "actors/sandbox/init/fence.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What later versions added, newer than the oldest headers that we build with. */
enum {
    REFER = 1 << 13,                /* 2: rename and link from one directory to another */
    TRUNCATE = 1 << 14,             /* 3 */
    IOCTL_DEVICE = 1 << 15,         /* 5: nowhere allowed */
    SCOPE_ABSTRACT_SOCKETS = 1 << 0, SCOPE_SIGNALS = 1 << 1,        /* 6 */

    READ = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    KEEP = READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
           LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
           LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
           LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | REFER | TRUNCATE,
    USE = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE,
};

static const struct { const char *path; uint64_t rights; } rules[] = {
    {"/", READ},
    {"/app", KEEP}, {"/data", KEEP}, {"/tmp", KEEP}, {"/dev/shm", KEEP},
    {"/dev/null", USE}, {"/dev/zero", USE}, {"/dev/full", USE}, {"/dev/random", USE},
    {"/dev/urandom", USE},
};

/* struct landlock_ruleset_attr of version 6; an older kernel takes it while what it does not know
 * is 0. */
struct ruleset { uint64_t files, network, scopes; };

static struct ruleset handled_by(unsigned version)
{
    struct ruleset handled = {.files = (1 << 13) - 1};

    if (version >= 2)
        handled.files |= REFER;
    if (version >= 3)
        handled.files |= TRUNCATE;
    if (version >= 5)
        handled.files |= IOCTL_DEVICE;
    if (version >= 6)
        handled.scopes = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS;
    return handled;
}

static bool allow(int ruleset, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = rights,
        .parent_fd = open(path, O_PATH | O_CLOEXEC),
    };
    bool added = rule.parent_fd >= 0 &&
                 syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;

    if (rule.parent_fd >= 0)
        (void) close(rule.parent_fd);
    return added;
}

bool fence_close(unsigned version)
{
    struct ruleset handled = handled_by(version);

    if (version == 0)
        return true;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (ruleset < 0)
        return false;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!allow(ruleset, rules[i].path, rules[i].rights & handled.files))
            return false;
    bool is_closed = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    (void) close(ruleset);
    return is_closed;
}
