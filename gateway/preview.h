/* preview.h - requests for an app's own address: a road of their own beside the API's.
 *
 * Owns:     preview_routes owns its cache, its wakes under way and the directory of sockets.
 * Fails as: app_not_found, unavailable (stopped, error, generating), app_unreachable, timed_out,
 *           too_many, too_large, overloaded; each becomes a page that shows in the studio's frame.
 * Threads:  the stages run on civetweb's threads; preview_routes is locked inside.
 */
#ifndef ISEKAI_GATEWAY_PREVIEW_H
#define ISEKAI_GATEWAY_PREVIEW_H

#include "gateway/pipeline.h"

enum {
    PREVIEW_CACHE_MS = 1000,
    PREVIEW_WAKE_MS_MAX = 60000,
    PREVIEW_WAKES_MAX = 64,
};

#define PREVIEW_SCRIPT "/.isekai/reload.js"

/* What is behind a label, as the store said at most PREVIEW_CACHE_MS ago. */
struct preview_app {
    char app_id[101];
    char name[804];
    char error[1204];
    enum app_status status;
    uint64_t version;
    bool exists;
};

struct preview_routes;

/* `run` is the run directory; the sockets are in its `preview`. */
struct preview_routes *preview_routes_new(const char *run, struct fault *fault);
void preview_routes_free(struct preview_routes *self);      /* NULL is welcome */
int preview_directory(const struct preview_routes *self);

/* Is this Host one label below the preview domain? */
bool preview_is_host(const struct config *config, struct text host, char label[APP_LABEL_SIZE]);

void preview_run(struct exchange *exchange);

stage limit_preview, answer_own, find_app, wake_app, relay_app;

/* Does a browser ask for a page that is to be told of the next version? */
bool preview_is_page(const struct exchange *exchange);

/* What is behind the label; is_fresh: ask, do not remember. */
bool preview_find(struct exchange *exchange, bool is_fresh, struct fault *fault);
/* Start a sleeping app, or wait for whoever does so already. */
bool preview_wake(struct exchange *exchange, struct fault *fault);
void preview_forget(struct preview_routes *self, const char *label);

/* Is it there, and running or asleep? The fault says what it is otherwise. */
bool preview_may_run(const struct preview_app *app, struct fault *fault);

/* The page that says what happened and what to do. */
void write_preview_page(struct exchange *exchange, const struct fault *fault);

/* Pass octets both ways until either end is done; the answer 101 has been sent. `early` is what
 * the app sent behind its head. */
void relay_upgraded(struct exchange *exchange, int app, struct text early);

/* Send everything or fail when the other end is gone or takes longer. */
bool send_all(int fd, const char *octets, size_t size, int64_t deadline_ms);

#endif
