/* openapi.h - the contract as OpenAPI 3.1 says it.
 *
 * Source:   OpenAPI Specification 3.1.0, RFC 9457 (problem details).
 * Borrows:  the routes, during the call.
 * Gives:    one JSON document on `out`, a line per operation and schema so that it can be compared.
 * Fails as: nothing; the caller asks ferror(out).
 */
#ifndef ISEKAI_SCHEMAS_OPENAPI_H
#define ISEKAI_SCHEMAS_OPENAPI_H

#include <stdio.h>

#include "schemas/method.h"

/* One route of HTTP. Fields of the request that stand in the path as {appId} are path parameters,
 * if_match is a header, those that the query lists are the query, the others the body. */
struct openapi_route {
    const char *verb;               /* "POST" */
    const char *path;               /* "/api/apps/{appId}" */
    const struct method *method;    /* NULL: no bus call stands behind it */
    int status;                     /* of success */
    const char *query;              /* wire names, space separated; what is no field is a flag */
    const char *types;              /* of octets that are no message, space separated; NULL: none */
    const char *doc;
};

void openapi_print(FILE *out, const struct openapi_route *routes, size_t route_count);

/* One message as the schema of a JSON object. `without` may be NULL; fields whose wire name stands
 * in it as {name}, and if_match, are left out. */
void openapi_print_message(FILE *out, const struct message *message, const char *without);
void openapi_print_field(FILE *out, const struct field *field);
void openapi_print_text(FILE *out, const char *text);

/* Does {wireName} of this field stand in the path? */
bool openapi_is_in_path(const struct field *field, const char *path);

/* Does any method ask with this message, or with one that holds it? */
bool openapi_is_asked(const struct message *message);

#endif
