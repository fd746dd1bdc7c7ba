/* identity.h - giving up privilege, and proving it.
 *
 * Fails as: internal, naming the step. A call that returned 0 is a claim, not a fact: the kernel
 *           is asked afterwards. Call before any thread is started: ids are per thread in Linux and
 *           glibc's set*id would have to interrupt the others.
 */
#ifndef ISEKAI_BUS_IDENTITY_H
#define ISEKAI_BUS_IDENTITY_H

#include <sys/types.h>

#include "schemas/fault.h"

/* Look the system user up; not_found tells how to make it. */
bool identity_find(const char *user, uid_t *uid, gid_t *gid, struct fault *fault);

/* Become uid:gid for good: groups, gid, uid, every capability set, no_new_privs. */
bool identity_drop(uid_t uid, gid_t gid, struct fault *fault);

/* As root: drop to `user`. Else: only no_new_privs. */
bool identity_become_role(const char *user, struct fault *fault);

#endif
