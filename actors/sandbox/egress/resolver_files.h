/* resolver_files.h - the files that names are resolved by: all of the file system that the proxy keeps.
 *
 * Landlock's rules are tied to files, not to names. One that is put in the place of another, as
 * resolv.conf is when a host changes its network, cannot be read by a proxy that began before it; one
 * that begins then can.
 * Fails as: internal.
 */
#ifndef ISEKAI_SANDBOX_EGRESS_RESOLVER_FILES_H
#define ISEKAI_SANDBOX_EGRESS_RESOLVER_FILES_H

#include <sys/types.h>

#include "schemas/fault.h"

enum { RESOLVER_FILES = 5 };

struct file_identity { dev_t device; ino_t number; };

/* What stood at each name when the others were given up. */
struct resolver_files {
    bool is_on;                 /* false: this kernel has no Landlock, and every file is in view */
    struct file_identity at[RESOLVER_FILES];
};

/* Give up all others, for good, and every TCP port that could be bound. Needs no_new_privs. */
bool resolver_files_keep(struct resolver_files *out, struct fault *fault);

/* Do the names lead to other files by now, which are out of reach? */
bool resolver_files_were_exchanged(const struct resolver_files *self);

#endif
