/* landlock.h - giving up the file system: what the gateway needs of it is open by then. */
#ifndef ISEKAI_GATEWAY_LANDLOCK_H
#define ISEKAI_GATEWAY_LANDLOCK_H

#include "schemas/fault.h"

/* From now on this thread, and every thread and process it starts, opens, makes, changes and runs no
 * file; only the process's own entry under /proc may be read, which census.c does. Descriptors stay,
 * O_PATH still walks, UNIX sockets can still be connected to. Needs no_new_privs; for good.
 * `is_on` is false where the kernel has no Landlock: that is no fault, and the caller's to tell.
 * Fails as: internal, naming the step. */
bool landlock_give_up_files(bool *is_on, struct fault *fault);

#endif
