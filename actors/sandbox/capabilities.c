/* capabilities.c - a root sandbox keeps only what it uses; see capabilities.h.
 *
 * bubblewrap gets none of these: it is started as the app's user, and a new user namespace brings
 * its own. no_new_privs keeps every program started later from getting any back.
 */
#include "actors/sandbox/capabilities.h"

#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

static const cap_value_t used[] = {
    CAP_SETUID,         /* cages are started as the app's user, */
    CAP_SETGID,         /* and its group, without ours */
    CAP_CHOWN,          /* copies of code and data belong to the app's user */
    CAP_DAC_OVERRIDE,   /* and lie in directories that only that user may enter */
    CAP_FOWNER,         /* an app may have made its directories sticky before they are removed */
    CAP_KILL,           /* apps are other users' processes */
};

/* Kept where they are held; containers often lack them. Nobody is traced: what apps hold open or mapped
 * counts as their disk, and /proc shows the one to the first of these alone, the other to both. */
static const cap_value_t seeing[] = {CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE};
enum { SEEING = sizeof seeing / sizeof *seeing };
static cap_value_t seeing_held[SEEING];
static int seeing_count;

static bool find_seeing(struct fault *fault)
{
    cap_t held = cap_get_proc();
    cap_flag_value_t value = CAP_CLEAR;

    if (!held)
        return fault_set(fault, FAULT_internal, "cap_get_proc: %s", strerror(errno));
    seeing_count = 0;
    for (int i = 0; i < SEEING; i++)
        if (cap_get_flag(held, seeing[i], CAP_PERMITTED, &value) == 0 && value == CAP_SET)
            seeing_held[seeing_count++] = seeing[i];
    (void) cap_free(held);
    return true;
}

bool capabilities_see_open_files(void)
{
    return geteuid() != 0 || (seeing_count > 0 && seeing_held[0] == CAP_SYS_PTRACE);
}

static bool is_used(cap_value_t cap)
{
    for (int i = 0; i < seeing_count; i++)
        if (seeing_held[i] == cap)
            return true;
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        if (used[i] == cap)
            return true;
    return false;
}

/* A root without CAP_SETPCAP keeps its bounding set; no_new_privs makes that harmless. */
static bool drop_bounding_set(struct fault *fault)
{
    for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
        if (!is_used(cap) && cap_drop_bound(cap) < 0 && errno != EPERM)
            return fault_set(fault, FAULT_internal, "drop capability %d: %s", (int)cap,
                             strerror(errno));
    return true;
}

static bool set_process(struct fault *fault)
{
    int count = (int)(sizeof used / sizeof *used);
    cap_t wanted = cap_init();
    bool set = wanted && cap_set_flag(wanted, CAP_PERMITTED, count, used, CAP_SET) == 0 &&
               cap_set_flag(wanted, CAP_EFFECTIVE, count, used, CAP_SET) == 0 &&
               (seeing_count == 0 ||
                (cap_set_flag(wanted, CAP_PERMITTED, seeing_count, seeing_held, CAP_SET) == 0 &&
                 cap_set_flag(wanted, CAP_EFFECTIVE, seeing_count, seeing_held, CAP_SET) == 0)) &&
               cap_set_proc(wanted) == 0;
    int error = errno;

    if (wanted)
        (void) cap_free(wanted);
    return set || fault_set(fault, FAULT_internal, "keep only the capabilities in use: %s",
                            strerror(error));
}

static bool check_process(struct fault *fault)
{
    cap_t held = cap_get_proc();
    cap_flag_value_t value;

    if (!held)
        return fault_set(fault, FAULT_internal, "cap_get_proc: %s", strerror(errno));
    bool is_right = true;
    for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
        is_right &= cap_get_flag(held, cap, CAP_PERMITTED, &value) == 0 &&
                    (value == CAP_SET) == is_used(cap);
    (void) cap_free(held);
    return is_right || fault_set(fault, FAULT_internal, "other capabilities are held than kept");
}

bool capabilities_keep_used(struct fault *fault)
{
    if (geteuid() == 0 && !(find_seeing(fault) && drop_bounding_set(fault) && set_process(fault) && check_process(fault)))
        return false;
    (void) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return fault_set(fault, FAULT_internal, "no_new_privs is not set");
    return true;
}
