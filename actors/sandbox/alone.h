/* alone.h - one sandbox for each host: two of one name would share its apps between them.
 *
 * Asks the bus whether somebody serves this node already. One that was killed may still be known to the
 * broker, and is found out by its silence. Where no broker answers nobody can be asked, and it passes.
 *
 * Fails as: conflict.
 * Threads:  any.
 */
#ifndef ISEKAI_SANDBOX_ALONE_H
#define ISEKAI_SANDBOX_ALONE_H

#include "bus/settings.h"
#include "schemas/fault.h"

enum { ALONE_ASK_MS = 1000 };

bool alone_on_node(const struct bus_settings *bus, struct fault *fault);

#endif
