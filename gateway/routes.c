/* routes.c - the rows of routes.def, and finding the one a request means. */
#include "gateway/routes.h"

#include "gateway/local.h"

const struct route routes[] = {
#define ROUTE(verb, path, method, body, rate, status, query, doc)                               \
    {VERB_##verb, path, &method_##method, NULL, NULL, NULL, FAMILY_##body, FAMILY_##rate,       \
     status, query, doc},
#define PIECES(verb, path, method, rate, function, types, query, doc)                           \
    {VERB_##verb, path, &method_##method, NULL, function, types, FAMILY_none, FAMILY_##rate,    \
     200, query, doc},
#define LOCAL(verb, path, function, doc)                                                        \
    {VERB_##verb, path, NULL, function, NULL, NULL, FAMILY_none, FAMILY_none, 200, "", doc},
#include "gateway/routes.def"
};
const uint32_t route_count = sizeof routes / sizeof *routes;
_Static_assert(sizeof routes / sizeof *routes <= ROUTES_MAX, "metrics have ROUTES_MAX rows");

const char *verb_name(enum verb verb)
{
    static const char *const names[VERBS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

    return names[verb];
}

static bool verb_is(enum verb verb, struct text name)
{
    return text_is(name, verb_name(verb)) || (verb == VERB_GET && text_is(name, "HEAD"));
}

static size_t segment_size(const char *at, const char *end)
{
    const char *slash = memchr(at, '/', (size_t)(end - at));

    return slash ? (size_t)(slash - at) : (size_t)(end - at);
}

/* Segment by segment; `{name}` takes any one that is not empty. */
static bool matches(const char *pattern, struct text path, struct text params[ROUTE_PARAMS_MAX])
{
    const char *pattern_end = pattern + strlen(pattern);
    const char *at = path.at, *end = path.at + path.size;
    uint32_t count = 0;

    for (;;) {
        size_t want = segment_size(pattern, pattern_end), have = segment_size(at, end);

        if (*pattern == '{' && count < ROUTE_PARAMS_MAX && have > 0)
            params[count++] = (struct text){at, have};
        else if (want != have || memcmp(pattern, at, want) != 0)
            return false;
        pattern += want;
        at += have;
        if (pattern == pattern_end || at == end)
            return pattern == pattern_end && at == end;
        pattern++;
        at++;
    }
}

const struct route *route_find(struct text verb, struct text path,
                               struct text params[ROUTE_PARAMS_MAX], uint32_t *allowed)
{
    struct text found[ROUTE_PARAMS_MAX] = {{NULL, 0}};

    *allowed = 0;
    for (uint32_t i = 0; i < route_count; i++) {
        if (!matches(routes[i].path, path, found))
            continue;
        if (verb_is(routes[i].verb, verb)) {
            memcpy(params, found, sizeof found);
            return &routes[i];
        }
        *allowed |= 1u << routes[i].verb;
    }
    return NULL;
}

struct text route_param_name(const struct route *route, uint32_t n)
{
    const char *at = route->path;

    for (uint32_t i = 0; (at = strchr(at, '{')) != NULL; i++) {
        const char *end = strchr(++at, '}');

        if (i == n)
            return (struct text){at, (size_t)(end - at)};
    }
    return (struct text){NULL, 0};
}

bool route_has_query(const struct route *route, struct text name)
{
    const char *at = route->query;

    while (*at) {
        size_t size = strcspn(at, " ");

        if (name.size == size && memcmp(name.at, at, size) == 0)
            return true;
        at += size + (at[size] == ' ');
    }
    return false;
}
