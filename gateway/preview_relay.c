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
#include "gateway/preview.h"
#include "gateway/preview_head.h"

enum {
    CONNECT_MS_MAX = 5000,
    BODY_MS_MAX = 300000,           /* for the caller's whole body */
    SEND_MS_MAX = 30000,            /* for the app to take some of it */
    HEAD_MS_MAX = 60000,            /* for the app to begin its answer */
    SILENCE_MS_MAX = 300000,        /* between two pieces of it */
    SLICE_MS = 1000,
    INTERIM_MAX = 8,                /* 1xx answers before the real one */
    BUFFER_OCTETS = APP_HEAD_OCTETS_MAX + 16384,
    PIECE_OCTETS = 16384,
};
#define BODY_OCTETS_MAX INT64_C(104857600)

struct relay {
    struct exchange *exchange;
    int app;
    char *buffer;                   /* BUFFER_OCTETS: from the app, or of the body to it */
    struct text unread;             /* in buffer, behind what was used */
    struct app_head *head;
    struct preview_request request;
    bool is_chunked_out;            /* the answer to the caller is */
};

int connect_app(const struct exchange *exchange, struct fault *fault)
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

    while (!http_body_is_read(http) && !has_answered(self)) {
        size_t size = is_chunked ? PIECE_OCTETS : http_readable(http, PIECE_OCTETS);
        int got = http_read(http, self->buffer, size, deadline_ms);

        if (got < 0)
            return fault_set(fault, FAULT_bad_request, "the body is broken or late");
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
    size_t size = preview_request_print(&self->request, self->buffer, BUFFER_OCTETS);

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

/* ---- from the app ---- */

enum arrival { ARRIVED, APP_DONE, APP_SILENT, CALLER_GONE };

/* Receive behind `unread`, once something is there. */
static enum arrival receive(struct relay *self, int64_t deadline_ms)
{
    size_t used = (size_t)(self->unread.at - self->buffer) + self->unread.size;
    bool waited = false;

    for (;;) {
        struct pollfd ends[] = {{self->app, POLLIN, 0},
                                {http_socket(self->exchange->http), waited ? POLLRDHUP : 0, 0}};
        int64_t left_ms = clock_left_ms(deadline_ms);
        int ready = poll(ends, 2, left_ms < SLICE_MS ? (int)left_ms : SLICE_MS);

        if (ready > 0 && ends[0].revents != 0) {
            ssize_t got = recv(self->app, self->buffer + used, BUFFER_OCTETS - used, 0);
            if (got > 0)
                self->unread.size += (size_t)got;
            if (got >= 0 || (errno != EAGAIN && errno != EINTR))
                return got > 0 ? ARRIVED : APP_DONE;
        }
        if ((ready > 0 && ends[1].revents != 0) || http_is_stopping(self->exchange->http))
            return CALLER_GONE;
        if (clock_left_ms(deadline_ms) == 0)
            return APP_SILENT;
        waited = true;
    }
}

static bool read_one_head(struct relay *self, int64_t deadline_ms, struct fault *fault)
{
    size_t size;

    while ((size = app_head_size(self->unread)) == 0) {
        if (self->unread.size >= APP_HEAD_OCTETS_MAX)
            return fault_set(fault, FAULT_app_unreachable, "the app's headers are too large");
        switch (receive(self, deadline_ms)) {
        case ARRIVED:
            break;
        case APP_DONE:
            return fault_set(fault, FAULT_app_unreachable, "the app hung up without an answer");
        case APP_SILENT:
            return fault_set(fault, FAULT_timed_out, "the app did not answer in %d s",
                             HEAD_MS_MAX / 1000);
        case CALLER_GONE:
            return fault_set(fault, FAULT_cancelled, "the caller is gone");
        }
    }
    if (size > APP_HEAD_OCTETS_MAX)
        return fault_set(fault, FAULT_app_unreachable, "the app's headers are too large");
    struct text octets = {self->unread.at, size};
    self->unread = (struct text){self->unread.at + size, self->unread.size - size};
    return app_head_read(octets, self->exchange->is_head, self->head, fault);
}

static bool read_head(struct relay *self, struct fault *fault)
{
    int64_t deadline_ms = clock_now_ms() + HEAD_MS_MAX;

    self->unread = (struct text){self->buffer, 0};
    for (int i = 0; i < INTERIM_MAX; i++) {
        if (!read_one_head(self, deadline_ms, fault))
            return false;
        if (self->head->status >= 200)
            return true;
        if (self->head->status == 101)
            return (self->request.is_upgrade && app_head_is_upgrade(self->head)) ||
                   fault_set(fault, FAULT_app_unreachable, "the app changed protocols unasked");
        /* An interim answer is not for the caller. Its octets make room. */
        memmove(self->buffer, self->unread.at, self->unread.size);
        self->unread.at = self->buffer;
    }
    return fault_set(fault, FAULT_app_unreachable, "the app does not get to its answer");
}

/* ---- to the caller ---- */

static bool write_caller(struct relay *self, struct iovec *parts, int count)
{
    return http_write(self->exchange->http, parts, count, clock_now_ms() + ANSWER_MS_MAX);
}

static bool write_payload(struct relay *self, struct text payload)
{
    char line[24];
    int size = self->is_chunked_out ? snprintf(line, sizeof line, "%zx\r\n", payload.size) : 0;
    struct iovec parts[] = {{line, (size_t)size},
                            {(void *)(uintptr_t)payload.at, payload.size},
                            {(void *)(uintptr_t)"\r\n", self->is_chunked_out ? 2 : 0}};

    self->exchange->answer.body.size += payload.size;       /* for the log */
    return payload.size == 0 || write_caller(self, parts, 3);
}

/* How the answer's end is shown to the caller. */
static void print_framing(struct relay *self, char *out, size_t capacity)
{
    const struct app_head *head = self->head;
    const char *connection = "Connection: keep-alive\r\n";

    self->is_chunked_out = (head->framing == FRAMING_CHUNKED || head->framing == FRAMING_CLOSE) &&
                           !self->request.framing.is_http_1_0;
    if (head->framing == FRAMING_CLOSE && !self->is_chunked_out)
        http_close(self->exchange->http);
    if (head->framing == FRAMING_CHUNKED && !self->is_chunked_out)
        http_close(self->exchange->http);
    if (http_is_closing(self->exchange->http))
        connection = "Connection: close\r\n";
    if (head->status == 101)
        out[0] = '\0';
    else if (self->is_chunked_out)
        (void) snprintf(out, capacity, "Transfer-Encoding: chunked\r\n%s", connection);
    else if (head->framing == FRAMING_LENGTH || header_count(&head->headers, "content-length"))
        (void) snprintf(out, capacity, "Content-Length: %lld\r\n%s", (long long)head->length,
                        connection);
    else
        (void) snprintf(out, capacity, "%s", connection);
}

static bool write_head(struct relay *self, struct fault *fault)
{
    struct exchange *exchange = self->exchange;
    const struct app_head *head = self->head;
    char *passed = arena_take(exchange->arena, APP_HEAD_OCTETS_MAX + 256);
    size_t passed_size = passed ? app_head_print(head, head->status == 101, passed,
                                                 APP_HEAD_OCTETS_MAX + 256)
                                : 0;
    char framing[96], first[160];

    if (passed_size == 0)
        return fault_set(fault, FAULT_app_unreachable, "the app's headers do not fit");
    print_framing(self, framing, sizeof framing);
    int first_size = snprintf(first, sizeof first, "HTTP/1.1 %d %s\r\nX-Request-Id: %s\r\n",
                              head->status, http_status_phrase(head->status),
                              exchange->request_id);
    struct iovec parts[] = {{first, (size_t)first_size},
                            {passed, passed_size},
                            {framing, strlen(framing)},
                            {(void *)(uintptr_t)"\r\n", 2}};

    exchange->answer.status = head->status;
    exchange->answer.is_sent = true;
    exchange->answer.body = (struct text){NULL, 0};
    return write_caller(self, parts, 4) ||
           fault_set(fault, FAULT_cancelled, "the caller is gone");
}

/* Pass on what is in `unread`. False: broken or the caller is gone. *is_done: the body is over. */
static bool pass_unread(struct relay *self, struct chunks *chunks, int64_t *left, bool *is_done,
                        struct fault *fault)
{
    struct text payload = self->unread;
    size_t used = payload.size;

    if (self->head->framing == FRAMING_LENGTH && (int64_t)payload.size > *left)
        payload.size = used = (size_t)*left;
    if (self->head->framing == FRAMING_CHUNKED &&
        !chunks_read(chunks, self->unread, &used, &payload, fault))
        return false;
    *left -= (int64_t)payload.size;
    self->unread = (struct text){self->unread.at + used, self->unread.size - used};
    *is_done = self->head->framing == FRAMING_LENGTH    ? *left == 0
               : self->head->framing == FRAMING_CHUNKED ? chunks->state == CHUNK_DONE
                                                        : false;
    return write_payload(self, payload) ||
           fault_set(fault, FAULT_cancelled, "the caller is gone");
}

static bool pass_body(struct relay *self, struct fault *fault)
{
    struct chunks chunks = {.state = CHUNK_SIZE};
    int64_t left = self->head->length;
    bool is_done = self->head->framing == FRAMING_NONE ||
                   (self->head->framing == FRAMING_LENGTH && left == 0);

    while (!is_done) {
        if (self->unread.size > 0) {
            if (!pass_unread(self, &chunks, &left, &is_done, fault))
                return false;
            continue;
        }
        self->unread = (struct text){self->buffer, 0};
        switch (receive(self, clock_now_ms() + SILENCE_MS_MAX)) {
        case ARRIVED:
            break;
        case APP_DONE:
            if (self->head->framing != FRAMING_CLOSE)
                return fault_set(fault, FAULT_app_unreachable, "the app hung up in mid answer");
            is_done = true;
            break;
        case APP_SILENT:
            return fault_set(fault, FAULT_timed_out, "the app fell silent in mid answer");
        case CALLER_GONE:
            return fault_set(fault, FAULT_cancelled, "the caller is gone");
        }
    }
    struct iovec end = {(void *)(uintptr_t)"0\r\n\r\n", 5};
    return !self->is_chunked_out || write_caller(self, &end, 1);
}

static bool relay_answer(struct relay *self, struct fault *fault)
{
    if (!read_head(self, fault))
        return false;
    if (!http_body_is_read(self->exchange->http) || self->head->status == 101)
        http_close(self->exchange->http);
    if (!write_head(self, fault))
        return false;
    if (self->head->status == 101) {
        relay_upgraded(self->exchange, self->app, self->unread);
        return true;
    }
    if (pass_body(self, fault))
        return true;
    http_close(self->exchange->http);       /* the caller sees that it was cut short */
    return false;
}

static bool relay_request(struct exchange *exchange, struct fault *fault)
{
    OWNED(fd) int app = connect_app(exchange, fault);
    struct relay self = {
        .exchange = exchange,
        .app = app,
        .buffer = arena_take(exchange->arena, BUFFER_OCTETS),
        .head = arena_take(exchange->arena, sizeof *self.head),
        .request = {.verb = exchange->request->verb,
                    .path = exchange->request->path,
                    .query = exchange->request->query,
                    .headers = exchange->request->headers,
                    .framing = exchange->request->framing,
                    .caller = exchange->caller_text,
                    .is_https = exchange->is_https},
    };

    if (app < 0) {
        preview_forget(exchange->gateway->previews, exchange->label);
        return false;
    }
    if (!self.buffer || !self.head)
        return fault_set(fault, FAULT_internal, "no memory for a relay");
    self.request.is_upgrade = preview_wants_upgrade(&self.request);
    return send_request(&self, fault) && relay_answer(&self, fault);
}

bool relay_app(struct exchange *exchange, struct fault *fault)
{
    int32_t most = (int32_t)exchange->gateway->settings.http_threads / 2;

    if (!metric_enter(&metric_previews, most)) {
        (void) fault_set(fault, FAULT_overloaded, "more than %d previews at once", most);
        return fault_retry_after(fault, 1000);
    }
    bool is_relayed = relay_request(exchange, fault);
    metric_leave(&metric_previews);
    return is_relayed;
}
