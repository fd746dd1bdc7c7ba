/* preview_relay.c - the request to the app, and the app's answer back, through bounded buffers.
 *
 * One connection to the app for each request. The body goes first; an app that answers before it
 * has read everything is heard at once. All buffers are in the request's arena: the thread's
 * stack holds 100 KB.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "bus/clock.h"
#include "bus/owned.h"
#include "gateway/metrics.h"
#include "gateway/preview_crowd.h"
#include "gateway/preview_relay.h"

enum {
    CONNECT_MS_MAX = 5000,
    BODY_MS_MAX = 300000,           /* for the caller's whole body */
    SEND_MS_MAX = 30000,            /* for the app to take some of it */
    PIECE_OCTETS = 16384,
    HELD_OCTETS_MAX = 16384,        /* that civetweb may have received together with the head */
};
#define BODY_OCTETS_MAX INT64_C(104857600)

static int connect_app(const struct exchange *exchange, struct fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = CONNECT_MS_MAX / 1000};
    OWNED(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* By the directory's descriptor: a full path may be longer than a socket's name can be. */
    (void) snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s.sock",
                    preview_directory(exchange->gateway->previews), exchange->label);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0) {
        (void) fault_set(fault, FAULT_overloaded, "no socket: %s", strerror(errno));
        return -1;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        (void) fault_set(fault, FAULT_app_unreachable, "the app's door is shut: %s",
                         strerror(errno));
        return -1;
    }
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        (void) fault_set(fault, FAULT_internal, "O_NONBLOCK: %s", strerror(errno));
        return -1;
    }
    return fd_take(&fd);
}

bool send_all(int fd, const char *octets, size_t size, int64_t deadline_ms)
{
    while (size > 0) {
        ssize_t sent = send(fd, octets, size, MSG_NOSIGNAL);

        if (sent >= 0) {
            octets += sent;
            size -= (size_t)sent;
            continue;
        }
        if (errno == EINTR)
            continue;
        struct pollfd ready = {fd, POLLOUT, 0};
        int64_t left_ms = clock_left_ms(deadline_ms);
        if ((errno != EAGAIN && errno != EWOULDBLOCK) || left_ms == 0 ||
            poll(&ready, 1, (int)left_ms) == 0)
            return false;
    }
    return true;
}

/* ---- to the app ---- */

static bool has_answered(const struct relay *self)
{
    struct pollfd app = {self->app, POLLIN, 0};

    return poll(&app, 1, 0) > 0;
}

/* Wait until the caller sends more or the app answers. civetweb may hold the first octets of the
 * body already, of which the socket says nothing: then the read itself must wait. */
static void await_either(const struct relay *self, int64_t sent, int64_t deadline_ms)
{
    struct pollfd ends[] = {{http_socket(self->exchange->http), POLLIN, 0},
                            {self->app, POLLIN, 0}};

    if (sent >= HELD_OCTETS_MAX)
        (void) poll(ends, 2, (int)clock_left_ms(deadline_ms));
}

static bool send_piece(struct relay *self, const char *octets, size_t size)
{
    int64_t deadline_ms = clock_now_ms() + SEND_MS_MAX;
    char line[24];

    if (self->request.framing.body_octets != BODY_CHUNKED)
        return send_all(self->app, octets, size, deadline_ms);
    int line_size = snprintf(line, sizeof line, "%zx\r\n", size);
    return send_all(self->app, line, (size_t)line_size, deadline_ms) &&
           send_all(self->app, octets, size, deadline_ms) &&
           send_all(self->app, "\r\n", 2, deadline_ms);
}

/* The body, as it comes. When the app stops reading, its answer will say why: go on to that. */
static bool send_body(struct relay *self, struct fault *fault)
{
    struct http_exchange *http = self->exchange->http;
    bool is_chunked = self->request.framing.body_octets == BODY_CHUNKED;
    int64_t deadline_ms = clock_now_ms() + BODY_MS_MAX, sent = 0;

    while (!http_body_is_read(http)) {
        await_either(self, sent, deadline_ms);
        if (has_answered(self))
            break;
        size_t size = is_chunked ? PIECE_OCTETS : http_readable(http, PIECE_OCTETS);
        int got = http_read(http, self->buffer, size, deadline_ms);

        if (got < 0)
            return has_answered(self) ||
                   fault_set(fault, FAULT_bad_request, "the body is broken or late");
        sent += got;
        if (sent > BODY_OCTETS_MAX)
            return fault_set(fault, FAULT_too_large, "the body is larger than %lld octets",
                             (long long)BODY_OCTETS_MAX);
        if (got > 0 && !send_piece(self, self->buffer, (size_t)got))
            return true;
    }
    if (is_chunked && http_body_is_read(http))
        (void) send_all(self->app, "0\r\n\r\n", 5, clock_now_ms() + SEND_MS_MAX);
    return true;
}

static bool send_request(struct relay *self, struct fault *fault)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct exchange *exchange = self->exchange;
    struct iovec part = {(void *)(uintptr_t)go_on, sizeof go_on - 1};
    size_t size = preview_request_print(&self->request, self->buffer, RELAY_OCTETS);

    if (self->request.framing.body_octets > BODY_OCTETS_MAX)
        return fault_set(fault, FAULT_too_large, "the body is larger than %lld octets",
                         (long long)BODY_OCTETS_MAX);
    if (size == 0)
        return fault_set(fault, FAULT_too_long, "the headers do not fit");
    if (!send_all(self->app, self->buffer, size, clock_now_ms() + SEND_MS_MAX))
        return fault_set(fault, FAULT_app_unreachable, "the app hung up");
    if (text_equals_nocase(request_header(exchange, "expect"), "100-continue") &&
        !http_write(exchange->http, &part, 1, clock_now_ms() + SEND_MS_MAX))
        return fault_set(fault, FAULT_cancelled, "the caller is gone");
    return send_body(self, fault);
}

/* What is remembered of an app may be a second old: when its door is shut, ask again, and wake
 * it if it fell asleep. */
static int reach_app(struct exchange *exchange, struct fault *fault)
{
    int app = connect_app(exchange, fault);

    if (app >= 0)
        return app;
    struct fault shut = *fault;
    if (!preview_find(exchange, true, fault) || !preview_may_run(exchange->app, fault))
        return -1;
    if (exchange->app->status == app_status_running) {
        *fault = shut;
        return -1;
    }
    return preview_wake(exchange, fault) ? connect_app(exchange, fault) : -1;
}

static bool relay_request(struct exchange *exchange, struct fault *fault)
{
    OWNED(fd) int app = reach_app(exchange, fault);
    struct relay self = {
        .exchange = exchange,
        .app = app,
        .buffer = arena_take(exchange->arena, RELAY_OCTETS),
        .head = arena_take(exchange->arena, sizeof *self.head),
        .request = {.verb = exchange->request->verb,
                    .path = exchange->request->path,
                    .query = exchange->request->query,
                    .headers = exchange->request->headers,
                    .framing = exchange->request->framing,
                    .caller = exchange->caller_text,
                    .is_https = exchange->is_https},
    };

    if (app < 0)
        return false;
    if (!self.buffer || !self.head)
        return fault_set(fault, FAULT_internal, "no memory for a relay");
    self.request.is_upgrade = preview_wants_upgrade(&self.request);
    self.request.is_page = !self.request.is_upgrade && preview_is_page(exchange);
    return send_request(&self, fault) && relay_answer(&self, fault);
}

bool relay_app(struct exchange *exchange, struct fault *fault)
{
    int32_t most = (int32_t)exchange->gateway->settings.http_threads / 2;

    if (!metric_enter(&metric_previews, most)) {
        (void) fault_set(fault, FAULT_overloaded, "more than %d previews at once", most);
        return fault_retry_after(fault, 1000);
    }
    bool is_relayed = preview_crowd_enter(exchange->gateway->crowd, exchange->label, fault);
    if (is_relayed) {
        is_relayed = relay_request(exchange, fault);
        preview_crowd_leave(exchange->gateway->crowd, exchange->label);
    }
    metric_leave(&metric_previews);
    return is_relayed;
}
