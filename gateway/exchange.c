/* exchange.c - what every stage may do to an exchange: read its headers, fill its answer, send. */
#include "gateway/pipeline.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bus/clock.h"
#include "bus/ids.h"

struct text request_header(const struct exchange *self, const char *name)
{
    return header_find(self->request->headers, name);
}

/* ---- who and which ---- */

static bool is_request_id(struct text id)
{
    if (id.size < 1 || id.size >= REQUEST_ID_SIZE)
        return false;
    for (size_t i = 0; i < id.size; i++) {
        char c = id.at[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (!is_good)
            return false;
    }
    return true;
}

static void read_request_id(struct exchange *self)
{
    struct text id = request_header(self, "x-request-id");

    if (is_request_id(id))
        (void) text_to_string(id, self->request_id, sizeof self->request_id);
    else
        uuid_make(self->request_id);
}

static bool is_hex(const char *at, size_t size)
{
    bool is_zero = true;

    for (size_t i = 0; i < size; i++) {
        if (!((at[i] >= '0' && at[i] <= '9') || (at[i] >= 'a' && at[i] <= 'f')))
            return false;
        is_zero = is_zero && at[i] == '0';
    }
    return size == 2 || !is_zero;
}

/* W3C Trace Context: version-trace-parent-flags. A later version may have more behind it. */
static bool is_traceparent(struct text text)
{
    const char *at = text.at;

    return text.size >= 55 && at[2] == '-' && at[35] == '-' && at[52] == '-' && is_hex(at, 2) &&
           memcmp(at, "ff", 2) != 0 && is_hex(at + 3, 32) && is_hex(at + 36, 16) &&
           is_hex(at + 53, 2) &&
           (text.size == 55 || (memcmp(at, "00", 2) != 0 && at[55] == '-'));
}

enum { TRACE_OCTETS = 24, TRACES_AT_ONCE = 32 };

/* Names nobody need guess: asked of the kernel for many requests at once. */
static const unsigned char *trace_octets(void)
{
    static _Thread_local unsigned char octets[TRACES_AT_ONCE][TRACE_OCTETS];
    static _Thread_local uint32_t left;

    if (left == 0) {
        randombytes_buf(octets, sizeof octets);
        left = TRACES_AT_ONCE;
    }
    return octets[--left];
}

/* The caller's trace, or a new one; and always a span of our own in it. */
static void read_traceparent(struct exchange *self)
{
    struct text given = request_header(self, "traceparent");
    char hex[2 * TRACE_OCTETS + 1];

    sodium_bin2hex(hex, sizeof hex, trace_octets(), TRACE_OCTETS);
    if (is_traceparent(given))
        (void) snprintf(self->traceparent, sizeof self->traceparent, "00-%.32s-%.16s-%.2s",
                        given.at + 3, hex + 32, given.at + 53);
    else
        (void) snprintf(self->traceparent, sizeof self->traceparent, "00-%.32s-%.16s-00", hex,
                        hex + 32);
}

static void read_caller(struct exchange *self)
{
    const struct networks *proxies = &self->gateway->config.proxies;
    const struct http_headers *headers = self->request->headers;

    self->caller = address_of_caller(proxies, &self->request->peer, headers);
    address_print(&self->caller, self->caller_text);
    self->is_https = networks_have(proxies, &self->request->peer) &&
                     text_equals_nocase(header_find(headers, "x-forwarded-proto"), "https");
}

static bool is_write(struct text verb)
{
    return text_is(verb, "POST") || text_is(verb, "PUT") || text_is(verb, "PATCH") ||
           text_is(verb, "DELETE");
}

bool exchange_begin(struct exchange *self, struct gateway *gateway, struct http_exchange *http,
                    const struct http_request *request, struct fault *fault)
{
    memset(self, 0, sizeof *self);
    self->gateway = gateway;
    self->http = http;
    self->request = request;
    self->began_us = clock_now_us();
    msgpack_sbuffer_init(&self->packed);
    msgpack_sbuffer_init(&self->answer.owned);
    if (request) {
        self->host = request_header(self, "host");
        self->is_head = text_is(request->verb, "HEAD");
        self->is_write = is_write(request->verb);
        read_request_id(self);
        read_traceparent(self);
        read_caller(self);
    } else {
        uuid_make(self->request_id);
    }
    self->arena = arena_new(EXCHANGE_ARENA_OCTETS);
    return self->arena || fault_set(fault, FAULT_internal, "no memory for a request");
}

void exchange_drop(struct exchange *self)
{
    pipe_reply_free(&self->reply);
    msgpack_sbuffer_destroy(&self->packed);
    msgpack_sbuffer_destroy(&self->answer.owned);
    free(self->body_octets);
    atomic_fetch_sub(&self->gateway->body_octets, self->body_reserved);
    arena_free(self->arena);
}

bool exchange_violation(struct exchange *self, const char *path, const char *location,
                        const char *sentence, struct fault *fault)
{
    if (!self->violations)
        self->violations = arena_take(self->arena, sizeof *self->violations);
    if (self->violations && self->violations->count < VIOLATIONS_MAX)
        self->violations->at[self->violations->count++] = (struct violation){
            .path = text_from(path), .location = text_from(location), .msg = text_from(sentence)};
    return fault_set(fault, FAULT_malformed, "%s", sentence);
}

/* ---- the answer ---- */

void answer_header(struct answer *answer, const char *name, const char *format, ...)
{
    size_t left = sizeof answer->headers - answer->headers_size;
    char *at = answer->headers + answer->headers_size;
    va_list arguments;

    int size = snprintf(at, left, "%s: ", name);
    if (size < 0 || (size_t)size >= left)
        return;
    va_start(arguments, format);
    int more = vsnprintf(at + size, left - (size_t)size, format, arguments);
    va_end(arguments);
    if (more < 0 || (size_t)size + (size_t)more + 3 > left)
        return;         /* cut: leave it out */
    memcpy(at + size + more, "\r\n", 2);
    answer->headers_size += (size_t)size + (size_t)more + 2;
}

void answer_with(struct answer *answer, int status, const char *content_type, struct text body)
{
    answer->status = status;
    answer->content_type = content_type;
    answer->body = body;
}

static const char *http_date(void)
{
    static _Thread_local struct { time_t at; char text[32]; } last;
    time_t now = time(NULL);
    struct tm parts;

    if (now != last.at && gmtime_r(&now, &parts)) {
        last.at = now;
        (void) strftime(last.text, sizeof last.text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    }
    return last.text;
}

static struct iovec part_of(const char *at, size_t size)
{
    return (struct iovec){(void *)(uintptr_t)at, size};
}

static bool send_parts(struct exchange *self, const char *framing, bool with_body)
{
    struct answer *answer = &self->answer;
    const struct fixed_headers *fixed = &self->gateway->fixed;
    char first[400];
    int size = snprintf(first, sizeof first, "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s%s%s%s%s",
                        answer->status, http_status_phrase(answer->status), http_date(),
                        answer->content_type ? "Content-Type: " : "",
                        answer->content_type ? answer->content_type : "",
                        answer->content_type ? "\r\n" : "", framing,
                        http_is_closing(self->http) ? "Connection: close\r\n"
                                                    : "Connection: keep-alive\r\n",
                        self->request_id[0] ? "X-Request-Id: " : "");

    if (size < 0 || (size_t)size >= sizeof first)
        return false;
    struct iovec parts[] = {
        part_of(first, (size_t)size),
        part_of(self->request_id, strlen(self->request_id)),
        part_of("\r\n", 2),
        part_of(fixed->text[answer->audience][self->is_https],
                fixed->size[answer->audience][self->is_https]),
        part_of(answer->headers, answer->headers_size),
        part_of("\r\n", 2),
        part_of(answer->body.at, with_body ? answer->body.size : 0),
    };
    answer->is_sent = true;
    return http_write(self->http, parts, sizeof parts / sizeof *parts,
                      clock_now_ms() + ANSWER_MS_MAX);
}

bool answer_send_head(struct exchange *self, const char *framing)
{
    return send_parts(self, framing, false);
}

void answer_send(struct exchange *self)
{
    int status = self->answer.status;
    bool has_body = status != 204 && status != 304;
    char length[48] = "";

    if (has_body)
        (void) snprintf(length, sizeof length, "Content-Length: %zu\r\n", self->answer.body.size);
    (void) send_parts(self, length, has_body && !self->is_head);
}
