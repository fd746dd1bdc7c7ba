/* connections.c - the sockets under civetweb's connections. */
#include "gateway/connections.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "bus/clock.h"
#include "gateway/census.h"

enum {
    WATCH_TICK_MS = 250,
    LINGER_MS_MAX = 1000,
    LINGER_OCTETS_MAX = 1048576,
};

struct connection {
    struct connections *home;
    bool is_taken;
    bool is_over_limit;
    int fd;
    struct address peer;
    pthread_mutex_t lock;           /* the two below, and fd while the watch shuts it */
    int64_t read_deadline_ms;       /* 0: none */
    bool is_late;
};

struct connections {
    struct connections_options options;
    bool is_any_address;            /* listens on 0.0.0.0 */
    int descriptors_max;
    pthread_mutex_t lock;           /* is_taken and peer of every slot; is_stopping */
    pthread_cond_t stop;
    bool is_stopping;
    pthread_t watch;
    struct census *census;          /* the watch's */
    uint32_t taken;
    struct connection slots[];
};

static void watch_one(struct connection *slot, int64_t now_ms)
{
    pthread_mutex_lock(&slot->lock);
    if (slot->read_deadline_ms != 0 && now_ms >= slot->read_deadline_ms && !slot->is_late) {
        slot->is_late = true;
        (void) shutdown(slot->fd, SHUT_RD);
    }
    pthread_mutex_unlock(&slot->lock);
}

static struct timespec tick_end(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += WATCH_TICK_MS * 1000000L;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_nsec -= 1000000000L;
        at.tv_sec++;
    }
    return at;
}

static void *watch_run(void *argument)
{
    struct connections *self = argument;
    int64_t counted_ms = 0;

    pthread_mutex_lock(&self->lock);
    while (!self->is_stopping) {
        struct timespec end = tick_end();

        (void) pthread_cond_timedwait(&self->stop, &self->lock, &end);
        pthread_mutex_unlock(&self->lock);
        for (uint32_t i = 0; i < self->options.connections_max; i++)
            watch_one(&self->slots[i], clock_now_ms());
        if (clock_now_ms() - counted_ms >= CENSUS_EVERY_MS) {
            (void) census_take(self->census);
            counted_ms = clock_now_ms();
        }
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static void init_stop(pthread_cond_t *stop)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(stop, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct connections *connections_new(const struct connections_options *options,
                                    struct fault *fault)
{
    struct connections *self = calloc(1, sizeof *self + options->connections_max *
                                                            sizeof self->slots[0]);
    struct rlimit limit;

    if (!self || getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        free(self);
        (void) fault_set(fault, FAULT_internal, "connections: %s", strerror(errno));
        return NULL;
    }
    self->options = *options;
    self->is_any_address = options->listen_address.octets[12] == 0;
    self->descriptors_max = limit.rlim_cur > 65536 ? 65536 : (int)limit.rlim_cur;
    self->census = census_new(self->descriptors_max, options->listen_port, options->address_max,
                              options->proxies);
    if (!self->census) {
        (void) fault_set(fault, FAULT_internal, "no memory for connections");
        free(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    init_stop(&self->stop);
    for (uint32_t i = 0; i < options->connections_max; i++) {
        self->slots[i].home = self;
        self->slots[i].fd = -1;
        pthread_mutex_init(&self->slots[i].lock, NULL);
    }
    if (pthread_create(&self->watch, NULL, watch_run, self) != 0) {
        (void) fault_set(fault, FAULT_internal, "connections: no thread");
        census_free(self->census);
        free(self);
        return NULL;
    }
    return self;
}

void connections_free(struct connections *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->is_stopping = true;
    pthread_cond_signal(&self->stop);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->watch, NULL);
    census_free(self->census);
    for (uint32_t i = 0; i < self->options.connections_max; i++)
        pthread_mutex_destroy(&self->slots[i].lock);
    pthread_cond_destroy(&self->stop);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

uint32_t connections_count(struct connections *self)
{
    pthread_mutex_lock(&self->lock);
    uint32_t count = self->taken;
    pthread_mutex_unlock(&self->lock);
    return count;
}

static bool is_socket_of(const struct connections *self, int fd, const struct address *peer,
                         unsigned port)
{
    struct address there;
    unsigned there_port;

    return socket_peer(fd, self->options.listen_port, &there, &there_port) &&
           there_port == port && memcmp(&there, peer, sizeof there) == 0;
}

/* Four numbers name a TCP connection. When we listen on every address only three of them are
 * known here, and a caller may hold two that differ in the fourth: then no socket is sure. */
static int find_socket(const struct connections *self, const struct address *peer, unsigned port)
{
    int found = -1;

    for (int fd = 3; fd < self->descriptors_max; fd++) {
        if (!is_socket_of(self, fd, peer, port))
            continue;
        if (!self->is_any_address)
            return fd;
        if (found >= 0)
            return -1;
        found = fd;
    }
    return found;
}

static struct connection *take_slot(struct connections *self, const struct address *peer)
{
    struct connection *slot = NULL;
    uint32_t same = 0;

    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->options.connections_max; i++) {
        if (!self->slots[i].is_taken)
            slot = slot ? slot : &self->slots[i];
        else if (memcmp(&self->slots[i].peer, peer, sizeof *peer) == 0)
            same++;
    }
    if (slot) {
        slot->is_taken = true;
        slot->peer = *peer;
        slot->is_over_limit = same >= self->options.address_max;
        self->taken++;
    }
    pthread_mutex_unlock(&self->lock);
    return slot;
}

struct connection *connection_open(struct connections *self, const struct address *peer,
                                   unsigned port)
{
    int fd = find_socket(self, peer, port);
    struct connection *slot = fd < 0 ? NULL : take_slot(self, peer);

    if (!slot)
        return NULL;
    if (networks_have(self->options.proxies, peer))
        slot->is_over_limit = false;
    pthread_mutex_lock(&slot->lock);
    slot->fd = fd;
    slot->read_deadline_ms = 0;
    slot->is_late = false;
    pthread_mutex_unlock(&slot->lock);
    return slot;
}

void connection_close(struct connection *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->fd = -1;
    self->read_deadline_ms = 0;
    pthread_mutex_unlock(&self->lock);
    pthread_mutex_lock(&self->home->lock);
    self->is_taken = false;
    self->home->taken--;
    pthread_mutex_unlock(&self->home->lock);
}

bool connection_is_over_limit(const struct connection *self) { return self->is_over_limit; }
int connection_socket(const struct connection *self) { return self->fd; }
const struct address *connection_peer(const struct connection *self) { return &self->peer; }

void connection_read_until(struct connection *self, int64_t deadline_ms)
{
    pthread_mutex_lock(&self->lock);
    self->read_deadline_ms = deadline_ms;
    pthread_mutex_unlock(&self->lock);
}

bool connection_read_freely(struct connection *self)
{
    pthread_mutex_lock(&self->lock);
    bool in_time = !self->is_late;
    self->read_deadline_ms = 0;
    pthread_mutex_unlock(&self->lock);
    return in_time;
}

/* Take `written` octets off the front of the parts; true while something is left. */
static bool advance(struct iovec **parts, int *count, size_t written)
{
    while (*count > 0 && written >= (*parts)->iov_len) {
        written -= (*parts)->iov_len;
        (*parts)++;
        (*count)--;
    }
    if (*count == 0)
        return false;
    (*parts)->iov_base = (char *)(*parts)->iov_base + written;
    (*parts)->iov_len -= written;
    return true;
}

bool connection_write(struct connection *self, struct iovec *parts, int count,
                      int64_t deadline_ms)
{
    if (!advance(&parts, &count, 0))
        return true;
    for (;;) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t written = sendmsg(self->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (written >= 0) {
            if (!advance(&parts, &count, (size_t)written))
                return true;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return false;
        struct pollfd ready = {self->fd, POLLOUT, 0};
        int64_t left_ms = clock_left_ms(deadline_ms);
        if (left_ms == 0 || poll(&ready, 1, (int)left_ms) == 0)
            return false;
    }
}

void connection_linger(struct connection *self)
{
    int64_t deadline_ms = clock_now_ms() + LINGER_MS_MAX;
    size_t seen = 0;

    (void) shutdown(self->fd, SHUT_WR);
    while (seen < LINGER_OCTETS_MAX) {
        struct pollfd ready = {self->fd, POLLIN, 0};
        int64_t left_ms = clock_left_ms(deadline_ms);

        if (left_ms == 0 || poll(&ready, 1, (int)left_ms) <= 0)
            return;
        /* TCP throws the octets away itself when told so: tcp(7), MSG_TRUNC. */
        ssize_t got = recv(self->fd, NULL, LINGER_OCTETS_MAX, MSG_DONTWAIT | MSG_TRUNC);
        if (got <= 0)
            return;
        seen += (size_t)got;
    }
}
