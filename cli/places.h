/* places.h - the directories of one host's roles, with the right owners, and the lock on them.
 *
 * Owns:     places_open() holds the lock by a descriptor; places_close() gives it up and removes
 *           the run directory's sockets.
 * Fails as: conflict (another `isekai up` uses this data directory), internal with the step and
 *           what to do.
 */
#ifndef ISEKAI_CLI_PLACES_H
#define ISEKAI_CLI_PLACES_H

#include "bus/settings.h"

struct places { int data; int run; int lock; };

bool places_open(const struct bus_settings *bus, struct places *out, struct fault *fault);
void places_close(struct places *self, const struct bus_settings *bus);

#endif
