/* origin.c - which pages may use this API from a browser, and the answers to preflights.
 *
 * A write from a page that may not is refused, not merely hidden from it: browsers send simple
 * requests without asking. The request's own origin always may; `null` (sandboxed frames, files)
 * never; a preview's origin is another one, so apps may not.
 */
#include "gateway/pipeline.h"

enum { REQUESTED_HEADERS_OCTETS_MAX = 1000 };

/* Scheme and host the caller used to get here. */
static bool is_own(const struct exchange *exchange, const struct origin *origin)
{
    char own_text[ORIGIN_SIZE];
    struct origin own;
    size_t scheme = exchange->is_https ? strlen("https://") : strlen("http://");

    if (exchange->host.size == 0 || exchange->host.size + scheme >= sizeof own_text)
        return false;
    memcpy(own_text, exchange->is_https ? "https://" : "http://", scheme);
    memcpy(own_text + scheme, exchange->host.at, exchange->host.size);
    return origin_parse((struct text){own_text, scheme + exchange->host.size}, &own) &&
           strcmp(own.text, origin->text) == 0;
}

/* http://localhost and http://127.0.0.1, any port. */
static bool is_local(const struct origin *origin)
{
    static const char *const locals[] = {"http://localhost", "http://127.0.0.1"};

    for (size_t i = 0; i < sizeof locals / sizeof *locals; i++) {
        size_t size = strlen(locals[i]);

        if (strncmp(origin->text, locals[i], size) == 0 &&
            (origin->text[size] == '\0' || origin->text[size] == ':'))
            return true;
    }
    return false;
}

static bool is_listed(const struct config *config, const struct origin *origin)
{
    for (uint32_t i = 0; i < config->allowed_count; i++)
        if (strcmp(config->allowed[i].text, origin->text) == 0)
            return true;
    return false;
}

static bool is_allowed(const struct exchange *exchange, struct text header)
{
    const struct config *config = &exchange->gateway->config;
    struct origin origin;

    if (!origin_parse(header, &origin))
        return false;
    return is_own(exchange, &origin) || is_listed(config, &origin) ||
           (!config->is_production && is_local(&origin));
}

/* Header names, commas and blanks: what may be reflected. */
static bool is_header_list(struct text list)
{
    struct text item;

    if (list.size > REQUESTED_HEADERS_OCTETS_MAX)
        return false;
    while (header_item(&list, &item))
        if (!text_is_token(item))
            return false;
    return true;
}

static bool answer_preflight(struct exchange *exchange, struct fault *fault)
{
    struct answer *answer = &exchange->answer;
    struct text wanted = request_header(exchange, "access-control-request-headers");

    if (wanted.at && !is_header_list(wanted))
        return fault_set(fault, FAULT_bad_request, "Access-Control-Request-Headers is no list of "
                                                   "header names");
    answer_header(answer, "Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE");
    if (wanted.at)
        answer_header(answer, "Access-Control-Allow-Headers", "%.*s", TEXT_ARGS(wanted));
    answer_header(answer, "Vary", "Origin, Access-Control-Request-Headers");
    answer_with(answer, 200, NULL, (struct text){NULL, 0});
    return true;
}

/* A browser names no origin with a plain GET, but it says whose page asks. A page of an app must not
 * use up what its owner may do, nor make archives in its owner's name. */
bool check_site(struct exchange *exchange, struct fault *fault)
{
    struct text site = request_header(exchange, "sec-fetch-site");
    struct text origin = request_header(exchange, "origin");

    if (exchange->is_write || exchange->route->rate == FAMILY_none || !site.at ||
        text_is(site, "same-origin") || text_is(site, "none") ||
        (origin.at && is_allowed(exchange, origin)))
        return true;
    return fault_set(fault, FAULT_origin_refused, "a page of another origin asks; open the address "
                                                  "itself");
}

bool check_origin(struct exchange *exchange, struct fault *fault)
{
    struct text origin = request_header(exchange, "origin");
    bool is_preflight = origin.at && text_is(exchange->request->verb, "OPTIONS") &&
                        request_header(exchange, "access-control-request-method").at;
    bool allowed = origin.at && is_allowed(exchange, origin);

    if (allowed) {
        answer_header(&exchange->answer, "Access-Control-Allow-Origin", "%.*s",
                      TEXT_ARGS(origin));
        answer_header(&exchange->answer, "Access-Control-Allow-Credentials", "true");
    }
    if (allowed && is_preflight)
        return answer_preflight(exchange, fault);
    answer_header(&exchange->answer, "Vary", "Origin, Accept, Accept-Encoding");
    if (origin.at && !allowed && (is_preflight || exchange->is_write))
        return fault_set(fault, FAULT_origin_refused, "an origin that is not allowed");
    return true;
}
