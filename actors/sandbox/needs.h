/* needs.h - is there what package.json's `dependencies` ask for, or has it to be installed?
 *
 * A need is met by the app's own files below node_modules/, which node looks at first, or by one of
 * the host's modules whose version lies in the range. When one is not, all of them are installed, so
 * that one lock says what the app runs with.
 *
 * Borrows:  all, during the call.
 * Gives:    *to_install: all dependencies as canonical JSON in the arena; size 0: all are met.
 * Fails as: start_failed, naming the first need that nothing meets and what there is, or what cannot be
 *           installed; internal.
 */
#ifndef ISEKAI_SANDBOX_NEEDS_H
#define ISEKAI_SANDBOX_NEEDS_H

#include "actors/sandbox/modules.h"
#include "schemas/arena.h"
#include "schemas/message.h"

enum { NEEDS_MAX = 100 };           /* that are installed */

/* to_install NULL: installing is off. */
bool needs_check(const struct modules *modules, struct files files, struct arena *arena,
                 struct text *to_install, struct fault *fault);

#endif
