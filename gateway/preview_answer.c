/* preview_answer.c - the app's answer, read strictly and passed on through one bounded buffer. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "bus/clock.h"
#include "gateway/preview_relay.h"

enum {
    HEAD_MS_MAX = 60000,            /* for the app to begin its answer */
    SILENCE_MS_MAX = 300000,        /* between two pieces of it */
    SLICE_MS = 1000,
    INTERIM_MAX = 8,                /* 1xx answers before the real one */
};

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
            ssize_t got = recv(self->app, self->buffer + used, RELAY_OCTETS - used, 0);
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

    preview_note_body(self, payload);
    self->exchange->answer.body.size += payload.size;       /* for the log */
    return payload.size == 0 || write_caller(self, parts, 3);
}

/* How the answer's end is shown to the caller. */
static void print_framing(struct relay *self, char *out, size_t capacity)
{
    const struct app_head *head = self->head;
    const char *connection = "Connection: keep-alive\r\n";

    self->is_tagged = self->request.is_page && preview_may_tag(head);
    self->is_chunked_out = (head->framing == FRAMING_CHUNKED || head->framing == FRAMING_CLOSE ||
                            self->is_tagged) &&
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
    char framing[96], first[160];

    print_framing(self, framing, sizeof framing);
    enum head_way way = head->status == 101 ? HEAD_OF_UPGRADE
                        : self->is_tagged   ? HEAD_OF_TAGGED
                                            : HEAD_AS_IT_IS;
    size_t passed_size = passed ? app_head_print(head, way, passed, APP_HEAD_OCTETS_MAX + 256) : 0;
    if (passed_size == 0)
        return fault_set(fault, FAULT_app_unreachable, "the app's headers do not fit");
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
    if (self->is_tagged) {
        char tag[PREVIEW_TAG_SIZE];
        struct text octets = {tag, preview_tag_print(self, tag)};

        (void) write_payload(self, octets);
    }
    struct iovec end = {(void *)(uintptr_t)"0\r\n\r\n", 5};
    return !self->is_chunked_out || write_caller(self, &end, 1);
}

bool relay_answer(struct relay *self, struct fault *fault)
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
