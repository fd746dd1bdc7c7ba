/* write_answer.c - the end of the road: the answer as it is, or the fault in the one shape.
 *
 * Source: RFC 9457. `type` is about:blank, so `title` is the status in words; `code` names a
 * row of the faults reference. Nothing of the caller's input is repeated.
 */
#include <stdio.h>

#include "gateway/pipeline.h"

static void put(msgpack_sbuffer *out, const char *string)
{
    (void) msgpack_sbuffer_write(out, string, strlen(string));
}

static void put_member(msgpack_sbuffer *out, const char *name, struct text value)
{
    put(out, ",\"");
    put(out, name);
    put(out, "\":");
    json_write_text(value, out);
}

static const char *location_of(const struct exchange *exchange, struct text path,
                               struct text location)
{
    for (uint32_t i = 0; i < exchange->extra_count; i++)
        if (text_is(path, exchange->places[i].name))
            return exchange->places[i].location;
    return text_is(location, "params") ? "params" : text_is(location, "query") ? "query"
           : text_is(location, "headers") ? "headers" : "body";
}

static void put_violation(const struct exchange *exchange, const struct violation *violation,
                          bool is_first, msgpack_sbuffer *out)
{
    put(out, is_first ? "{\"path\":" : ",{\"path\":");
    json_write_text(violation->path, out);
    put_member(out, "location",
               text_from(location_of(exchange, violation->path, violation->location)));
    put_member(out, "msg", violation->msg);
    put(out, "}");
}

static void put_details(const struct exchange *exchange, msgpack_sbuffer *out)
{
    const struct violation *violations = NULL;
    uint32_t count = 0;

    if (exchange->failure) {
        violations = exchange->failure->details.at;
        count = exchange->failure->details.count;
    } else if (exchange->violations) {
        violations = exchange->violations->at;
        count = exchange->violations->count;
    }
    put(out, ",\"details\":[");
    for (uint32_t i = 0; i < count; i++)
        put_violation(exchange, &violations[i], i == 0, out);
    put(out, "]");
}

void log_line_print(const struct log_line *line, msgpack_sbuffer *out)
{
    char number[32], at[JSON_TIME_SIZE];

    (void) snprintf(number, sizeof number, "{\"seq\":%llu", (unsigned long long)line->seq);
    json_time(line->at, at);
    put(out, number);
    put_member(out, "at", text_from(at));
    put_member(out, "stream", line->stream);
    put_member(out, "line", line->line);
    put(out, "}");
}

static void put_log(const struct failure *failure, msgpack_sbuffer *out)
{
    put(out, ",\"log\":[");
    for (uint32_t i = 0; i < failure->log.count; i++) {
        put(out, i > 0 ? "," : "");
        log_line_print(&failure->log.at[i], out);
    }
    put(out, "]");
}

static void put_problem(const struct exchange *exchange, const struct fault *fault,
                        msgpack_sbuffer *out)
{
    int status = fault_http_status(fault->kind);
    char number[32];

    put(out, "{\"type\":\"about:blank\"");
    put_member(out, "title", text_from(http_status_phrase(status)));
    (void) snprintf(number, sizeof number, ",\"status\":%d", status);
    put(out, number);
    put_member(out, "detail", text_from(fault_told(fault)));
    put_member(out, "code", text_from(fault_name(fault->kind)));
    put_member(out, "requestId", text_from(exchange->request_id));
    put_member(out, "error", text_from(fault_text(fault->kind)));
    put_details(exchange, out);
    if (exchange->failure && exchange->failure->log.count > 0)
        put_log(exchange->failure, out);
    if (exchange->failure && exchange->failure->diff.size > 0)
        put_member(out, "diff", exchange->failure->diff);
    put(out, "}");
}

/* Seconds, rounded up; 503 always says when. */
static void set_retry_after(struct answer *answer, const struct fault *fault)
{
    uint32_t seconds = fault->retry_ms / 1000 + (fault->retry_ms % 1000 != 0);

    if (!fault_may_retry(fault->kind))
        return;
    if (seconds == 0 && fault_http_status(fault->kind) == 503)
        seconds = 1;
    if (seconds > 0)
        answer_header(answer, "Retry-After", "%u", seconds);
}

static void fill_refusal(struct exchange *exchange, const struct fault *fault)
{
    struct answer *answer = &exchange->answer;

    msgpack_sbuffer_clear(&answer->owned);
    put_problem(exchange, fault, &answer->owned);
    set_retry_after(answer, fault);
    answer_with(answer, fault_http_status(fault->kind), "application/problem+json",
                (struct text){answer->owned.data, answer->owned.size});
}

void write_answer(struct exchange *exchange, const struct fault *fault)
{
    struct answer *answer = &exchange->answer;

    if (answer->is_sent)
        return;
    if (fault->kind != FAULT_NONE) {
        fill_refusal(exchange, fault);
        /* A refusal by the gateway may leave a body unread behind it; close, so that its octets
         * are never taken for a request. */
        if (!exchange->failure)
            http_close(exchange->http);
    } else if (!http_body_is_read(exchange->http)) {
        http_close(exchange->http);
    }
    if (answer->audience == FOR_API)
        answer_header(answer, "Cache-Control", "no-store");
    if (exchange->traceparent[0])
        answer_header(answer, "traceparent", "%s", exchange->traceparent);
    answer_send(exchange);
}
