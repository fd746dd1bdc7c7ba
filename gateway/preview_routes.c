/* preview_routes.c - which app is behind a label, remembered for a second, and waking it.
 *
 * Many requests for one sleeping app make one call to wake it; the others wait for its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bus/clock.h"
#include "gateway/preview.h"
#include "gateway/preview_crowd.h"

enum { REMEMBERED = 256, ASK_MS_MAX = 5000 };

struct remembered {
    char label[APP_LABEL_SIZE];
    int64_t until_ms;
    struct preview_app app;
};

struct preview_routes {
    int directory;
    pthread_mutex_t lock;           /* all below */
    pthread_cond_t woken;
    char waking[PREVIEW_WAKES_MAX][APP_LABEL_SIZE];     /* "": free */
    struct remembered remembered[REMEMBERED];
};

static int open_directory(const char *run, struct fault *fault)
{
    char path[300];

    (void) snprintf(path, sizeof path, "%s/preview", run);
    if (geteuid() != 0)
        (void) mkdir(path, 0700);           /* `isekai up` makes it; alone we may */
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        (void) fault_set(fault, FAULT_not_found, "the directory of previews '%s': %s", path,
                         strerror(errno));
    return fd;
}

struct preview_routes *preview_routes_new(const char *run, struct fault *fault)
{
    struct preview_routes *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for previews");
        return NULL;
    }
    self->directory = open_directory(run, fault);
    if (self->directory < 0) {
        free(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return self;
}

void preview_routes_free(struct preview_routes *self)
{
    if (!self)
        return;
    (void) close(self->directory);
    pthread_cond_destroy(&self->woken);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

int preview_directory(const struct preview_routes *self) { return self->directory; }

/* ---- what is remembered ---- */

static struct remembered *place_of(struct preview_routes *self, const char *label)
{
    uint32_t hash = 2166136261u;

    for (; *label; label++)
        hash = (hash ^ (unsigned char)*label) * 16777619u;
    return &self->remembered[hash % REMEMBERED];
}

static bool recall(struct preview_routes *self, const char *label, struct preview_app *out)
{
    pthread_mutex_lock(&self->lock);
    struct remembered *place = place_of(self, label);
    bool is_known = clock_now_ms() < place->until_ms && strcmp(place->label, label) == 0;
    if (is_known)
        *out = place->app;
    pthread_mutex_unlock(&self->lock);
    return is_known;
}

static void remember(struct preview_routes *self, const char *label,
                     const struct preview_app *app, int64_t until_ms)
{
    pthread_mutex_lock(&self->lock);
    struct remembered *place = place_of(self, label);
    (void) snprintf(place->label, sizeof place->label, "%s", label);
    place->app = *app;
    place->until_ms = until_ms;
    pthread_mutex_unlock(&self->lock);
}

void preview_forget(struct preview_routes *self, const char *label)
{
    pthread_mutex_lock(&self->lock);
    struct remembered *place = place_of(self, label);
    if (strcmp(place->label, label) == 0)
        place->until_ms = 0;
    pthread_mutex_unlock(&self->lock);
}

/* ---- asking ---- */

static bool ask(struct exchange *exchange, const struct method *method, const void *request,
                uint32_t within_ms, struct fault *fault)
{
    const struct ask how = {.method = method,
                            .deadline_ms = clock_now_ms() + within_ms,
                            .request_id = exchange->request_id,
                            .traceparent = exchange->traceparent};
    msgpack_sbuffer packed;

    msgpack_sbuffer_init(&packed);
    pipe_reply_free(&exchange->reply);
    bool answered = message_encode(method->request, request, &packed, fault) &&
                    pipe_ask(exchange->gateway->pipe, &how,
                             (struct text){packed.data, packed.size}, &exchange->reply, fault);
    msgpack_sbuffer_destroy(&packed);
    return answered;
}

static void copy_text(struct text from, char *out, size_t capacity)
{
    if (!from.at || !text_to_string(from, out, capacity))
        out[0] = '\0';
}

static bool ask_route(struct exchange *exchange, struct preview_app *out, struct fault *fault)
{
    const struct route_request request = {.label = text_from(exchange->label)};
    struct route_reply reply;

    memset(out, 0, sizeof *out);
    if (!ask(exchange, &method_store_route, &request, ASK_MS_MAX, fault))
        return fault->kind == FAULT_app_not_found || fault->kind == FAULT_not_found;
    if (!message_decode(&route_reply_message, exchange->reply.result, LENIENT, exchange->arena,
                        &reply, NULL, fault))
        return fault_while(fault, "the answer of store.route");
    copy_text(reply.app_id, out->app_id, sizeof out->app_id);
    copy_text(reply.name, out->name, sizeof out->name);
    copy_text(reply.error, out->error, sizeof out->error);
    out->status = reply.status;
    out->version = reply.version;
    out->exists = true;
    return true;
}

bool preview_find(struct exchange *exchange, bool is_fresh, struct fault *fault)
{
    struct preview_routes *self = exchange->gateway->previews;

    if (!exchange->app)
        exchange->app = arena_take(exchange->arena, sizeof *exchange->app);
    if (!exchange->app)
        return fault_set(fault, FAULT_internal, "no memory for a preview");
    if (!is_fresh && recall(self, exchange->label, exchange->app))
        return true;
    if (!ask_route(exchange, exchange->app, fault))
        return false;
    /* Only what runs is remembered: one that is started must be seen at once. */
    if (exchange->app->status == app_status_running)
        remember(self, exchange->label, exchange->app, clock_now_ms() + PREVIEW_CACHE_MS);
    return true;
}

/* ---- stages ---- */

bool preview_may_run(const struct preview_app *app, struct fault *fault)
{
    if (!app->exists)
        return fault_set(fault, FAULT_app_not_found, "no app has this label");
    switch (app->status) {
    case app_status_running:
    case app_status_sleeping:
        return true;
    case app_status_generating:
        (void) fault_set(fault, FAULT_unavailable, "the app is being made");
        return fault_retry_after(fault, 2000);
    case app_status_error:
        return fault_set(fault, FAULT_unavailable, "the app is in error: %s", app->error);
    default:
        return fault_set(fault, FAULT_unavailable, "the app is stopped");
    }
}

bool find_app(struct exchange *exchange, struct fault *fault)
{
    /* A page is told its version, which must not be one that is over. */
    return preview_find(exchange, preview_is_page(exchange), fault) &&
           preview_may_run(exchange->app, fault);
}

static char *find_waking(struct preview_routes *self, const char *label)
{
    for (int i = 0; i < PREVIEW_WAKES_MAX; i++)
        if (strcmp(self->waking[i], label) == 0)
            return self->waking[i];
    return NULL;
}

/* True: this thread is to wake the app, and to call end_wake(). False: somebody else did, or
 * the fault says why not. */
static bool begin_wake(struct preview_routes *self, const char *label, int64_t deadline_ms,
                       struct fault *fault)
{
    struct timespec end = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    bool is_mine = false;

    pthread_mutex_lock(&self->lock);
    char *place = find_waking(self, label);
    if (place) {
        while (find_waking(self, label) && clock_left_ms(deadline_ms) > 0)
            (void) pthread_cond_timedwait(&self->woken, &self->lock, &end);
    } else if ((place = find_waking(self, "")) != NULL) {
        (void) snprintf(place, APP_LABEL_SIZE, "%s", label);
        is_mine = true;
    } else {
        (void) fault_set(fault, FAULT_overloaded, "too many apps wake up at once");
    }
    pthread_mutex_unlock(&self->lock);
    return is_mine;
}

static void end_wake(struct preview_routes *self, const char *label)
{
    pthread_mutex_lock(&self->lock);
    char *place = find_waking(self, label);
    if (place)
        place[0] = '\0';
    pthread_cond_broadcast(&self->woken);
    pthread_mutex_unlock(&self->lock);
}

bool preview_wake(struct exchange *exchange, struct fault *fault)
{
    struct preview_routes *self = exchange->gateway->previews;
    int64_t deadline_ms = clock_now_ms() + PREVIEW_WAKE_MS_MAX;

    if (begin_wake(self, exchange->label, deadline_ms, fault)) {
        const struct app_ref request = {.app_id = text_from(exchange->app->app_id)};
        bool is_woken = ask(exchange, &method_apps_wake, &request, PREVIEW_WAKE_MS_MAX, fault);

        preview_forget(self, exchange->label);
        end_wake(self, exchange->label);
        if (!is_woken && fault->kind != FAULT_busy)
            return fault_while(fault, "the app does not wake up");
        fault->kind = FAULT_NONE;       /* busy: another change may have started it */
    }
    if (fault->kind != FAULT_NONE || !preview_find(exchange, true, fault))
        return false;
    if (exchange->app->status == app_status_sleeping) {
        (void) fault_set(fault, FAULT_unavailable, "the app is waking up");
        return fault_retry_after(fault, 2000);
    }
    return preview_may_run(exchange->app, fault);
}

bool wake_app(struct exchange *exchange, struct fault *fault)
{
    struct preview_crowd *crowd = exchange->gateway->crowd;

    if (exchange->app->status != app_status_sleeping)
        return true;
    if (!preview_crowd_enter(crowd, exchange->label, fault))
        return false;
    bool is_woken = preview_wake(exchange, fault);
    preview_crowd_leave(crowd, exchange->label);
    return is_woken;
}
