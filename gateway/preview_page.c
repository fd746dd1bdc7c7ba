/* preview_page.c - what a person sees where an app should be: what happened, and what to do.
 *
 * The page shows inside the studio's frame, runs nothing and loads nothing. Whatever comes from
 * an app or its prompt is escaped.
 */
#include <stdio.h>

#include "gateway/preview.h"

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;"
    "color:CanvasText;font:16px/1.5 system-ui,sans-serif}"
    "main{max-width:34rem;padding:2rem}"
    "h1{font-size:1.4rem;line-height:1.25;margin:0 0 .75rem}"
    "p{margin:0 0 .75rem;overflow-wrap:anywhere}"
    "code{font-size:.9em}"
    ".small{opacity:.7;font-size:.85rem}";

static void put(msgpack_sbuffer *out, const char *string)
{
    (void) msgpack_sbuffer_write(out, string, strlen(string));
}

static void put_escaped(msgpack_sbuffer *out, const char *string)
{
    for (; *string; string++) {
        switch (*string) {
        case '<':  put(out, "&lt;"); break;
        case '>':  put(out, "&gt;"); break;
        case '&':  put(out, "&amp;"); break;
        case '"':  put(out, "&quot;"); break;
        case '\'': put(out, "&#39;"); break;
        default:   (void) msgpack_sbuffer_write(out, string, 1);
        }
    }
}

struct sentences { const char *title, *advice; };

static struct sentences sentences_of_app(const struct preview_app *app)
{
    switch (app->status) {
    case app_status_generating:
        return (struct sentences){"This app is being made",
                                  "It opens by itself in a moment."};
    case app_status_sleeping:
        return (struct sentences){"This app is waking up", "It opens by itself in a moment."};
    case app_status_error:
        return (struct sentences){"This app is not running: it failed",
                                  "Its log in the studio says more. Change the app or start it "
                                  "again there."};
    default:
        return (struct sentences){"This app is stopped", "Start it in the studio."};
    }
}

static struct sentences sentences_of(const struct exchange *exchange, const struct fault *fault)
{
    switch (fault->kind) {
    case FAULT_app_not_found:
        return (struct sentences){"There is no app at this address",
                                  "It may have been deleted. The studio lists the apps there are."};
    case FAULT_app_unreachable:
        return (struct sentences){"The app does not answer",
                                  "Reload in a moment; if it stays like this, look at its log in "
                                  "the studio and start it again."};
    case FAULT_timed_out:
        return (struct sentences){"The app took too long to answer",
                                  "Reload, or look at its log in the studio."};
    case FAULT_no_such_route:
        return (struct sentences){"There is nothing at this address",
                                  "Paths that begin with /.isekai/ are not the app's."};
    case FAULT_wrong_verb:
        return (struct sentences){"This address can only be read", "Ask with GET."};
    case FAULT_origin_refused:
        return (struct sentences){"Only the app's own pages may ask here",
                                  "Open the app at its own address."};
    case FAULT_too_many:
        return (struct sentences){"Too many requests", "Wait a minute, then reload."};
    case FAULT_too_large:
        return (struct sentences){"That upload is too large", "Send a smaller file."};
    case FAULT_bad_request:
    case FAULT_too_long:
        return (struct sentences){"The request was broken", "Reload the page."};
    case FAULT_unavailable:
        if (exchange->app && exchange->app->exists &&
            exchange->app->status != app_status_running)
            return sentences_of_app(exchange->app);
        break;
    default:
        break;
    }
    return (struct sentences){"The app cannot be reached now", "Reload in a moment."};
}

static void put_page(const struct exchange *exchange, const struct fault *fault,
                     msgpack_sbuffer *out)
{
    struct sentences say = sentences_of(exchange, fault);
    const struct preview_app *app = exchange->app;

    put(out, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>");
    put(out, say.title);
    put(out, "</title><style>");
    put(out, style);
    put(out, "</style><main><h1>");
    put(out, say.title);
    put(out, "</h1>");
    if (app && app->name[0]) {
        put(out, "<p><strong>");
        put_escaped(out, app->name);
        put(out, "</strong></p>");
    }
    if (app && app->status == app_status_error && app->error[0]) {
        put(out, "<p><code>");
        put_escaped(out, app->error);
        put(out, "</code></p>");
    }
    put(out, "<p>");
    put(out, say.advice);
    put(out, "</p><p class=\"small\">Request ");
    put_escaped(out, exchange->request_id);
    put(out, "</p></main></html>\n");
}

void write_preview_page(struct exchange *exchange, const struct fault *fault)
{
    struct answer *answer = &exchange->answer;
    uint32_t seconds = fault->retry_ms / 1000 + (fault->retry_ms % 1000 != 0);
    int status = fault_http_status(fault->kind);

    put_page(exchange, fault, &answer->owned);
    answer_header(answer, "Cache-Control", "no-store");
    if (status == 503 || status == 429)
        answer_header(answer, "Retry-After", "%u", seconds > 0 ? seconds : 1);
    if (fault->kind == FAULT_unavailable && seconds > 0)
        answer_header(answer, "Refresh", "%u", seconds);    /* it opens by itself */
    answer_with(answer, status, "text/html; charset=utf-8",
                (struct text){answer->owned.data, answer->owned.size});
    http_close(exchange->http);
    answer_send(exchange);
}
