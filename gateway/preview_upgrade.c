/* preview_upgrade.c - a WebSocket between caller and app: octets both ways, looked at by nobody.
 *
 * civetweb reads nothing more of a connection whose request had no body, so its socket is ours
 * until serve() returns, and the connection ends then.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "bus/clock.h"
#include "gateway/preview.h"

enum {
    SLICE_MS = 1000,
    SILENCE_MS_MAX = 600000,
    PIECE_OCTETS = 16384,
};

/* One direction: what was received and not yet sent on. */
struct way { int from, to; char *buffer; size_t at, size; bool is_over; };

static bool receive(struct way *way)
{
    ssize_t got = recv(way->from, way->buffer, PIECE_OCTETS, MSG_DONTWAIT);

    if (got > 0) {
        way->at = 0;
        way->size = (size_t)got;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        way->is_over = true;
    }
    return got > 0;
}

static bool pass(struct way *way)
{
    ssize_t sent = send(way->to, way->buffer + way->at, way->size,
                        MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent >= 0) {
        way->at += (size_t)sent;
        way->size -= (size_t)sent;
    } else if (errno != EAGAIN && errno != EINTR) {
        way->is_over = true;
    }
    return sent > 0;
}

/* A way with octets waits until it may send them, one without until some come. */
static void want(const struct way *way, struct pollfd *from, struct pollfd *to)
{
    if (way->size > 0)
        to->events |= POLLOUT;
    else
        from->events |= POLLIN;
}

static bool move(struct way *way)
{
    bool has_moved = way->size == 0 && receive(way);

    return (way->size > 0 && pass(way)) || has_moved;
}

/* A caller who has gone for good ends it. An app's end that waits for nothing is not watched: what it
 * said before it hung up is still to be sent, and a hang-up is told again and again. */
static bool wait_for_either(struct pollfd ends[2])
{
    if (ends[1].events == 0)
        ends[1].fd = -1;
    return poll(ends, 2, SLICE_MS) <= 0 || !(ends[0].revents & (POLLHUP | POLLERR | POLLNVAL));
}

void relay_upgraded(struct exchange *exchange, int app, struct text early)
{
    int caller = http_socket(exchange->http);
    char *buffers = arena_take(exchange->arena, 2 * PIECE_OCTETS);
    struct way in = {.from = caller, .to = app, .buffer = buffers};
    struct way out = {.from = app, .to = caller, .buffer = buffers + PIECE_OCTETS};
    int64_t moved_ms = clock_now_ms();

    if (!buffers || !send_all(caller, early.at, early.size, moved_ms + ANSWER_MS_MAX))
        return;
    while (!in.is_over && !out.is_over && !http_is_stopping(exchange->http) &&
           clock_now_ms() - moved_ms < SILENCE_MS_MAX) {
        struct pollfd ends[2] = {{caller, 0, 0}, {app, 0, 0}};

        want(&in, &ends[0], &ends[1]);
        want(&out, &ends[1], &ends[0]);
        if (!wait_for_either(ends))
            return;
        bool has_moved = move(&in);
        if (move(&out) || has_moved)
            moved_ms = clock_now_ms();
    }
}
