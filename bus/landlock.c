/* landlock.c - one rule set: all that this version handles, and a rule for each file that is kept. */
#include "bus/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/syscall.h>

#include "bus/owned.h"

/* What later versions added, newer than the oldest headers that we build with. */
enum {
    REFER = 1 << 13,                /* 2 */
    TRUNCATE = 1 << 14,             /* 3 */
    BIND_TCP = 1 << 0,              /* 4 */
    IOCTL_DEVICE = 1 << 15,         /* 5 */
    SCOPE_ABSTRACT_SOCKETS = 1 << 0, SCOPE_SIGNALS = 1 << 1,        /* 6 */
};

/* struct landlock_ruleset_attr of version 6; an older kernel takes it while what it does not know
 * is 0. */
struct ruleset { uint64_t files, network, scopes; };

/* What is handled and has no rule is refused. */
static struct ruleset handled_by(unsigned version, bool keeps_to_itself)
{
    struct ruleset handled = {.files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};

    if (version >= 2)
        handled.files |= REFER;
    if (version >= 3)
        handled.files |= TRUNCATE;
    if (version >= 4 && keeps_to_itself)
        handled.network = BIND_TCP;
    if (version >= 5)
        handled.files |= IOCTL_DEVICE;
    if (version >= 6 && keeps_to_itself)
        handled.scopes = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS;
    return handled;
}

static bool keep(int rules, const struct landlock_kept *kept, struct fault *fault)
{
    OWNED(fd) int entry = open(kept->path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE, .parent_fd = entry};

    if (entry < 0 && kept->is_optional)
        return true;
    if (entry < 0)
        return fault_set(fault, FAULT_internal, "open '%s': %s", kept->path, strerror(errno));
    if (kept->is_listed)
        rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        return fault_set(fault, FAULT_internal, "landlock_add_rule '%s': %s", kept->path, strerror(errno));
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

unsigned landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return version > 0 ? (unsigned)version : 0;     /* ENOSYS; EOPNOTSUPP */
}

bool landlock_give_up(const struct landlock_wish *wish, bool *is_on, struct fault *fault)
{
    unsigned version = landlock_version();
    const struct ruleset handled = handled_by(version, wish->keeps_to_itself);

    *is_on = version >= 1;
    if (!*is_on)
        return true;
    OWNED(fd) int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (rules < 0)
        return fault_set(fault, FAULT_internal, "landlock_create_ruleset: %s", strerror(errno));
    for (size_t i = 0; i < wish->count; i++)
        if (!keep(rules, &wish->kept[i], fault))
            return false;
    if (syscall(SYS_landlock_restrict_self, rules, 0) < 0)
        return fault_set(fault, FAULT_internal, "landlock_restrict_self: %s", strerror(errno));
    return is_given_up(fault);
}
