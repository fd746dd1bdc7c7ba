/* supervised.h - a role that `isekai up` started ends when `isekai up` is gone.
 *
 * Call in main after the identity was taken, for the kernel forgets the wish when ids change
 * (prctl(2), PR_SET_PDEATHSIG), and before threads. Without a supervisor it does nothing.
 * Fails as: internal when the supervisor is gone already.
 */
#ifndef ISEKAI_BUS_SUPERVISED_H
#define ISEKAI_BUS_SUPERVISED_H

#include "schemas/fault.h"

#define SUPERVISOR_ENV "ISEKAI_SUPERVISOR_PID"

bool supervised_follow(struct fault *fault);

#endif
