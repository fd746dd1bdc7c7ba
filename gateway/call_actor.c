/* call_actor.c - one bus call with one deadline; or the route's own answer.
 *
 * What an actor says beside its fault (broken fields, the log of an app that did not come up)
 * is kept for the answer.
 */
#include <inttypes.h>

#include "bus/clock.h"
#include "bus/packed.h"
#include "gateway/gzip.h"
#include "gateway/logs_follow.h"
#include "gateway/pipeline.h"

enum { ETAG_SIZE = 64 };

/* What tells one state of an App from the next: the store raises updatedAt with every change of its
 * row. Taken from its top level without decoding its files. */
struct stamp { uint64_t version, updated_at; };

static bool stamp_of(struct text octets, struct stamp *out)
{
    struct packed rest = packed_from(octets);
    struct text key, value;
    uint64_t fields;
    int found = 0;

    if (!packed_map(&rest, &fields))
        return false;
    for (; fields > 0; fields--) {
        if (!packed_text(&rest, &key) || !packed_value(&rest, &value))
            return false;
        struct packed number = packed_from(value);
        if (text_is(key, "version"))
            found += packed_count(&number, &out->version);
        if (text_is(key, "updatedAt"))
            found += packed_count(&number, &out->updated_at);
    }
    return found == 2;
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

/* "7.19a1b2c3d4e" for JSON, with ".m" for MessagePack, with ".z" for JSON in gzip: one tag, one run of
 * octets (RFC 9110 section 8.8.3.3). If-Match looks at the version in front alone. */
static bool write_etag(const struct exchange *exchange, char out[ETAG_SIZE])
{
    const char *form = exchange->format == FORMAT_MSGPACK ? ".m" : exchange->is_packed ? ".z" : "";
    struct stamp stamp;

    if (!stamp_of(exchange->reply.result, &stamp))
        return false;
    (void) snprintf(out, ETAG_SIZE, "\"%" PRIu64 ".%" PRIx64 "%s\"", stamp.version,
                    stamp.updated_at, form);
    return true;
}

static bool is_known_to_caller(struct exchange *exchange)
{
    struct text known = request_header(exchange, "if-none-match");
    char etag[ETAG_SIZE];

    if (exchange->route->method->reply != &app_message ||
        !write_etag(exchange, etag))
        return false;
    answer_header(&exchange->answer, "ETag", "%s", etag);
    return exchange->route->verb == VERB_GET && known.at && matches_any(known, etag);
}

/* Decided by the reply's size on the bus, which is near the JSON's: the tag comes before the body. */
static void negotiate_coding(struct exchange *exchange)
{
    exchange->is_packed = exchange->format == FORMAT_JSON &&
                          exchange->reply.result.size >= GZIP_OCTETS_MIN &&
                          gzip_is_accepted(request_header(exchange, "accept-encoding"));
}

static bool pack_answer(struct answer *answer, struct fault *fault)
{
    msgpack_sbuffer plain = answer->owned;

    msgpack_sbuffer_init(&answer->owned);
    bool packed = gzip_write((struct text){plain.data, plain.size}, &answer->owned, fault);
    msgpack_sbuffer_destroy(&plain);
    if (packed)
        answer_header(answer, "Content-Encoding", "gzip");
    return packed;
}

static bool fill_answer(struct exchange *exchange, struct fault *fault)
{
    struct answer *answer = &exchange->answer;
    const struct message *message = exchange->route->method->reply;
    struct text result = exchange->reply.result;

    negotiate_coding(exchange);
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
    if (exchange->is_packed && !pack_answer(answer, fault))
        return false;
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
    if (route->send)
        return route->send(exchange, fault);
    return exchange_ask(exchange, route->method,
                        (struct text){exchange->packed.data, exchange->packed.size}, fault) &&
           fill_answer(exchange, fault);
}
