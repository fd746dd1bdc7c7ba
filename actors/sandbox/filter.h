/* filter.h - the seccomp program of apps, made from seccomp.def.
 *
 * Gives:    filter_make() gives a sealed memfd holding the program (struct sock_filter[]), which
 *           the caller closes. It may be read from any number of cages at once.
 * Fails as: internal (libseccomp refused a row).
 */
#ifndef ISEKAI_SANDBOX_FILTER_H
#define ISEKAI_SANDBOX_FILTER_H

#include <stdint.h>

#include "schemas/fault.h"

bool filter_make(int *out, struct fault *fault);

/* The name of a system call of this machine that has a row which refuses it; NULL: it has none. */
const char *filter_refused_name(uint32_t call);

#endif
