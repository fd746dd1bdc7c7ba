/* health.h - ask the gateway, as any client would, whether the service is well.
 *
 * Borrows:  "ADDR:PORT" of its listener.
 * Units:    connecting, sending and reading each wait 500 ms at most.
 */
#ifndef ISEKAI_CLI_HEALTH_H
#define ISEKAI_CLI_HEALTH_H

#include <stdbool.h>

bool health_is_ok(const char *listen);

#endif
