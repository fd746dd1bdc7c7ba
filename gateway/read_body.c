/* read_body.c - the body, up to the route's limit: refused by its announced length before an
 * octet is read, and while reading when it comes in chunks.
 *
 * All bodies in memory at once are bounded too, so that many callers cannot do together what
 * one may not.
 */
#include <stdlib.h>

#include "bus/clock.h"
#include "gateway/pipeline.h"

enum {
    BODY_MS_MAX = 15000,
    BODY_CHUNK_OCTETS = 65536,
};
#define BODIES_OCTETS_MAX INT64_C(268435456)    /* of all requests together */

static int64_t limit_of(const struct exchange *exchange)
{
    const struct gateway_settings *settings = &exchange->gateway->settings;

    switch (exchange->route->body) {
    case FAMILY_apps:    return (int64_t)settings->apps_body_bytes_max;
    case FAMILY_sandbox: return (int64_t)settings->sandbox_body_bytes_max;
    case FAMILY_planner: return (int64_t)settings->planner_body_bytes_max;
    default:             return 0;
    }
}

/* Make room for `size` octets more. */
static bool reserve(struct exchange *exchange, int64_t size, struct fault *fault)
{
    int64_t before = atomic_fetch_add(&exchange->gateway->body_octets, size);

    exchange->body_reserved += size;
    if (before + size > BODIES_OCTETS_MAX) {
        (void) fault_set(fault, FAULT_overloaded, "too many request bodies at once");
        return fault_retry_after(fault, 1000);
    }
    char *larger = realloc(exchange->body_octets, (size_t)exchange->body_reserved);
    if (!larger)
        return fault_set(fault, FAULT_overloaded, "no memory for a body");
    exchange->body_octets = larger;
    return true;
}

static bool too_large(int64_t limit, struct fault *fault)
{
    return fault_set(fault, FAULT_too_large, "the body is larger than %lld octets",
                     (long long)limit);
}

static bool is_broken(struct fault *fault)
{
    return fault_set(fault, FAULT_bad_request, "the body is shorter than announced, broken, or "
                                               "did not come within %d seconds",
                     BODY_MS_MAX / 1000);
}

static bool read_announced(struct exchange *exchange, int64_t size, int64_t deadline_ms,
                           struct fault *fault)
{
    int64_t got = 0;

    if (!reserve(exchange, size, fault))
        return false;
    while (got < size) {
        int more = http_read(exchange->http, exchange->body_octets + got, (size_t)(size - got),
                             deadline_ms);

        if (more <= 0)
            return is_broken(fault);
        got += more;
    }
    exchange->body = (struct text){exchange->body_octets, (size_t)size};
    return true;
}

static bool read_chunks(struct exchange *exchange, int64_t limit, int64_t deadline_ms,
                        struct fault *fault)
{
    int64_t got = 0;

    for (;;) {
        if (got + BODY_CHUNK_OCTETS > exchange->body_reserved &&
            !reserve(exchange, exchange->body_reserved + BODY_CHUNK_OCTETS, fault))
            return false;
        int more = http_read(exchange->http, exchange->body_octets + got, BODY_CHUNK_OCTETS,
                             deadline_ms);
        if (more < 0)
            return is_broken(fault);
        got += more;
        if (got > limit)
            return too_large(limit, fault);
        if (more == 0)
            break;
    }
    exchange->body = (struct text){exchange->body_octets, (size_t)got};
    return true;
}

static bool answer_expectation(struct exchange *exchange, struct fault *fault)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct text expect = request_header(exchange, "expect");
    struct iovec part = {(void *)(uintptr_t)go_on, sizeof go_on - 1};

    if (!expect.at)
        return true;
    if (!text_equals_nocase(expect, "100-continue"))
        return fault_set(fault, FAULT_bad_request, "an expectation that is not 100-continue");
    return http_write(exchange->http, &part, 1, clock_now_ms() + BODY_MS_MAX) ||
           fault_set(fault, FAULT_bad_request, "the caller is gone");
}

static bool check_type(const struct exchange *exchange, struct fault *fault)
{
    struct text type = request_header(exchange, "content-type");
    const char *semicolon = type.size > 0 ? memchr(type.at, ';', type.size) : NULL;

    if (semicolon)
        type.size = (size_t)(semicolon - type.at);
    type = text_without_blanks(type);
    if (text_equals_nocase(type, "application/json") ||
        text_equals_nocase(type, "application/msgpack"))
        return true;
    return fault_set(fault, FAULT_wrong_type, "a body of another type");
}

bool read_body(struct exchange *exchange, struct fault *fault)
{
    int64_t size = exchange->request->framing.body_octets;
    int64_t limit = limit_of(exchange);
    int64_t deadline_ms = clock_now_ms() + BODY_MS_MAX;

    if (size == 0)
        return true;
    if (exchange->route->body == FAMILY_none)
        return fault_set(fault, FAULT_bad_request, "this route takes no body");
    if (!check_type(exchange, fault))
        return false;
    if (size > limit)
        return too_large(limit, fault);
    if (!answer_expectation(exchange, fault))
        return false;
    return size == BODY_CHUNKED ? read_chunks(exchange, limit, deadline_ms, fault)
                                : read_announced(exchange, size, deadline_ms, fault);
}
