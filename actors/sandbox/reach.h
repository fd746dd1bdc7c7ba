/* reach.h - can an app's user, who is nobody to this host, get at a path?
 *
 * `path` is absolute and without links. Directories on the way must let others pass, and so must
 * the last name, file or directory.
 * Fails as: internal, naming the directory and what to do.
 */
#ifndef ISEKAI_SANDBOX_REACH_H
#define ISEKAI_SANDBOX_REACH_H

#include "schemas/fault.h"

bool reach_check(const char *path, struct fault *fault);

#endif
