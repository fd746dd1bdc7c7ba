/* security_headers.h - the headers that every answer carries, printed once at the start.
 *
 * Owns:     the texts are plain arrays in the struct.
 * Fails as: internal when a value does not fit its place.
 */
#ifndef ISEKAI_GATEWAY_SECURITY_HEADERS_H
#define ISEKAI_GATEWAY_SECURITY_HEADERS_H

#include "gateway/config.h"

enum { FIXED_HEADERS_SIZE = 2048 };

/* Whom an answer is for decides its Content-Security-Policy and who may frame it. */
enum audience { FOR_API, FOR_STUDIO, FOR_PREVIEW_PAGE, AUDIENCES };

struct fixed_headers {
    char text[AUDIENCES][2][FIXED_HEADERS_SIZE];    /* [audience][https] */
    size_t size[AUDIENCES][2];
    char additional[FIXED_HEADERS_SIZE];            /* in civetweb's form: no CR LF at the end */
};

bool security_headers_print(const struct config *config, const char *x_xss_protection,
                            struct fixed_headers *out, struct fault *fault);

#endif
