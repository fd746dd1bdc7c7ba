/* call_actor.c - one bus call with one deadline; or the route's own answer.
 *
 * What an actor says beside its fault (broken fields, the log of an app that did not come up)
 * is kept for the answer.
 */
#include "bus/clock.h"
#include "gateway/logs_follow.h"
#include "gateway/pipeline.h"
#include "schemas/scan.h"

/* The version of an App, taken from its top level without decoding its files. */
static bool version_of(struct text packed, uint64_t *version)
{
    struct fault ignored;
    msgpack_unpacked unpacked;
    size_t at = 1;
    uint32_t pairs;
    const unsigned char *octets = (const unsigned char *)packed.at;

    if (packed.size < 1 || (octets[0] & 0xf0) != 0x80)
        return false;       /* an App has fewer than 16 fields */
    pairs = octets[0] & 0x0f;
    for (uint32_t i = 0; i < pairs * 2; i++) {
        struct text rest = {packed.at + at, packed.size - at};
        size_t size = scan_first(rest, SCAN_DEPTH_MAX, SCAN_NODES_MAX, &ignored);

        if (size == 0)
            return false;
        at += size;
        if (i % 2 == 1 || !text_equals((struct text){rest.at, size}, TEXT_OF("\xa7version")))
            continue;
        size_t offset = 0;
        msgpack_unpacked_init(&unpacked);
        bool is_count = msgpack_unpack_next(&unpacked, packed.at + at, packed.size - at,
                                            &offset) >= MSGPACK_UNPACK_SUCCESS &&
                        unpacked.data.type == MSGPACK_OBJECT_POSITIVE_INTEGER;
        *version = is_count ? unpacked.data.via.u64 : 0;
        msgpack_unpacked_destroy(&unpacked);
        return is_count;
    }
    return false;
}

/* RFC 9110 section 13.1.2: weak comparison against a list, or `*`. */
static bool matches_any(struct text list, const char *etag)
{
    struct text item;

    while (header_item(&list, &item)) {
        if (item.size > 2 && item.at[0] == 'W' && item.at[1] == '/')
            item = (struct text){item.at + 2, item.size - 2};
        if (text_is(item, "*") || text_is(item, etag))
            return true;
    }
    return false;
}

static bool is_known_to_caller(struct exchange *exchange)
{
    struct text known = request_header(exchange, "if-none-match");
    char etag[32];
    uint64_t version;

    if (exchange->route->method->reply != &app_message ||
        !version_of(exchange->reply.result, &version))
        return false;
    (void) snprintf(etag, sizeof etag, "\"%llu\"", (unsigned long long)version);
    answer_header(&exchange->answer, "ETag", "%s", etag);
    return exchange->route->verb == VERB_GET && known.at && matches_any(known, etag);
}

static bool fill_answer(struct exchange *exchange, struct fault *fault)
{
    struct answer *answer = &exchange->answer;
    const struct message *message = exchange->route->method->reply;
    struct text result = exchange->reply.result;

    if (exchange->route->status == 204 || is_known_to_caller(exchange)) {
        answer_with(answer, exchange->route->status == 204 ? 204 : 304, NULL,
                    (struct text){NULL, 0});
        return true;
    }
    if (exchange->format == FORMAT_MSGPACK) {
        answer_with(answer, exchange->route->status, "application/msgpack", result);
        return true;
    }
    if (!json_from_packed(message, result, &answer->owned, fault))
        return fault_while(fault, "the answer of %s", exchange->route->method->name);
    answer_with(answer, exchange->route->status, "application/json",
                (struct text){answer->owned.data, answer->owned.size});
    return true;
}

/* The actor's whole failure, for details and log; a broken one is as good as none. */
static void keep_failure(struct exchange *exchange)
{
    struct failure *failure = arena_take(exchange->arena, sizeof *failure);
    struct fault ignored;

    if (failure && exchange->reply.failure.at &&
        message_decode(&failure_message, exchange->reply.failure, LENIENT, exchange->arena,
                       failure, NULL, &ignored))
        exchange->failure = failure;
}

bool exchange_ask(struct exchange *exchange, const struct method *method, struct text packed,
                  struct fault *fault)
{
    const struct ask ask = {.method = method,
                            .deadline_ms = clock_now_ms() + lane_deadline_ms(method->lane),
                            .request_id = exchange->request_id,
                            .traceparent = exchange->traceparent,
                            .idempotency_key = exchange->idempotency_key,
                            .principal = exchange->principal};

    pipe_reply_free(&exchange->reply);
    if (pipe_ask(exchange->gateway->pipe, &ask, packed, &exchange->reply, fault))
        return true;
    keep_failure(exchange);
    return false;
}

bool call_actor(struct exchange *exchange, struct fault *fault)
{
    const struct route *route = exchange->route;

    if (route->local) {
        route->local(exchange);
        return true;
    }
    if (exchange->is_follow)
        return logs_follow(exchange, fault);
    return exchange_ask(exchange, route->method,
                        (struct text){exchange->packed.data, exchange->packed.size}, fault) &&
           fill_answer(exchange, fault);
}
