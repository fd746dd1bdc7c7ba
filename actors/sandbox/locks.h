/* locks.h - npm's lock of each version of an app that has installed dependencies.
 *
 *   <data>/runtime/apps/{appId}/locks/{version}-{key}.json
 *
 * The file names the tree that the version runs with, and so says that this tree is in use. It goes with
 * its version.
 *
 * Borrows:  `app`, an app's directory, and all else during the call.
 * Fails as: disk_full, internal.
 * Threads:  any; one change of an app at a time.
 */
#ifndef ISEKAI_SANDBOX_LOCKS_H
#define ISEKAI_SANDBOX_LOCKS_H

#include "actors/sandbox/install_lock.h"

/* In place of what the version had. */
bool locks_put(int app, uint64_t version, const char *key, struct text lock, struct fault *fault);
bool locks_has(int app, uint64_t version, const char *key);
/* Remove those whose versions are gone. */
void locks_prune(int app);
/* The key of every one, in no order. */
void locks_each(int app, void (*each)(void *self, const char *key), void *each_self);

#endif
