/* preview_own.c - the paths of every preview that are the gateway's, not the app's: what a page
 * needs to learn that its app has a new version.
 *
 * They begin with /.isekai/ and never reach an app, so no app can speak for the gateway there.
 * Nor do they count as use of it: a page that listens neither wakes an app nor keeps it awake.
 * Pages of other origins, other apps among them, may not ask.
 */
#include <stdio.h>

#include "gateway/event_stream.h"
#include "gateway/metrics.h"
#include "gateway/preview.h"
#include "gateway/preview_watch.h"
#include "gateway/studio.h"

enum { SLICE_MS = 250 };

static bool find_existing(struct exchange *exchange, bool is_fresh, struct fault *fault)
{
    return preview_find(exchange, is_fresh, fault) &&
           (exchange->app->exists ||
            fault_set(fault, FAULT_app_not_found, "no app has this label"));
}

static bool answer_version(struct exchange *exchange, struct fault *fault)
{
    char document[120];

    if (!find_existing(exchange, true, fault))
        return false;
    int size = snprintf(document, sizeof document, "{\"version\":%llu,\"status\":\"%s\"}",
                        (unsigned long long)exchange->app->version,
                        choice_name(&app_status_choices, (int)exchange->app->status));
    struct text body = {document, (size_t)size};
    answer_header(&exchange->answer, "Cache-Control", "no-store");
    answer_with(&exchange->answer, 200, "application/json", body);
    answer_send(exchange);
    return true;
}

static bool answer_script(struct exchange *exchange, struct fault *fault)
{
    const struct studio_file *file = studio_find(exchange->gateway->studio,
                                                 exchange->request->path);

    (void) fault;
    answer_header(&exchange->answer, "Cache-Control", "no-store");
    answer_with(&exchange->answer, 200, file->type, file->octets);
    answer_send(exchange);
    return true;
}

static void say_version(struct event_stream *stream, uint64_t version)
{
    char event[96];
    int size = snprintf(event, sizeof event,
                        "event: version\nid: %llu\ndata: {\"version\":%llu}\n\n",
                        (unsigned long long)version, (unsigned long long)version);

    event_stream_say(stream, event, (size_t)size);
}

/* The version that serves, and each that does later; the end when the app is gone. What cannot
 * be seen now is not told: the page that is open is all there is of the app. */
static void stream_versions(struct exchange *exchange)
{
    struct event_stream stream;
    uint64_t said = 0;

    event_stream_begin(&stream, exchange);
    while (!stream.is_over) {
        struct serving now = preview_watch_look(exchange->gateway->watch, exchange);

        if (now.is_known && !now.exists) {
            event_stream_end(&stream);
        } else if (now.is_known && now.can_be_seen && now.version != said) {
            say_version(&stream, now.version);
            said = now.version;
        }
        event_stream_wait(&stream, SLICE_MS);
    }
}

static bool enter(struct exchange *exchange, struct fault *fault)
{
    int32_t threads = (int32_t)exchange->gateway->settings.http_threads;
    int32_t most = threads / 4 < LISTENERS_MAX ? threads / 4 : LISTENERS_MAX;

    if (!metric_enter(&metric_listeners, most)) {
        (void) fault_set(fault, FAULT_overloaded, "more than %d pages listen", most);
        return fault_retry_after(fault, 5000);
    }
    if (preview_watch_enter(exchange->gateway->watch, exchange->label, fault))
        return true;
    metric_leave(&metric_listeners);
    return false;
}

static bool answer_events(struct exchange *exchange, struct fault *fault)
{
    if (!find_existing(exchange, false, fault) || !enter(exchange, fault))
        return false;
    stream_versions(exchange);
    preview_watch_leave(exchange->gateway->watch, exchange->label);
    metric_leave(&metric_listeners);
    return true;
}

static const struct own_path {
    const char *path;
    bool (*answer)(struct exchange *exchange, struct fault *fault);
} paths[] = {
    {"/.isekai/version", answer_version},       /* {"version":3,"status":"running"} */
    {"/.isekai/events", answer_events},         /* the same as it changes: server-sent events */
    {PREVIEW_SCRIPT, answer_script},            /* listens, and reloads its page */
};

static bool may_ask(const struct exchange *exchange, struct fault *fault)
{
    struct text site = request_header(exchange, "sec-fetch-site");

    return !site.at || text_is(site, "same-origin") || text_is(site, "none") ||
           fault_set(fault, FAULT_origin_refused, "only the app's own pages may ask here");
}

static bool answer_path(struct exchange *exchange, struct fault *fault)
{
    const struct http_request *request = exchange->request;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (!text_is(request->path, paths[i].path))
            continue;
        if (text_is(request->verb, "GET") || exchange->is_head)
            return may_ask(exchange, fault) && paths[i].answer(exchange, fault);
        answer_header(&exchange->answer, "Allow", "GET, HEAD");
        return fault_set(fault, FAULT_wrong_verb, "a path of the gateway's own is only read");
    }
    return fault_set(fault, FAULT_no_such_route, "no such path of the gateway's own");
}

bool answer_own(struct exchange *exchange, struct fault *fault)
{
    static const char start[] = "/.isekai/";
    struct text path = exchange->request->path;

    if (path.size < sizeof start - 1 || memcmp(path.at, start, sizeof start - 1) != 0)
        return true;
    if (!http_body_is_read(exchange->http))
        http_close(exchange->http);
    return answer_path(exchange, fault);
}
