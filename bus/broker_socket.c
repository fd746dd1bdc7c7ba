/* broker_socket.c - the ROUTER on its endpoint, and the proof that it is the only one there.
 *
 * A lock file beside the socket decides whether another broker lives: libzmq itself would take a
 * living broker's socket file away. The socket of a dead one is no hindrance.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bus/broker_inside.h"
#include "bus/clock.h"
#include "bus/owned.h"

#define MONITOR_ENDPOINT "inproc://broker-monitor"

enum { HANDSHAKE_MS = 5000, BACKLOG = 1024, LINGER_AT_END_MS = 200, LOCK_TRIES_MAX = 8 };

static bool check_endpoint(const char *endpoint, struct fault *fault)
{
    if (strncmp(endpoint, "tcp://", 6) == 0)
        return fault_set(fault, FAULT_malformed, "'%s': a broker on tcp:// needs CURVE keys, which "
                         "this release does not have; use ipc://", endpoint);
    if (strchr(endpoint, ','))
        return fault_set(fault, FAULT_malformed, "'%.80s': a broker serves one endpoint; start one "
                         "for each", endpoint);
    if (strncmp(endpoint, "ipc:///", 7) != 0)
        return fault_set(fault, FAULT_malformed, "'%.80s' is not ipc:// and an absolute path",
                         endpoint);
    if (strlen(endpoint + 6) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return fault_set(fault, FAULT_malformed, "'%.80s...' is too long for a UNIX socket",
                         endpoint);
    return true;
}

/* The file locked is the file named: its last holder may have removed it in between. */
static bool is_still_named(int lock, const char *path)
{
    struct stat held, named;

    return fstat(lock, &held) == 0 && lstat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

static bool take_lock(struct broker *self, struct fault *fault)
{
    for (int tries = 0; tries < LOCK_TRIES_MAX; tries++) {
        OWNED(fd) int lock = open(self->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (lock < 0)
            return fault_set(fault, FAULT_internal, "open '%s': %s", self->lock_path,
                             strerror(errno));
        if (flock(lock, LOCK_EX | LOCK_NB) < 0)
            break;
        if (is_still_named(lock, self->lock_path)) {
            self->lock_fd = fd_take(&lock);
            return true;
        }
    }
    return fault_set(fault, FAULT_conflict, "another broker serves %s", self->endpoint);
}

static bool set_options(struct broker *self, struct fault *fault)
{
    const struct { int option; int value; } rows[] = {
        {ZMQ_ROUTER_MANDATORY,  1},
        {ZMQ_SNDHWM,            PIPE_MESSAGES_MAX},
        {ZMQ_LINGER,            0},
        {ZMQ_BACKLOG,           BACKLOG},
        {ZMQ_HANDSHAKE_IVL,     HANDSHAKE_MS},
        {ZMQ_HEARTBEAT_IVL,     (int)self->options.heartbeat_ms},
        {ZMQ_HEARTBEAT_TIMEOUT, (int)self->options.silence_ms},
    };
    int64_t message_max = (int64_t)self->options.message_bytes_max;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (zmq_setsockopt(self->router, rows[i].option, &rows[i].value, sizeof(int)) < 0)
            return fault_set(fault, FAULT_internal, "socket option %d: %s", rows[i].option,
                             zmq_strerror(errno));
    if (zmq_setsockopt(self->router, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max) < 0)
        return fault_set(fault, FAULT_internal, "ZMQ_MAXMSGSIZE: %s", zmq_strerror(errno));
    return true;
}

/* The monitor says at once when a connection ends; without it the next heartbeat would. */
static bool open_monitor(struct broker *self, struct fault *fault)
{
    self->monitor = zmq_socket(self->context, ZMQ_PAIR);
    if (!self->monitor ||
        zmq_socket_monitor(self->router, MONITOR_ENDPOINT, ZMQ_EVENT_DISCONNECTED) < 0 ||
        zmq_connect(self->monitor, MONITOR_ENDPOINT) < 0)
        return fault_set(fault, FAULT_internal, "monitor: %s", zmq_strerror(errno));
    return true;
}

static bool bind_router(struct broker *self, struct fault *fault)
{
    if (zmq_bind(self->router, self->endpoint) < 0)
        return fault_set(fault, FAULT_internal, "bind %s: %s", self->endpoint,
                         zmq_strerror(errno));
    self->is_bound = true;
    /* The directory's mode is the credential; its group must get through here. */
    if (chmod(self->endpoint + 6, 0660) < 0)
        return fault_set(fault, FAULT_internal, "chmod '%s': %s", self->endpoint + 6,
                         strerror(errno));
    return true;
}

static bool find_descriptor(void *socket, int *out, struct fault *fault)
{
    size_t size = sizeof *out;

    if (zmq_getsockopt(socket, ZMQ_FD, out, &size) < 0)
        return fault_set(fault, FAULT_internal, "ZMQ_FD: %s", zmq_strerror(errno));
    return true;
}

bool broker_open(struct broker *self, struct fault *fault)
{
    if (!check_endpoint(self->options.endpoint, fault))
        return false;
    (void) snprintf(self->endpoint, sizeof self->endpoint, "%s", self->options.endpoint);
    (void) snprintf(self->lock_path, sizeof self->lock_path, "%s.lock", self->endpoint + 6);
    if (!take_lock(self, fault))
        return false;
    self->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self->stop_fd < 0)
        return fault_set(fault, FAULT_internal, "eventfd: %s", strerror(errno));
    self->context = zmq_ctx_new();
    self->router = self->context ? zmq_socket(self->context, ZMQ_ROUTER) : NULL;
    if (!self->router)
        return fault_set(fault, FAULT_internal, "socket: %s", zmq_strerror(errno));
    return set_options(self, fault) && open_monitor(self, fault) && bind_router(self, fault) &&
           find_descriptor(self->router, &self->router_fd, fault) &&
           find_descriptor(self->monitor, &self->monitor_fd, fault);
}

void broker_close(struct broker *self)
{
    int linger_ms = LINGER_AT_END_MS;   /* the last answers are on their way */

    if (self->router) {
        (void) zmq_socket_monitor(self->router, NULL, 0);
        (void) zmq_setsockopt(self->router, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        (void) zmq_close(self->router);
    }
    linger_ms = 0;
    if (self->monitor) {
        (void) zmq_setsockopt(self->monitor, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        (void) zmq_close(self->monitor);
    }
    if (self->context)
        while (zmq_ctx_term(self->context) < 0 && errno == EINTR)
            continue;
    if (self->is_bound)
        (void) unlink(self->endpoint + 6);
    if (self->lock_fd >= 0)
        (void) unlink(self->lock_path);
    fd_drop(&self->stop_fd);
    fd_drop(&self->lock_fd);        /* last: from here on another broker may begin */
}

bool broker_begin(struct broker *self, struct peer *peer)
{
    if (zmq_send(self->router, peer->id, peer->id_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        return true;
    peer->is_gone = errno == EHOSTUNREACH;
    self->counts.undelivered++;
    return false;
}

void broker_send_octets(struct broker *self, const void *octets, size_t size, bool more)
{
    (void) zmq_send(self->router, octets, size, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
}

void broker_send_frame(struct broker *self, zmq_msg_t *frame, bool more)
{
    if (zmq_msg_send(frame, self->router, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0) {
        zmq_msg_close(frame);
        zmq_msg_init(frame);
    }
}

int broker_ended_fd(struct broker *self)
{
    unsigned char event[6];     /* uint16 event, uint32 value, in this machine's order */
    int32_t fd;

    if (zmq_recv(self->monitor, event, sizeof event, ZMQ_DONTWAIT) != sizeof event)
        return -1;
    (void) zmq_recv(self->monitor, NULL, 0, ZMQ_DONTWAIT);      /* the endpoint */
    memcpy(&fd, event + 2, sizeof fd);
    return fd;
}
