/* fence.h - Landlock around the app: a second layer behind the cage's mounts and namespaces.
 *
 * Fails as: false with errno; nothing is undone, the caller ends.
 * For the child that becomes the app, once, with no_new_privs set and before its seccomp filter.
 */
#ifndef ISEKAI_SANDBOX_INIT_FENCE_H
#define ISEKAI_SANDBOX_INIT_FENCE_H

#include <stdbool.h>

/* With the rights that this version of Landlock knows; 0: the kernel has none, nothing is done. */
bool fence_close(unsigned version);

#endif
