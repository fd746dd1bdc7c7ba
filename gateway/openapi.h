/* openapi.h - this gateway's routes as an OpenAPI 3.1 document.
 *
 * Gives:    octets that the caller frees.
 * Fails as: false when there is no memory.
 */
#ifndef ISEKAI_GATEWAY_OPENAPI_H
#define ISEKAI_GATEWAY_OPENAPI_H

#include <stdio.h>

#include "schemas/text.h"

void openapi_print_routes(FILE *out);
bool openapi_text(struct text *out);

#endif
