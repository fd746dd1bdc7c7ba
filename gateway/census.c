/* census.c - how many connections each address has, counted from the sockets themselves. */
#include "gateway/census.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "bus/clock.h"

struct seen {
    struct address peer;
    unsigned port;              /* 0: no connection of ours */
    int64_t since_ms;
};

struct census {
    int descriptors_max;
    unsigned listen_port;
    uint32_t address_max;
    const struct networks *proxies;
    struct seen *seen;          /* by descriptor */
    int *order;                 /* descriptors, by address and age */
};

struct census *census_new(int descriptors_max, unsigned listen_port, uint32_t address_max,
                          const struct networks *proxies)
{
    struct census *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    *self = (struct census){descriptors_max, listen_port, address_max, proxies,
                            calloc((size_t)descriptors_max, sizeof *self->seen),
                            calloc((size_t)descriptors_max, sizeof *self->order)};
    if (self->seen && self->order)
        return self;
    census_free(self);
    return NULL;
}

void census_free(struct census *self)
{
    if (!self)
        return;
    free(self->seen);
    free(self->order);
    free(self);
}

static void map_ipv4(const struct sockaddr_in *from, struct address *out)
{
    memset(out->octets, 0, 10);
    memset(out->octets + 10, 0xff, 2);
    memcpy(out->octets + 12, &from->sin_addr, 4);
}

bool socket_peer(int fd, unsigned port, struct address *peer, unsigned *peer_port)
{
    struct sockaddr_in there = {0}, here = {0};
    socklen_t there_size = sizeof there, here_size = sizeof here;

    if (getpeername(fd, (struct sockaddr *)&there, &there_size) < 0 ||
        there.sin_family != AF_INET ||
        getsockname(fd, (struct sockaddr *)&here, &here_size) < 0 || ntohs(here.sin_port) != port)
        return false;
    map_ipv4(&there, peer);
    *peer_port = ntohs(there.sin_port);
    return true;
}

/* Is it the connection that was seen at this descriptor before? */
static void look_at(struct census *self, int fd, int64_t now_ms)
{
    struct seen *seen = &self->seen[fd];
    struct seen now = {.since_ms = now_ms};

    if (!socket_peer(fd, self->listen_port, &now.peer, &now.port))
        now.port = 0;
    if (now.port == 0 || now.port != seen->port ||
        memcmp(&now.peer, &seen->peer, sizeof now.peer) != 0)
        *seen = now;
}

static int compare(const void *left, const void *right, void *argument)
{
    const struct seen *a = &((const struct census *)argument)->seen[*(const int *)left];
    const struct seen *b = &((const struct census *)argument)->seen[*(const int *)right];
    int order = memcmp(&a->peer, &b->peer, sizeof a->peer);

    return order != 0 ? order : (a->since_ms > b->since_ms) - (a->since_ms < b->since_ms);
}

/* The descriptor may have been closed and taken anew since it was counted: look again. */
static bool cut(const struct census *self, int fd)
{
    const struct seen *seen = &self->seen[fd];
    struct address peer;
    unsigned port;

    return socket_peer(fd, self->listen_port, &peer, &port) && port == seen->port &&
           memcmp(&peer, &seen->peer, sizeof peer) == 0 && shutdown(fd, SHUT_RDWR) == 0;
}

/* Every open descriptor that is a connection of ours, into `order`; how many. */
static uint32_t count_sockets(struct census *self, int64_t now_ms)
{
    DIR *open_ones = opendir("/proc/self/fd");
    const struct dirent *entry;
    uint32_t count = 0;

    while (open_ones && (entry = readdir(open_ones)) != NULL) {
        long fd = strtol(entry->d_name, NULL, 10);

        if (fd < 3 || fd >= self->descriptors_max)
            continue;
        look_at(self, (int)fd, now_ms);
        if (self->seen[fd].port != 0 && !networks_have(self->proxies, &self->seen[fd].peer))
            self->order[count++] = (int)fd;
    }
    if (open_ones)
        (void) closedir(open_ones);
    return count;
}

uint32_t census_take(struct census *self)
{
    uint32_t count = count_sockets(self, clock_now_ms());
    uint32_t same = 0, cuts = 0;

    if (count <= self->address_max)
        return 0;
    qsort_r(self->order, count, sizeof *self->order, compare, self);
    for (uint32_t i = 0; i < count; i++) {
        const struct seen *seen = &self->seen[self->order[i]];
        bool is_same = i > 0 && memcmp(&seen->peer, &self->seen[self->order[i - 1]].peer,
                                       sizeof seen->peer) == 0;

        same = is_same ? same + 1 : 1;
        if (same > self->address_max)
            cuts += cut(self, self->order[i]);
    }
    return cuts;
}
