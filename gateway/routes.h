/* routes.h - the rows of routes.def, and finding the one a request means.
 *
 * Borrows:  the path; params point into it, still percent-encoded.
 * Constant; any thread.
 */
#ifndef ISEKAI_GATEWAY_ROUTES_H
#define ISEKAI_GATEWAY_ROUTES_H

#include "schemas/method.h"

struct exchange;

enum { ROUTE_PARAMS_MAX = 2, ROUTES_MAX = 64 };

enum verb { VERB_GET, VERB_POST, VERB_PUT, VERB_PATCH, VERB_DELETE, VERBS };

/* Whose limits hold for a body or a write. */
enum family { FAMILY_none, FAMILY_apps, FAMILY_sandbox, FAMILY_planner, FAMILIES };

typedef void local_answer(struct exchange *exchange);
typedef bool send_pieces(struct exchange *exchange, struct fault *fault);

struct route {
    enum verb verb;
    const char *path;                   /* "/api/apps/{appId}" */
    const struct method *method;        /* NULL: local */
    local_answer *local;
    send_pieces *send;                  /* NULL: the method's reply is the answer */
    const char *types;                  /* of what `send` sends, space separated */
    enum family body, rate;
    int status;                         /* of success */
    const char *query;                  /* wire names, space separated */
    const char *doc;
};

extern const struct route routes[];
extern const uint32_t route_count;

const char *verb_name(enum verb verb);

/* The row of that verb and path (HEAD is GET). NULL when there is none; then *allowed has a bit
 * for each verb that the path does have, and is 0 when the path is unknown. */
const struct route *route_find(struct text verb, struct text path,
                               struct text params[ROUTE_PARAMS_MAX], uint32_t *allowed);

/* The name of a route's nth parameter: "appId"; absent when it has fewer. */
struct text route_param_name(const struct route *route, uint32_t n);

/* Does the route's query list this wire name? */
bool route_has_query(const struct route *route, struct text name);

#endif
