/* identity.c - giving up privilege, and asking the kernel whether it is gone.
 *
 * The order matters. The bounding set needs CAP_SETPCAP and the groups need CAP_SETGID: both go
 * while we still are root. Then gid, then uid; then what the sets still hold; last
 * no_new_privs, so that no program started later gets any of it back.
 */
#include "bus/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { PASSWD_OCTETS = 16384 };

bool identity_find(const char *user, uid_t *uid, gid_t *gid, struct fault *fault)
{
    struct passwd entry, *found = NULL;
    char texts[PASSWD_OCTETS];

    int error = getpwnam_r(user, &entry, texts, sizeof texts, &found);
    if (error)
        return fault_set(fault, FAULT_internal, "user '%s': %s", user, strerror(error));
    if (!found)
        return fault_set(fault, FAULT_not_found, "there is no user '%s'; make it with: useradd "
                         "--system --user-group --no-create-home --shell /usr/sbin/nologin %s",
                         user, user);
    *uid = found->pw_uid;
    *gid = found->pw_gid;
    return true;
}

/* A root without CAP_SETPCAP keeps its bounding set; no_new_privs makes that harmless. */
static bool drop_bounding_set(struct fault *fault)
{
    for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
        if (cap_drop_bound(cap) < 0 && errno != EPERM)
            return fault_set(fault, FAULT_internal, "drop capability %d: %s", (int)cap,
                             strerror(errno));
    return true;
}

static bool drop_ids(uid_t uid, gid_t gid, struct fault *fault)
{
    if (setgroups(0, NULL) < 0)
        return fault_set(fault, FAULT_internal, "setgroups: %s", strerror(errno));
    if (setresgid(gid, gid, gid) < 0)
        return fault_set(fault, FAULT_internal, "setresgid %d: %s", (int)gid, strerror(errno));
    if (setresuid(uid, uid, uid) < 0)
        return fault_set(fault, FAULT_internal, "setresuid %d: %s", (int)uid, strerror(errno));
    return true;
}

static bool check_ids(uid_t uid, gid_t gid, struct fault *fault)
{
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;

    if (getresuid(&ruid, &euid, &suid) < 0 || ruid != uid || euid != uid || suid != uid)
        return fault_set(fault, FAULT_internal, "uid is not %d after the drop", (int)uid);
    if (getresgid(&rgid, &egid, &sgid) < 0 || rgid != gid || egid != gid || sgid != gid)
        return fault_set(fault, FAULT_internal, "gid is not %d after the drop", (int)gid);
    if (getgroups(0, NULL) != 0)
        return fault_set(fault, FAULT_internal, "groups are left after the drop");
    if (setresuid(0, 0, 0) == 0)
        return fault_set(fault, FAULT_internal, "root could be regained");
    return true;
}

static bool clear_capabilities(struct fault *fault)
{
    cap_t none = cap_init();

    if (!none)
        return fault_set(fault, FAULT_internal, "cap_init: %s", strerror(errno));
    bool cleared = cap_set_proc(none) == 0;
    int error = errno;
    (void) cap_free(none);
    if (!cleared)
        return fault_set(fault, FAULT_internal, "clear capabilities: %s", strerror(error));
    (void) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);    /* checked below */
    return true;
}

static bool check_capabilities(struct fault *fault)
{
    cap_t held = cap_get_proc();
    cap_t none = cap_init();
    bool is_empty = held && none && cap_compare(held, none) == 0;

    if (held)
        (void) cap_free(held);
    if (none)
        (void) cap_free(none);
    if (!is_empty)
        return fault_set(fault, FAULT_internal, "capabilities are left after the drop");
    for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
            return fault_set(fault, FAULT_internal, "ambient capability %d is left", (int)cap);
    return true;
}

static bool forbid_new_privileges(struct fault *fault)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fault_set(fault, FAULT_internal, "no_new_privs: %s", strerror(errno));
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return fault_set(fault, FAULT_internal, "no_new_privs is not set");
    return true;
}

bool identity_drop(uid_t uid, gid_t gid, struct fault *fault)
{
    if (uid == 0 || gid == 0)
        return fault_set(fault, FAULT_internal, "dropping to root drops nothing");
    return drop_bounding_set(fault) && drop_ids(uid, gid, fault) && check_ids(uid, gid, fault) &&
           clear_capabilities(fault) && check_capabilities(fault) && forbid_new_privileges(fault);
}

bool identity_become_role(const char *user, struct fault *fault)
{
    uid_t uid;
    gid_t gid;

    if (geteuid() != 0)
        return forbid_new_privileges(fault);
    if (!identity_find(user, &uid, &gid, fault) || !identity_drop(uid, gid, fault))
        return fault_while(fault, "become '%s'", user);
    return true;
}
