/* needs.h - is there what package.json's `dependencies` ask for?
 *
 * A need is met by the app's own files below node_modules/, which node looks at first, or by one of
 * the host's modules whose version lies in the range.
 *
 * Borrows:  all, during the call.
 * Fails as: start_failed, naming the first need that nothing meets and what there is.
 */
#ifndef ISEKAI_SANDBOX_NEEDS_H
#define ISEKAI_SANDBOX_NEEDS_H

#include "actors/sandbox/modules.h"
#include "schemas/message.h"

bool needs_check(const struct modules *modules, struct files files, struct fault *fault);

#endif
