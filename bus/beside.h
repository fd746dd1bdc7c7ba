/* beside.h - files found from where this program lies, so that an installed tree can be moved.
 *
 * Fails as: internal, when where the program lies is not known or the path is too long.
 */
#ifndef ISEKAI_BUS_BESIDE_H
#define ISEKAI_BUS_BESIDE_H

#include <limits.h>

#include "schemas/fault.h"

/* `relative` from the program's directory; it need not exist. */
bool beside_program(const char *relative, char out[PATH_MAX], struct fault *fault);

#endif
