/* preview_head.c - the answers of apps, read strictly and written anew.
 *
 * What is not passed on, beyond what concerns one hop only:
 *   Set-Cookie with Domain   it would reach the studio and every other app of the domain
 *   Clear-Site-Data          "cookies" clears the whole registrable domain, siblings included
 *   Alt-Svc                  it sends callers to a door that is not the gateway
 *   X-Accel-*, X-Sendfile... orders to a proxy in front of us, which takes them for ours
 * Service-Worker-Allowed is: a worker serves its own origin only, and that is the app's.
 */
#include "gateway/preview_head.h"

#include <stdio.h>
#include <strings.h>

enum { NAME_OCTETS_MAX = 256 };

static bool wrong(struct fault *fault, const char *why)
{
    return fault_set(fault, FAULT_app_unreachable, "the app's answer is broken: %s", why);
}

size_t app_head_size(struct text octets)
{
    const char *end = octets.size > 0 ? memmem(octets.at, octets.size, "\r\n\r\n", 4) : NULL;

    return end ? (size_t)(end - octets.at) + 4 : 0;
}

/* Take the octets up to the next CR LF off *rest. */
static bool take_line(struct text *rest, struct text *line)
{
    const char *end = memmem(rest->at, rest->size, "\r\n", 2);

    if (!end)
        return false;
    line->at = rest->at;
    line->size = (size_t)(end - rest->at);
    rest->at = end + 2;
    rest->size -= line->size + 2;
    return true;
}

static bool read_status(struct text line, int *status, struct fault *fault)
{
    int64_t code;

    if (line.size < 12 || memcmp(line.at, "HTTP/1.", 7) != 0 ||
        (line.at[7] != '0' && line.at[7] != '1') || line.at[8] != ' ' ||
        !text_to_count((struct text){line.at + 9, 3}, &code) || code < 100 || code > 599 ||
        (line.size > 12 && line.at[12] != ' '))
        return wrong(fault, "no status line");
    *status = (int)code;
    return true;
}

static bool read_header(struct text line, struct app_head *out, struct fault *fault)
{
    const char *colon = memchr(line.at, ':', line.size);

    if (!colon)
        return wrong(fault, "a header without colon");
    struct http_header header = {
        {line.at, (size_t)(colon - line.at)},
        text_without_blanks((struct text){colon + 1, line.size - (size_t)(colon - line.at) - 1})};
    if (!text_is_token(header.name) || header.name.size > NAME_OCTETS_MAX)
        return wrong(fault, "a header name that is no token");
    if (!text_is_field_value(header.value))
        return wrong(fault, "a control character in a header");
    if (out->headers.count == HEADERS_MAX)
        return wrong(fault, "too many headers");
    out->headers.at[out->headers.count++] = header;
    return true;
}

static bool read_framing(struct app_head *out, bool is_head_request, struct fault *fault)
{
    uint32_t lengths = header_count(&out->headers, "content-length");
    uint32_t codings = header_count(&out->headers, "transfer-encoding");

    if (lengths > 1 || codings > 1 || (lengths == 1 && codings == 1))
        return wrong(fault, "more than one statement of where the body ends");
    if (lengths == 1 &&
        !text_to_count(header_find(&out->headers, "content-length"), &out->length))
        return wrong(fault, "Content-Length is no number");
    if (codings == 1 &&
        !text_equals_nocase(header_find(&out->headers, "transfer-encoding"), "chunked"))
        return wrong(fault, "a transfer coding that is not chunked");
    if (is_head_request || out->status < 200 || out->status == 204 || out->status == 304)
        out->framing = FRAMING_NONE;
    else if (codings == 1)
        out->framing = FRAMING_CHUNKED;
    else
        out->framing = lengths == 1 ? FRAMING_LENGTH : FRAMING_CLOSE;
    return true;
}

bool app_head_read(struct text octets, bool is_head_request, struct app_head *out,
                   struct fault *fault)
{
    struct text line;

    out->headers.count = 0;
    out->length = 0;
    if (!take_line(&octets, &line) || !read_status(line, &out->status, fault))
        return wrong(fault, "no status line");
    for (;;) {
        if (!take_line(&octets, &line))
            return wrong(fault, "its head does not end");
        if (line.size == 0)
            return read_framing(out, is_head_request, fault);
        if (!read_header(line, out, fault))
            return false;
    }
}

bool app_head_is_upgrade(const struct app_head *head)
{
    return head->status == 101 &&
           text_equals_nocase(header_find(&head->headers, "upgrade"), "websocket") &&
           header_any_has(&head->headers, "connection", "upgrade");
}

/* ---- what goes on to the caller ---- */

static bool begins_with(struct text name, const char *start)
{
    size_t size = strlen(start);

    return name.size >= size && text_equals_nocase((struct text){name.at, size}, start);
}

/* Does any attribute of the cookie say Domain? (RFC 6265 section 5.2) */
static bool has_domain(struct text cookie)
{
    while (cookie.size > 0) {
        const char *semicolon = memchr(cookie.at, ';', cookie.size);

        if (!semicolon)
            return false;
        cookie.size -= (size_t)(semicolon - cookie.at) + 1;
        cookie.at = semicolon + 1;
        const char *end = memchr(cookie.at, ';', cookie.size);
        struct text attribute = {cookie.at, end ? (size_t)(end - cookie.at) : cookie.size};
        const char *equals = memchr(attribute.at, '=', attribute.size);

        if (equals)
            attribute.size = (size_t)(equals - attribute.at);
        if (text_equals_nocase(text_without_blanks(attribute), "domain"))
            return true;
    }
    return false;
}

static bool may_pass(const struct http_headers *all, const struct http_header *header)
{
    static const char *const refused[] = {"clear-site-data", "alt-svc", "x-content-type-options",
                                          "content-length", "date", "x-sendfile",
                                          "x-reproxy-url"};

    if (header_is_hop_by_hop(header->name))
        return false;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (header_is(header->name, refused[i]))
            return false;
    if (begins_with(header->name, "x-accel-") || begins_with(header->name, "x-lighttpd-"))
        return false;
    if (header_is(header->name, "set-cookie") && has_domain(header->value))
        return false;
    for (uint32_t i = 0; i < all->count; i++) {
        struct text list = all->at[i].value, item;

        if (!header_is(all->at[i].name, "connection"))
            continue;
        while (header_item(&list, &item))
            if (item.size == header->name.size &&
                strncasecmp(item.at, header->name.at, item.size) == 0)
                return false;
    }
    return true;
}

struct printed { char *out; size_t size, capacity; bool is_full; };

static void put(struct printed *to, const char *at, size_t size)
{
    if (to->is_full || size > to->capacity - to->size) {
        to->is_full = true;
        return;
    }
    memcpy(to->out + to->size, at, size);
    to->size += size;
}

static void put_string(struct printed *to, const char *string)
{
    put(to, string, strlen(string));
}

static void put_header(struct printed *to, struct text name, struct text value)
{
    put(to, name.at, name.size);
    put_string(to, ": ");
    put(to, value.at, value.size);
    put_string(to, "\r\n");
}

static bool is_one_of(struct text name, const char *const *names)
{
    for (; *names; names++)
        if (header_is(name, *names))
            return true;
    return false;
}

/* What says which octets the body is, or that they may be kept or asked for in part. */
static const char *const of_exact_body[] = {"etag", "last-modified", "accept-ranges", "digest",
                                            "content-digest", "repr-digest", "content-md5",
                                            "cache-control", "expires", NULL};

size_t app_head_print(const struct app_head *head, enum head_way way, char *out, size_t capacity)
{
    struct printed to = {.out = out, .capacity = capacity};

    put_string(&to, "X-Content-Type-Options: nosniff\r\n");
    for (uint32_t i = 0; i < head->headers.count; i++) {
        const struct http_header *header = &head->headers.at[i];

        if (may_pass(&head->headers, header) &&
            !(way == HEAD_OF_TAGGED && is_one_of(header->name, of_exact_body)))
            put_header(&to, header->name, header->value);
    }
    if (way == HEAD_OF_TAGGED)
        put_string(&to, "Cache-Control: no-store\r\n");
    if (way == HEAD_OF_UPGRADE)
        put_string(&to, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    return to.is_full ? 0 : to.size;
}

/* ---- what goes on to the app ---- */

bool preview_wants_upgrade(const struct preview_request *request)
{
    return text_is(request->verb, "GET") && !request->framing.is_http_1_0 &&
           request->framing.body_octets == 0 &&
           text_equals_nocase(header_find(request->headers, "upgrade"), "websocket") &&
           header_any_has(request->headers, "connection", "upgrade");
}

/* The caller's word on who he is does not count; ours follows. */
static bool is_about_origin(struct text name)
{
    return begins_with(name, "x-forwarded-") || header_is(name, "forwarded") ||
           header_is(name, "x-real-ip") || header_is(name, "expect") ||
           header_is(name, "content-length");
}

static void put_framing(struct printed *to, const struct guard_verdict *framing)
{
    char line[64];

    if (framing->body_octets == BODY_CHUNKED) {
        put_string(to, "Transfer-Encoding: chunked\r\n");
    } else if (framing->body_octets > 0) {
        (void) snprintf(line, sizeof line, "Content-Length: %lld\r\n",
                        (long long)framing->body_octets);
        put_string(to, line);
    }
}

/* What would make the app answer a page with less than its plain octets. */
static const char *const of_part[] = {"accept-encoding", "if-none-match", "if-modified-since",
                                      NULL};

size_t preview_request_print(const struct preview_request *request, char *out, size_t capacity)
{
    struct printed to = {.out = out, .capacity = capacity};
    const struct http_headers *headers = request->headers;

    put(&to, request->verb.at, request->verb.size);
    put_string(&to, " ");
    put(&to, request->path.at, request->path.size);
    if (request->query.at) {
        put_string(&to, "?");
        put(&to, request->query.at, request->query.size);
    }
    put_string(&to, " HTTP/1.1\r\n");
    for (uint32_t i = 0; i < headers->count; i++) {
        struct http_header header = headers->at[i];

        if (!is_about_origin(header.name) && may_pass(headers, &header) &&
            !(request->is_page && is_one_of(header.name, of_part)))
            put_header(&to, header.name, header.value);
    }
    put_header(&to, TEXT_OF("X-Forwarded-For"), text_from(request->caller));
    put_header(&to, TEXT_OF("X-Forwarded-Proto"), text_from(request->is_https ? "https" : "http"));
    put_header(&to, TEXT_OF("X-Forwarded-Host"), header_find(headers, "host"));
    put_framing(&to, &request->framing);
    put_string(&to, request->is_upgrade ? "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                                        : "Connection: close\r\n\r\n");
    return to.is_full ? 0 : to.size;
}
