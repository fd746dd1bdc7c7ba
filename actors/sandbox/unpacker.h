/* unpacker.h - the other way of packer.h: a tar.gz in memory becomes files below a directory.
 *
 * Whatever the archive says, nothing is made outside the directory and no link is followed or made:
 * regular files and directories alone, a directory before what is in it, each name once. They are the
 * caller's own, 0600 or 0700, with the times the archive gives.
 *
 * Borrows:  the archive and the descriptor, during the call.
 * Fails as: malformed (an archive that is none, or holds anything else), too_large (more than the
 *           bounds), disk_full, internal. What was made stays for tree_empty().
 * Threads:  any.
 */
#ifndef ISEKAI_SANDBOX_UNPACKER_H
#define ISEKAI_SANDBOX_UNPACKER_H

#include "actors/sandbox/tree.h"

bool unpack(int to, struct text archive, const struct tree_bounds *bounds, struct fault *fault);

#endif
