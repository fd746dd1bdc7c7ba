/* openapi.c - the rows of routes.def, in the shape schemas/openapi.h prints. */
#include "gateway/openapi.h"

#include <stdlib.h>

#include "gateway/routes.h"
#include "schemas/openapi.h"

void openapi_print_routes(FILE *out)
{
    struct openapi_route rows[ROUTES_MAX];

    for (uint32_t i = 0; i < route_count; i++)
        rows[i] = (struct openapi_route){.verb = verb_name(routes[i].verb),
                                         .path = routes[i].path,
                                         .method = routes[i].method,
                                         .status = routes[i].status,
                                         .query = routes[i].query,
                                         .types = routes[i].types,
                                         .doc = routes[i].doc};
    openapi_print(out, rows, route_count);
}

bool openapi_text(struct text *out)
{
    char *octets = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&octets, &size);

    if (!file)
        return false;
    openapi_print_routes(file);
    if (fclose(file) != 0) {
        free(octets);
        return false;
    }
    *out = (struct text){octets, size};
    return true;
}
