/* connection.c - one connection of an app, from its first octet to its last. */
#include "actors/sandbox/egress/proxy_inside.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bus/clock.h"
#include "bus/owned.h"

static const char connected[] = "HTTP/1.1 200 Connection established\r\n\r\n";

static const struct { enum egress_end end; const char *status; } statuses[] = {
    {EGRESS_DENIED, "403 Forbidden"},
    {EGRESS_PRIVATE, "403 Forbidden"},
    {EGRESS_UNRESOLVED, "502 Bad Gateway"},
    {EGRESS_UNREACHABLE, "502 Bad Gateway"},
};

/* The socket is new and its buffer empty: what does not fit is for somebody who does not read. */
static void answer(int client, const char *text, size_t size)
{
    (void) send(client, text, size, MSG_NOSIGNAL);
}

static void refuse(int client, const char *status, const char *code, const char *reason)
{
    char text[EGRESS_REASON_SIZE + 256];
    int size = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nX-Egress-Code: %s\r\n"
                        "Content-Type: text/plain\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\n%s\n", status, code, strlen(reason) + 1, reason);

    answer(client, text, size < (int)sizeof text ? (size_t)size : sizeof text - 1);
}

/* ---- the head ---- */

/* False: it has gone, or took too long. */
static bool read_more(int client, char *head, size_t *size, int64_t deadline_ms)
{
    struct pollfd readable = {.fd = client, .events = POLLIN};
    ssize_t got;

    do {
        int ready = poll(&readable, 1, (int)clock_left_ms(deadline_ms));
        if (ready == 0 || (ready < 0 && errno != EINTR))
            return false;
        got = recv(client, head + *size, CONNECT_HEAD_OCTETS_MAX - *size, 0);
    } while (got < 0 && (errno == EAGAIN || errno == EINTR));
    *size += got > 0 ? (size_t)got : 0;
    return got > 0;
}

static bool read_head(struct connection *self, char *head, size_t *size, size_t *head_size)
{
    int64_t deadline_ms = clock_now_ms() + HEAD_MS;
    enum connect_head state = CONNECT_HEAD_MORE;
    const char *why = NULL;

    *size = 0;
    while (state == CONNECT_HEAD_MORE) {
        if (!read_more(self->client, head, size, deadline_ms))
            return false;
        state = connect_head_read((struct text){head, *size}, head_size, &self->target, &why);
    }
    if (state == CONNECT_HEAD_BROKEN)
        refuse(self->client, "400 Bad Request", "EGRESS_MALFORMED", why);
    return state == CONNECT_HEAD_READ;
}

/* ---- what came of it ---- */

static void tell_end(struct connection *self, enum egress_end end, const char *code,
                     const char *reason)
{
    proxy_report(self->proxy, &self->target, end);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].end == end)
            refuse(self->client, statuses[i].status, code, reason);
}

static void deny(struct connection *self)
{
    char reason[EGRESS_REASON_SIZE];

    (void) snprintf(reason, sizeof reason, "egress to %s:%u is not granted; grant it with PUT "
                    "/api/apps/%.100s/egress", self->target.host, self->target.port,
                    self->proxy->options.app_id);
    tell_end(self, EGRESS_DENIED, "EGRESS_DENIED", reason);
}

static bool reach(struct connection *self)
{
    char reason[EGRESS_REASON_SIZE] = "";
    const char *code = "";
    OWNED(fd) int upstream = -1;

    if (!proxy_admit(self->proxy, self)) {
        deny(self);
        return false;
    }
    enum egress_end end = dial(&self->proxy->options, &self->target, &upstream, &code, reason);
    if (end != EGRESS_CONNECTED) {
        tell_end(self, end, code, reason);
        return false;
    }
    if (!proxy_take_upstream(self->proxy, self, upstream)) {
        deny(self);
        return false;
    }
    upstream = -1;
    proxy_report(self->proxy, &self->target, EGRESS_CONNECTED);
    return true;
}

void *connection_thread(void *self_)
{
    struct connection *self = self_;
    char head[CONNECT_HEAD_OCTETS_MAX];
    size_t size, head_size;

    if (read_head(self, head, &size, &head_size) && reach(self)) {
        answer(self->client, connected, sizeof connected - 1);
        tunnel_run(self->client, self->upstream,
                   (struct tunnel_first){head + head_size, size - head_size},
                   self->proxy->options.idle_ms);
    }
    proxy_end_connection(self->proxy, self);
    return NULL;
}
