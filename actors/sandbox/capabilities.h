/* capabilities.h - a root sandbox keeps only what it uses.
 *
 * Fails as: internal. Call before any thread is started: the sets are per thread. Asks the kernel
 *           afterwards. Not root: only no_new_privs.
 */
#ifndef ISEKAI_SANDBOX_CAPABILITIES_H
#define ISEKAI_SANDBOX_CAPABILITIES_H

#include "schemas/fault.h"

bool capabilities_keep_used(struct fault *fault);

/* Whether this process may look which files an app holds open; after the call above. */
bool capabilities_see_open_files(void);

#endif
