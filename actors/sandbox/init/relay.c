/* relay.c - carries each connection of the app's UNIX socket to its port; see relay.h. */
#include "actors/sandbox/init/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A slot of the pipe holds a fragment, which is seldom a whole page. */
enum { PIPE_OCTETS = 4 * RELAY_OCTETS_MAX };

struct connection;

/* One end. `waiting` are octets that came from the other end and could not be written yet. */
struct end {
    struct connection *of;
    int fd;
    uint32_t interest;          /* what epoll watches; 0: not in the set */
    bool read_ended;            /* its end of file was seen */
    bool write_ended;           /* we told it that no more comes */
    char *waiting;
    size_t waiting_size, waiting_at;
};

enum phase { HELD, CONNECTING, OPEN, DEAD };

struct connection {
    struct connection *next;
    struct relay *relay;
    enum phase phase;
    bool asked;                 /* nothing came from the app since it came to it: it may answer */
    int64_t held_until_ms;
    struct end client, app;
};

struct relay {
    int epoll, listener;
    uint16_t port;
    int64_t hold_ms;
    bool listens;               /* the last connection to the app came through */
    bool listened;              /* one has, at any time */
    bool paused, refusing;      /* the listener is not watched: none yet or no place left; for good */
    bool has_dead, app_is_gone;
    uint32_t family_turn;       /* 127.0.0.1 and ::1 are tried in turn */
    int64_t refused_since_ms;   /* nobody listens since then; 0: somebody does, or nobody has asked */
    int64_t retry_at_ms;
    uint32_t count;
    uint64_t octets;
    struct connection *first, **last;
    int pipe[2];                /* what comes goes through it uncopied; empty between turns */
};

static void watch(struct end *end, uint32_t interest)
{
    struct epoll_event event = {.events = interest, .data.ptr = end};
    int verb = !interest ? EPOLL_CTL_DEL : end->interest ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (end->fd < 0 || interest == end->interest)
        return;
    (void) epoll_ctl(end->of->relay->epoll, verb, end->fd, &event);
    end->interest = interest;
}

static void end_close(struct end *end)
{
    if (end->fd >= 0)
        (void) close(end->fd);          /* leaves the epoll set with it */
    end->fd = -1;
    end->interest = 0;
    free(end->waiting);
    end->waiting = NULL;
}

/* Its memory stays until the tick, for events of this turn may still name it. */
static void connection_end(struct connection *connection)
{
    end_close(&connection->client);
    end_close(&connection->app);
    connection->phase = DEAD;
    connection->relay->has_dead = true;
}

static struct end *other(struct end *end)
{
    return end == &end->of->client ? &end->of->app : &end->of->client;
}

/* What each end should be watched for follows from its state alone. */
static void watch_both(struct connection *connection)
{
    struct end *ends[2] = {&connection->client, &connection->app};

    if (connection->phase != OPEN)
        return;
    for (int i = 0; i < 2; i++) {
        struct end *end = ends[i];
        bool may_read = !end->read_ended && !other(end)->waiting;
        bool may_hang_up = end->read_ended && !end->write_ended;
        watch(end, (may_read ? EPOLLIN : 0u) | (end->waiting ? EPOLLOUT : 0u) |
                   (may_hang_up ? EPOLLHUP : 0u));
    }
}

/* Pass an end of file on once everything before it is through. */
static void pass_end(struct end *from)
{
    struct end *to = other(from);

    if (from->read_ended && !to->waiting && !to->write_ended) {
        (void) shutdown(to->fd, SHUT_WR);
        to->write_ended = true;
    }
    if (from->of->client.write_ended && (from->of->app.write_ended || from->of->relay->app_is_gone))
        connection_end(from->of);
}

/* The end takes no more. Without its client a connection is over; an app that hung up may have
 * answered before, and that answer is still to be delivered. */
static void stop_giving(struct end *to)
{
    struct end *from = other(to);

    if (to == &to->of->client) {
        connection_end(to->of);
        return;
    }
    free(to->waiting);
    to->waiting = NULL;
    to->write_ended = true;
    from->read_ended = true;
    (void) shutdown(from->fd, SHUT_RD);     /* the client hears that it need not go on */
    pass_end(to);
}

/* What must not reach the next who uses the pipe. */
static void spill(int pipe)
{
    char octets[4096];

    while (read(pipe, octets, sizeof octets) > 0)
        ;
}

/* What could not be written yet, out of the pipe. */
static bool keep(struct end *to, size_t size)
{
    int pipe = to->of->relay->pipe[0];

    to->waiting = malloc(size);
    if (!to->waiting || read(pipe, to->waiting, size) != (ssize_t)size) {
        spill(pipe);
        return false;
    }
    to->waiting_size = size;
    to->waiting_at = 0;
    return true;
}

/* Write what can be written of what is in the pipe and keep the rest; false when the end takes no more. */
static bool give(struct end *to, size_t size)
{
    struct relay *relay = to->of->relay;
    ssize_t moved = 0;

    while (size > 0 && (moved = splice(relay->pipe[0], NULL, to->fd, NULL, size,
                                       SPLICE_F_NONBLOCK | SPLICE_F_MOVE)) > 0) {
        size -= (size_t)moved;
        relay->octets += (uint64_t)moved;
    }
    if (size == 0)
        return true;
    bool is_taken = moved >= 0 || errno == EAGAIN || errno == EINTR;
    return keep(to, size) && is_taken;
}

static void flush(struct end *end)
{
    ssize_t written = send(end->fd, end->waiting + end->waiting_at,
                           end->waiting_size - end->waiting_at, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (written < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (written < 0) {
        stop_giving(end);
        return;
    }
    end->waiting_at += (size_t)written;
    end->of->relay->octets += (uint64_t)written;
    if (end->waiting_at < end->waiting_size)
        return;
    free(end->waiting);
    end->waiting = NULL;
    pass_end(other(end));
}

static void take(struct end *from)
{
    ssize_t size = splice(from->fd, NULL, from->of->relay->pipe[1], NULL, RELAY_OCTETS_MAX,
                          SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size > 0 && !give(other(from), (size_t)size)) {
        stop_giving(other(from));
        return;
    }
    if (size > 0) {
        from->of->asked = from == &from->of->client;
        return;
    }
    from->read_ended = true;
    if (size < 0)
        stop_giving(from);              /* a broken connection ends both ways */
    else
        pass_end(from);
}

/* ---- reaching the app ---- */

static int dial(struct relay *relay, bool *refused)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(relay->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(relay->port),
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool is_six = relay->family_turn % 2 == 1;
    int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    *refused = true;
    if (fd < 0)
        return -1;
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int done = is_six ? connect(fd, (struct sockaddr *)&six, sizeof six)
                      : connect(fd, (struct sockaddr *)&four, sizeof four);
    if (done < 0 && errno != EINPROGRESS) {
        (void) close(fd);
        return -1;
    }
    *refused = false;
    return fd;
}

/* A part of the wait so far: soon after an app begins to listen, however long it took, and yet few
 * tries for one that never does. */
static int64_t pause_ms(const struct relay *relay, int64_t now_ms)
{
    int64_t part_ms = (now_ms - relay->refused_since_ms) / RELAY_RETRY_PART;

    return part_ms < RELAY_RETRY_FIRST_MS ? RELAY_RETRY_FIRST_MS
           : part_ms > RELAY_RETRY_LAST_MS ? RELAY_RETRY_LAST_MS : part_ms;
}

static void try_later(struct connection *connection, int64_t now_ms)
{
    struct relay *relay = connection->relay;

    end_close(&connection->app);
    connection->phase = HELD;
    relay->listens = false;
    relay->family_turn++;
    if (relay->refused_since_ms == 0)
        relay->refused_since_ms = now_ms;
    relay->retry_at_ms = now_ms + pause_ms(relay, now_ms);
}

static void connect_app(struct connection *connection, int64_t now_ms)
{
    bool refused;

    connection->app.fd = dial(connection->relay, &refused);
    if (refused) {
        try_later(connection, now_ms);
        return;
    }
    connection->phase = CONNECTING;
    watch(&connection->app, EPOLLOUT);
}

static void connected(struct connection *connection, int64_t now_ms)
{
    struct relay *relay = connection->relay;
    socklen_t size = sizeof(int);
    int error = 0;

    (void) getsockopt(connection->app.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        try_later(connection, now_ms);
        return;
    }
    relay->listens = relay->listened = true;
    relay->refused_since_ms = 0;
    connection->phase = OPEN;
    watch_both(connection);
    for (struct connection *held = relay->first; held && relay->listens; held = held->next)
        if (held->phase == HELD)
            connect_app(held, now_ms);
}

/* ---- the client's side ---- */

static void watch_listener(struct relay *relay, bool watched)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = relay};

    (void) epoll_ctl(relay->epoll, watched ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, relay->listener,
                     &event);
    relay->paused = !watched;
}

static void accept_one(struct relay *relay, int64_t now_ms)
{
    int fd = accept4(relay->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        (void) close(fd);
        return;
    }
    *connection = (struct connection){
        .relay = relay,
        .phase = HELD,
        .asked = true,
        .held_until_ms = now_ms + (relay->listened ? RELAY_HOLD_LATER_MS : relay->hold_ms),
        .client = {.of = connection, .fd = fd},
        .app = {.of = connection, .fd = -1},
    };
    *relay->last = connection;
    relay->last = &connection->next;
    if (++relay->count >= RELAY_CONNECTIONS_MAX)
        watch_listener(relay, false);
    if (relay->listens)
        connect_app(connection, now_ms);
}

void relay_handle(struct relay *self, void *data, uint32_t events, int64_t now_ms)
{
    if (data == self) {
        accept_one(self, now_ms);
        return;
    }
    struct end *end = data;
    struct connection *connection = end->of;

    if (connection->phase == CONNECTING && end == &connection->app) {
        connected(connection, now_ms);
        return;
    }
    if (connection->phase != OPEN)
        return;
    if (events & EPOLLOUT && end->waiting)
        flush(end);
    if (connection->phase == OPEN && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        if (!end->read_ended && !other(end)->waiting)
            take(end);
        else if (events & (EPOLLHUP | EPOLLERR) && !end->write_ended)
            stop_giving(end);                   /* nobody is left to write to */
    }
    watch_both(connection);
}

/* ---- time ---- */

static bool is_waiting(const struct connection *connection)
{
    return connection->phase == HELD || connection->phase == CONNECTING;
}

static void bury(struct relay *self)
{
    struct connection **at = &self->first;

    while (*at) {
        struct connection *connection = *at;
        if (connection->phase != DEAD) {
            at = &connection->next;
            continue;
        }
        *at = connection->next;
        free(connection);
        self->count--;
    }
    self->last = at;
    self->has_dead = false;
    if (self->paused && !self->refusing && self->count < RELAY_CONNECTIONS_MAX)
        watch_listener(self, true);
}

void relay_tick(struct relay *self, int64_t now_ms)
{
    bool trying = false;

    for (struct connection *held = self->first; held; held = held->next) {
        if (is_waiting(held) && now_ms >= held->held_until_ms)
            connection_end(held);
        trying |= held->phase == CONNECTING;
    }
    for (struct connection *held = self->first; held && !trying; held = held->next) {
        if (held->phase != HELD)
            continue;
        if (now_ms >= self->retry_at_ms)
            connect_app(held, now_ms);
        trying = true;          /* one finds out for all */
    }
    if (self->has_dead)
        bury(self);
}

int64_t relay_next_ms(const struct relay *self)
{
    int64_t next = INT64_MAX;
    bool held_any = false, trying = false;

    for (const struct connection *held = self->first; held; held = held->next) {
        if (is_waiting(held) && held->held_until_ms < next)
            next = held->held_until_ms;
        held_any |= held->phase == HELD;
        trying |= held->phase == CONNECTING;
    }
    return held_any && !trying && self->retry_at_ms < next ? self->retry_at_ms : next;
}

void relay_refuse_new(struct relay *self)
{
    if (!self->paused)
        watch_listener(self, false);
    self->refusing = true;
}

void relay_finish(struct relay *self)
{
    relay_refuse_new(self);
    self->app_is_gone = true;
    for (struct connection *connection = self->first; connection; connection = connection->next)
        if (is_waiting(connection) || connection->client.write_ended)
            connection_end(connection);
}

bool relay_is_idle(const struct relay *self)
{
    return self->count == 0;
}

bool relay_is_answered(const struct relay *self)
{
    for (const struct connection *connection = self->first; connection;
         connection = connection->next)
        if (is_waiting(connection) || (connection->phase == OPEN &&
                                       (connection->asked || connection->client.waiting)))
            return false;
    return true;
}

uint64_t relay_octets(const struct relay *self)
{
    return self->octets;
}

struct relay *relay_new(int epoll, int64_t hold_ms)
{
    struct relay *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    self->epoll = epoll;
    self->listener = -1;
    self->hold_ms = hold_ms;
    self->last = &self->first;
    self->paused = true;
    if (pipe2(self->pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
        free(self);
        return NULL;
    }
    (void) fcntl(self->pipe[1], F_SETPIPE_SZ, PIPE_OCTETS);     /* else it takes more turns */
    return self;
}

void relay_serve(struct relay *self, int listener, uint16_t port)
{
    self->listener = listener;
    self->port = port;
    if (!self->refusing)
        watch_listener(self, true);
}

void relay_free(struct relay *self)
{
    if (!self)
        return;
    while (self->first) {
        struct connection *next = self->first->next;
        end_close(&self->first->client);
        end_close(&self->first->app);
        free(self->first);
        self->first = next;
    }
    if (self->listener >= 0)
        (void) close(self->listener);
    (void) close(self->pipe[0]);
    (void) close(self->pipe[1]);
    free(self);
}
