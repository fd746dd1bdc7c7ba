/* guard.c - what a request must look like before anybody believes what civetweb read from it.
 *
 * First the places (nothing but the one separator between two pieces), then the contents, then
 * the framing of the body.
 */
#include "gateway/guard.h"

static bool refuse(struct fault *fault, const char *why)
{
    return fault_set(fault, FAULT_bad_request, "%s", why);
}

static bool is_inside(const struct guard_view *view, const char *at, size_t size)
{
    size_t offset = (size_t)(at - view->buffer);

    return at >= view->buffer && offset <= view->buffer_size && size <= view->buffer_size - offset;
}

static const char *end_of(const char *text)
{
    return text + strlen(text);
}

/* One space between verb, target and version; nothing before the verb. */
static bool check_request_line(const struct guard_view *view, struct fault *fault)
{
    if (view->verb != view->buffer)
        return refuse(fault, "white space before the request line");
    if (view->uri != end_of(view->verb) + 1)
        return refuse(fault, "more than one space after the method");

    const char *end = end_of(view->uri);
    if (view->query) {
        if (view->query != end + 1)
            return refuse(fault, "a broken request target");
        end = end_of(view->query);
    }
    if (view->version != end + 1 + strlen("HTTP/"))
        return refuse(fault, "more than one space before the version");
    if ((size_t)(end - view->uri) > GUARD_URI_OCTETS_MAX)
        return fault_set(fault, FAULT_too_long, "the request target is longer than %d octets",
                         GUARD_URI_OCTETS_MAX);
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool check_target(const struct guard_view *view, struct fault *fault)
{
    if (view->uri[0] != '/')
        return refuse(fault, "the request target must begin with a slash");
    for (const char *at = view->uri; *at; at++) {
        if (*at < 0x21 || *at > 0x7e || *at == '\\' || *at == '#')
            return refuse(fault, "a character in the path that must be percent-encoded");
        if (*at != '%')
            continue;
        int high = hex_digit(at[1]);
        int low = high < 0 ? -1 : hex_digit(at[2]);
        if (low < 0)
            return refuse(fault, "a broken percent-encoding in the path");
        int octet = high * 16 + low;
        if (octet == 0 || octet == '/' || octet == '\\')
            return refuse(fault, "a percent-encoded NUL, slash or backslash in the path");
    }
    for (const char *at = view->query ? view->query : ""; *at; at++)
        if (*at < 0x21 || *at > 0x7e || *at == '#')
            return refuse(fault, "a character in the query that must be percent-encoded");
    return true;
}

/* name ':' blanks value CR LF, where `next` is what must follow. NULs now stand where the colon
 * and the line's end were. */
static bool check_place(const struct guard_view *view, const struct guard_header *header,
                        const char *next, struct fault *fault)
{
    if (!is_inside(view, header->name, 1) || !is_inside(view, header->value, 1))
        return refuse(fault, "a broken header");
    for (const char *at = end_of(header->name) + 1; at != header->value; at++)
        if (at > header->value || (*at != ' ' && *at != '\t'))
            return refuse(fault, "white space between a header's name and its colon");

    const char *end = end_of(header->value);
    if (next && next != end + 2)
        return refuse(fault, "a header line that does not end in CR LF, or is folded");
    if (!next && (!is_inside(view, end, 4) || end[1] != '\0' || end[2] != '\r' || end[3] != '\0'))
        return refuse(fault, "the headers do not end in an empty line");
    return true;
}

static bool check_headers(const struct guard_view *view, struct http_headers *out,
                          struct fault *fault)
{
    const struct guard_header *headers = view->headers;

    out->count = 0;
    if (view->header_count > GUARD_HEADERS_MAX)
        return fault_set(fault, FAULT_too_long, "more than %d headers", GUARD_HEADERS_MAX);
    /* civetweb takes a line that does not begin like a header for the end of them and drops the
     * rest; without a first header there is no telling. */
    if (view->header_count == 0)
        return refuse(fault, "there is no header");
    if (headers[0].name != end_of(view->version) + 2)
        return refuse(fault, "the request line does not end in CR LF");
    for (uint32_t i = 0; i < view->header_count; i++) {
        bool is_last = i + 1 == view->header_count;

        if (!check_place(view, &headers[i], is_last ? NULL : headers[i + 1].name, fault))
            return false;
        struct http_header header = {text_from(headers[i].name),
                                text_without_blanks(text_from(headers[i].value))};
        if (!text_is_token(header.name))
            return refuse(fault, "a header name that is no token");
        if (!text_is_field_value(header.value))
            return refuse(fault, "a control character in a header");
        out->at[out->count++] = header;
    }
    return true;
}

/* Headers of which two would mean that two readers may take different ones. */
static bool check_singles(const struct http_headers *headers, bool is_http_1_0, struct fault *fault)
{
    static const char *const singles[] = {"content-type", "origin", "authorization", "expect",
                                          "if-match", "if-none-match", "idempotency-key",
                                          "upgrade", "connection"};
    uint32_t hosts = header_count(headers, "host");

    if (hosts > 1 || (hosts == 0 && !is_http_1_0))
        return refuse(fault, "there must be exactly one Host");
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (header_count(headers, singles[i]) > 1)
            return fault_set(fault, FAULT_bad_request, "%s came twice", singles[i]);
    return true;
}

static bool check_framing(const struct http_headers *headers, struct guard_verdict *verdict,
                          struct fault *fault)
{
    uint32_t lengths = header_count(headers, "content-length");
    uint32_t codings = header_count(headers, "transfer-encoding");

    verdict->body_octets = 0;
    if (lengths > 1 || codings > 1 || (lengths == 1 && codings == 1))
        return refuse(fault, "more than one statement of where the body ends");
    if (lengths == 1 &&
        !text_to_count(header_find(headers, "content-length"), &verdict->body_octets))
        return refuse(fault, "Content-Length must be digits only");
    if (codings == 0)
        return true;
    if (verdict->is_http_1_0 ||
        !text_equals_nocase(header_find(headers, "transfer-encoding"), "chunked"))
        return refuse(fault, "Transfer-Encoding must be chunked");
    verdict->body_octets = BODY_CHUNKED;
    return true;
}

bool guard_check(const struct guard_view *view, struct http_headers *headers,
                 struct guard_verdict *verdict, struct fault *fault)
{
    verdict->is_http_1_0 = strcmp(view->version, "1.0") == 0;
    if (!verdict->is_http_1_0 && strcmp(view->version, "1.1") != 0)
        return refuse(fault, "this is neither HTTP/1.0 nor HTTP/1.1");
    return check_request_line(view, fault) && check_target(view, fault) &&
           check_headers(view, headers, fault) &&
           check_singles(headers, verdict->is_http_1_0, fault) &&
           check_framing(headers, verdict, fault);
}
