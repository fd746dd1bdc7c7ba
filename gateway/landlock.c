/* landlock.c - one rule set without rules, but for the process's own entry under /proc. */
#include "gateway/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus/owned.h"

/* What versions 2, 3 and 5 added, newer than the oldest headers that we build with. */
enum {
    VERSION_2_REFER = 1 << 13,
    VERSION_3_TRUNCATE = 1 << 14,
    VERSION_5_IOCTL_DEVICE = 1 << 15,
};

/* Every right that this version of Landlock knows: what is handled and has no rule is refused. */
static uint64_t rights_of(long version)
{
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

    if (version >= 2)
        rights |= VERSION_2_REFER;
    if (version >= 3)
        rights |= VERSION_3_TRUNCATE;
    if (version >= 5)
        rights |= VERSION_5_IOCTL_DEVICE;
    return rights;
}

static bool allow_own_entry(int rules, struct fault *fault)
{
    OWNED(fd) int entry = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct landlock_path_beneath_attr own = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
        .parent_fd = entry,
    };

    if (entry < 0)
        return fault_set(fault, FAULT_internal, "open /proc/self: %s", strerror(errno));
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &own, 0) < 0)
        return fault_set(fault, FAULT_internal, "landlock_add_rule: %s", strerror(errno));
    return true;
}

/* The kernel is asked: a call that returned 0 is a claim, not a fact. */
static bool is_given_up(struct fault *fault)
{
    OWNED(fd) int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root >= 0 || errno != EACCES)
        return fault_set(fault, FAULT_internal, "files can still be opened after Landlock");
    return true;
}

bool landlock_give_up_files(bool *is_on, struct fault *fault)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    const struct landlock_ruleset_attr handled = {.handled_access_fs = rights_of(version)};

    *is_on = version >= 1;
    if (!*is_on)
        return true;        /* not built in (ENOSYS), or switched off at boot (EOPNOTSUPP) */
    OWNED(fd) int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (rules < 0)
        return fault_set(fault, FAULT_internal, "landlock_create_ruleset: %s", strerror(errno));
    if (!allow_own_entry(rules, fault))
        return false;
    if (syscall(SYS_landlock_restrict_self, rules, 0) < 0)
        return fault_set(fault, FAULT_internal, "landlock_restrict_self: %s", strerror(errno));
    return is_given_up(fault);
}
