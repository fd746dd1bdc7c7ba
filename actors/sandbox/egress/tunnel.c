/* tunnel.c - octets both ways, at most TUNNEL_OCTETS under way in each direction: who does not read
 * is not read from.
 */
#include "actors/sandbox/egress/proxy_inside.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct flow {
    int from, to;
    size_t begin, end;              /* what is in `octets` and not sent yet */
    bool has_ended;                 /* `from` says nothing more */
    bool is_shut;                   /* and `to` was told */
    char octets[TUNNEL_OCTETS];
};

static bool is_again(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static bool fill(struct flow *flow)
{
    if (flow->has_ended || flow->begin < flow->end)
        return true;
    ssize_t size = recv(flow->from, flow->octets, sizeof flow->octets, 0);
    if (size < 0)
        return is_again();
    flow->begin = 0;
    flow->end = (size_t)size;
    flow->has_ended = size == 0;
    return true;
}

static bool flush(struct flow *flow)
{
    if (flow->begin < flow->end) {
        ssize_t size = send(flow->to, flow->octets + flow->begin, flow->end - flow->begin,
                            MSG_NOSIGNAL);
        if (size < 0)
            return is_again();
        flow->begin += (size_t)size;
    }
    if (flow->begin == flow->end && flow->has_ended && !flow->is_shut) {
        flow->is_shut = true;
        (void) shutdown(flow->to, SHUT_WR);
    }
    return true;
}

static short events_of(const struct flow *reads, const struct flow *writes)
{
    short events = 0;

    if (!reads->has_ended && reads->begin == reads->end)
        events |= POLLIN;
    if (writes->begin < writes->end)
        events |= POLLOUT;
    return events;
}

/* Who waits for nothing is not polled: a peer that has gone would wake us for ever. */
static int wait_for_either(const struct flow *up, const struct flow *down, int idle_ms)
{
    struct pollfd fds[2] = {{.fd = up->from, .events = events_of(up, down)},
                            {.fd = up->to, .events = events_of(down, up)}};
    int ready;

    for (int i = 0; i < 2; i++)
        if (!fds[i].events)
            fds[i].fd = -1;
    do
        ready = poll(fds, 2, idle_ms);
    while (ready < 0 && errno == EINTR);
    return ready;
}

void tunnel_run(int a, int b, struct tunnel_first first, int idle_ms)
{
    struct flow up = {.from = a, .to = b}, down = {.from = b, .to = a};

    up.end = first.size < sizeof up.octets ? first.size : sizeof up.octets;
    memcpy(up.octets, first.at, up.end);
    while (flush(&up) && flush(&down) && !(up.is_shut && down.is_shut) &&
           wait_for_either(&up, &down, idle_ms) > 0 && fill(&up) && fill(&down))
        ;
}
