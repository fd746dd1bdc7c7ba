/* gzip.h - large JSON answers, packed for those who accept it.
 *
 * Sources:  RFC 9110 sections 8.4.1.3 and 12.5.3, RFC 1952.
 */
#ifndef ISEKAI_GATEWAY_GZIP_H
#define ISEKAI_GATEWAY_GZIP_H

#include <msgpack.h>

#include "schemas/fault.h"
#include "schemas/text.h"

enum { GZIP_OCTETS_MIN = 4096 };    /* a smaller answer costs more to pack than to send */

/* Does this Accept-Encoding take gzip? An absent one does not. */
bool gzip_is_accepted(struct text accept_encoding);

/* Append `plain`, packed, to out. Fails as: internal, for lack of memory; out is then to be cleared. */
bool gzip_write(struct text plain, msgpack_sbuffer *out, struct fault *fault);

#endif
