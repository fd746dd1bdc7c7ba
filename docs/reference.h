/* reference.h - the tables of the product as pages for people: docs/reference, never edited.
 *
 * Gives:    one page on `out`, the same at every call.
 * Fails as: nothing; the caller asks ferror(out).
 */
#ifndef ISEKAI_DOCS_REFERENCE_H
#define ISEKAI_DOCS_REFERENCE_H

#include <stdio.h>

void print_openapi(FILE *out);      /* openapi.json */
void print_routes(FILE *out);       /* routes.md */
void print_methods(FILE *out);      /* methods.md: and every message */
void print_settings(FILE *out);     /* settings.md */
void print_faults(FILE *out);       /* faults.md */

#endif
