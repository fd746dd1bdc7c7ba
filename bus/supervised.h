/* supervised.h - a role that `isekai up` started ends when `isekai up` is gone, and tells it why it
 * cannot work at all.
 *
 * Call supervised_follow() in main after the identity was taken, for the kernel forgets the wish when ids change
 * (prctl(2), PR_SET_PDEATHSIG), and before threads. Without a supervisor it does nothing.
 * Fails as: internal when the supervisor is gone already.
 */
#ifndef ISEKAI_BUS_SUPERVISED_H
#define ISEKAI_BUS_SUPERVISED_H

#include "schemas/fault.h"

#define SUPERVISOR_ENV "ISEKAI_SUPERVISOR_PID"
#define SUPERVISOR_REASON_ENV "ISEKAI_SUPERVISOR_REASON"    /* a descriptor to write it to */

bool supervised_follow(struct fault *fault);

/* Say why the role ends, and give main its exit code. What no second start would change (malformed,
 * not_found, forbidden) is EXIT_CONFIG, and the supervisor is told the reason. */
int supervised_give_up(const char *role, const struct fault *fault);

#endif
