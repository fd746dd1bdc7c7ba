/* find_route.c - which row of routes.def a request means; 404, 405 and 406. */
#include <stdio.h>

#include "gateway/pipeline.h"

static void allow_header(struct exchange *exchange, uint32_t allowed)
{
    char list[64] = "";
    size_t size = 0;

    for (int verb = 0; verb < VERBS; verb++) {
        if (!(allowed & (1u << verb)))
            continue;
        const char *name = verb == VERB_GET ? "GET, HEAD" : verb_name((enum verb)verb);
        size_t more = strlen(name);

        if (size > 0) {
            memcpy(list + size, ", ", 2);
            size += 2;
        }
        memcpy(list + size, name, more + 1);
        size += more;
    }
    answer_header(&exchange->answer, "Allow", "%s", list);
}

bool find_route(struct exchange *exchange, struct fault *fault)
{
    const struct http_request *request = exchange->request;
    uint32_t allowed;

    exchange->route = route_find(request->verb, request->path, exchange->params, &allowed);
    if (exchange->route)
        return true;
    if (allowed == 0)
        return fault_set(fault, FAULT_no_such_route, "no such path");
    allow_header(exchange, allowed);
    return fault_set(fault, FAULT_wrong_verb, "no such verb here");
}

static int quality_of(struct text accept, const char *type)
{
    struct text item;
    int exact = -1, family = -1, any = -1;

    while (header_item(&accept, &item)) {
        struct text name = header_item_name(item);
        if (text_equals_nocase(name, type))
            exact = header_item_quality(item);
        else if (text_equals_nocase(name, "application/*"))
            family = header_item_quality(item);
        else if (text_equals_nocase(name, "*/*"))
            any = header_item_quality(item);
    }
    return exact >= 0 ? exact : family >= 0 ? family : any >= 0 ? any : 0;
}

static bool accepts_any(struct text accept, const char *types)
{
    char type[64];

    for (const char *at = types; *at; at += strcspn(at, " "), at += *at == ' ') {
        (void) snprintf(type, sizeof type, "%.*s", (int)strcspn(at, " "), at);
        if (quality_of(accept, type) > 0)
            return true;
    }
    return false;
}

bool check_accept(struct exchange *exchange, struct fault *fault)
{
    struct text accept = request_header(exchange, "accept");

    exchange->format = FORMAT_JSON;
    if (!accept.at || accept.size == 0 || exchange->route->local)
        return true;
    if (exchange->route->types)
        return accepts_any(accept, exchange->route->types) ||
               fault_set(fault, FAULT_not_acceptable, "nothing the caller accepts");

    int json = quality_of(accept, "application/json");
    int msgpack = quality_of(accept, "application/msgpack");
    if (msgpack > json)
        exchange->format = FORMAT_MSGPACK;
    if (json == 0 && msgpack == 0 && quality_of(accept, "text/event-stream") == 0)
        return fault_set(fault, FAULT_not_acceptable, "nothing the caller accepts");
    return true;
}
