/* preview_tag.c - how a page learns of its app's next version: the gateway puts one script tag
 * behind the page (PREVIEW_RELOAD).
 *
 * Not in the templates: the tag would go along into exported apps, where nobody answers it, and
 * apps that were not made from a template would stay without. Behind the last octet, because
 * there nothing of a stranger's HTML needs to be understood, and nothing held back: every octet of
 * the app's goes on as it came. A browser puts what stands there at the end of the body.
 *
 * Only for a page: what a browser says it navigates to (Fetch Metadata), asked for with GET. What
 * the app's own scripts, other programs and downloads ask for stays as it is, and so do parts
 * (206), 304, compressed answers, those marked no-transform and those not known to be UTF-8. For
 * a page the app is not told of If-None-Match and Accept-Encoding: it shall answer whole and plain.
 * A page with the tag is not the one that the app's ETag names, so it goes without, and is not
 * to be stored. What a service worker fetches is no navigation either. Whether the tag may run is up to the app's own Content-Security-Policy.
 */
#include <stdio.h>

#include "gateway/preview_relay.h"

bool preview_is_page(const struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    struct text dest = request_header(exchange, "sec-fetch-dest");

    return exchange->gateway->settings.preview_reload &&
           !exchange->gateway->config.is_production && text_is(request->verb, "GET") &&
           !request->framing.is_http_1_0 && !request_header(exchange, "range").at &&
           (text_is(dest, "document") || text_is(dest, "iframe") || text_is(dest, "frame"));
}

/* No charset, or utf-8, and nothing else said. */
static bool is_utf_8_page(struct text type)
{
    const char *semicolon = type.at ? memchr(type.at, ';', type.size) : NULL;

    if (!type.at || !text_equals_nocase(header_item_name(type), "text/html"))
        return false;
    if (!semicolon)
        return true;
    struct text rest = text_without_blanks(
        (struct text){semicolon + 1, type.size - (size_t)(semicolon - type.at) - 1});
    return text_equals_nocase(rest, "charset=utf-8") ||
           text_equals_nocase(rest, "charset=\"utf-8\"");
}

bool preview_may_tag(const struct app_head *head)
{
    const struct http_headers *headers = &head->headers;
    struct text coding = header_find(headers, "content-encoding");
    bool is_shown = head->status == 200 || head->status >= 400;

    return is_shown && head->framing != FRAMING_NONE &&
           header_count(headers, "content-type") == 1 &&
           is_utf_8_page(header_find(headers, "content-type")) &&
           (!coding.at || text_equals_nocase(coding, "identity")) &&
           !header_find(headers, "content-disposition").at &&
           !header_find(headers, "content-range").at &&
           !header_any_has(headers, "cache-control", "no-transform");
}

/* The first octets say what the head left open: a byte order mark of UTF-16? */
void preview_note_body(struct relay *self, struct text payload)
{
    for (size_t i = 0; i < payload.size && self->seen < sizeof self->first; i++)
        self->first[self->seen++] = (unsigned char)payload.at[i];
}

size_t preview_tag_print(const struct relay *self, char out[PREVIEW_TAG_SIZE])
{
    static const unsigned char marks[][2] = {{0xfe, 0xff}, {0xff, 0xfe}};

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (self->seen == sizeof self->first && memcmp(self->first, marks[i], self->seen) == 0)
            return 0;
    return (size_t)snprintf(out, PREVIEW_TAG_SIZE, "<script src=\"%s?version=%llu\" async></script>",
                            PREVIEW_SCRIPT, (unsigned long long)self->exchange->app->version);
}
