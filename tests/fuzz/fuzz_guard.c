/* fuzz_guard - whatever passes civetweb's parser and the guard has one meaning only.
 *
 * Method: the octets are parsed in place as civetweb does, then judged by the guard. What the guard
 * lets pass is read once more from the untouched octets, line by line and strictly; both readings
 * must agree in every header, in the framing, and in where the head ends.
 */
#include <stdlib.h>

#include "tests/gateway/forgiving_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool take_line(struct text *rest, struct text *line)
{
    const char *end = memmem(rest->at, rest->size, "\r\n", 2);

    if (!end)
        return false;
    *line = (struct text){rest->at, (size_t)(end - rest->at)};
    *rest = (struct text){end + 2, rest->size - line->size - 2};
    return memchr(line->at, '\n', line->size) == NULL &&
           memchr(line->at, '\r', line->size) == NULL &&
           memchr(line->at, '\0', line->size) == NULL;
}

static void compare_headers(struct text rest, const struct http_headers *headers)
{
    struct text line;
    uint32_t count = 0;

    while (take_line(&rest, &line) && line.size > 0) {
        const char *colon = memchr(line.at, ':', line.size);

        must(colon != NULL && count < headers->count);
        struct text name = {line.at, (size_t)(colon - line.at)};
        struct text value = text_without_blanks(
            (struct text){colon + 1, line.size - name.size - 1});
        must(text_is_token(name) && text_equals(name, headers->at[count].name));
        must(text_equals(value, headers->at[count].value));
        count++;
    }
    must(count == headers->count);
}

static void compare_framing(const struct http_headers *headers,
                            const struct guard_verdict *verdict)
{
    uint32_t lengths = header_count(headers, "content-length");
    uint32_t codings = header_count(headers, "transfer-encoding");

    must(lengths + codings <= 1);
    must((verdict->body_octets == BODY_CHUNKED) == (codings == 1));
    must(verdict->is_http_1_0 || header_count(headers, "host") == 1);
    if (lengths == 0 && codings == 0)
        must(verdict->body_octets == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct as_civetweb parsed;
    struct http_headers headers;
    struct guard_verdict verdict;
    struct fault fault;
    const char *raw = (const char *)data;

    if (!civetweb_parse(&parsed, raw, size) ||
        !guard_check(&parsed.view, &headers, &verdict, &fault))
        return 0;

    /* The request line: the places were checked; how it ends cannot be seen (guard.h). */
    size_t first = (size_t)(parsed.view.version + 3 - parsed.buffer);
    must(first + 2 <= size && (raw[first] == '\r' || raw[first] == '\n'));
    /* Likewise LF LF and a body that begins with CR NUL look like the empty line. */
    if (parsed.head_size >= 2 && memcmp(raw + parsed.head_size - 2, "\n\n", 2) == 0)
        return 0;
    compare_headers((struct text){raw + first + 2, parsed.head_size - first - 2}, &headers);
    compare_framing(&headers, &verdict);
    return 0;
}
