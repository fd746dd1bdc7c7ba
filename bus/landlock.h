/* landlock.h - a process gives up the file system for itself, but for the few files it names.
 *
 * Borrows:  the wish, during the call.
 * Fails as: internal, naming the step; what was given up by then stays given up, the caller ends.
 * Threads:  it holds for the calling thread and all that it starts from then on, and for good.
 * Sources:  Linux kernel, Documentation/userspace-api/landlock.rst.
 */
#ifndef ISEKAI_BUS_LANDLOCK_H
#define ISEKAI_BUS_LANDLOCK_H

#include <stddef.h>

#include "schemas/fault.h"

/* What may still be read: a file, or what is below a directory. A link is followed once, now: the rule
 * is the file's, not the name's, and another file that gets the name later is not kept. */
struct landlock_kept {
    const char *path;
    bool is_listed;             /* directories too: their names can be read */
    bool is_optional;           /* without a fault where it is not there */
};

struct landlock_wish {
    const struct landlock_kept *kept;
    size_t count;
    bool keeps_to_itself;       /* from version 4 on it binds no TCP port, from 6 on it signals nobody
                                 * outside and connects to no abstract socket there */
};

/* Its version in this kernel; 0: not built in, or switched off at boot. */
unsigned landlock_version(void);

/* From now on no file is opened, made, changed or run but what is kept. Descriptors stay, O_PATH and
 * stat still walk, UNIX sockets of a path can still be connected to. Needs no_new_privs.
 * `is_on` is false where the kernel has no Landlock: that is no fault, and the caller's to tell. */
bool landlock_give_up(const struct landlock_wish *wish, bool *is_on, struct fault *fault);

#endif
