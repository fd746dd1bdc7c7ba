/* link.c - DEALERs, their monitors, and the one context behind them. */
#include "bus/link.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

enum { SOCKETS_MAX = 8192, HIGH_WATER_MARK = 8192 };

static struct {
    pthread_mutex_t lock;
    void *context;
    unsigned users;
    unsigned long monitors;     /* names given so far */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *context_take(unsigned long *name)
{
    pthread_mutex_lock(&shared.lock);
    if (!shared.context) {
        shared.context = zmq_ctx_new();
        if (shared.context)
            zmq_ctx_set(shared.context, ZMQ_MAX_SOCKETS, SOCKETS_MAX);
    }
    if (shared.context)
        shared.users++;
    *name = ++shared.monitors;
    void *context = shared.context;
    pthread_mutex_unlock(&shared.lock);
    return context;
}

static void context_give(void)
{
    void *last = NULL;

    pthread_mutex_lock(&shared.lock);
    if (--shared.users == 0) {
        last = shared.context;
        shared.context = NULL;
    }
    pthread_mutex_unlock(&shared.lock);
    if (last)
        zmq_ctx_term(last);
}

static bool add_endpoint(struct endpoints *out, struct text item, struct fault *fault)
{
    if (item.size > 6 && memcmp(item.at, "tcp://", 6) == 0)
        return fault_set(fault, FAULT_malformed,
                         "bus_endpoints: '%.*s': tcp:// needs keys on both sides, which this "
                         "release does not have; use ipc://", TEXT_ARGS(item));
    if (item.size <= 6 || memcmp(item.at, "ipc://", 6) != 0)
        return fault_set(fault, FAULT_malformed, "bus_endpoints: '%.*s' is not ipc://PATH",
                         TEXT_ARGS(item));
    if (out->count == ENDPOINTS_MAX)
        return fault_set(fault, FAULT_malformed, "bus_endpoints: more than %d", ENDPOINTS_MAX);
    if (!text_to_string(item, out->at[out->count], ENDPOINT_SIZE))
        return fault_set(fault, FAULT_malformed, "bus_endpoints: '%.*s' is too long",
                         TEXT_ARGS(item));
    out->count++;
    return true;
}

bool endpoints_read(const char *list, struct endpoints *out, struct fault *fault)
{
    out->count = 0;
    while (*list) {
        size_t size = strcspn(list, ",");
        if (!add_endpoint(out, text_trimmed((struct text){list, size}), fault))
            return false;
        list += size + (list[size] == ',');
    }
    if (out->count == 0)
        return fault_set(fault, FAULT_malformed, "bus_endpoints: names no broker");
    return true;
}

static void set_option(void *socket, int option, int value)
{
    zmq_setsockopt(socket, option, &value, sizeof value);
}

static void set_options(void *socket, uint64_t message_bytes_max)
{
    int64_t largest = (int64_t)message_bytes_max;

    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest);
    set_option(socket, ZMQ_LINGER, 0);
    set_option(socket, ZMQ_IMMEDIATE, 1);
    set_option(socket, ZMQ_SNDHWM, HIGH_WATER_MARK);
    set_option(socket, ZMQ_RCVHWM, HIGH_WATER_MARK);
    set_option(socket, ZMQ_RECONNECT_IVL, 50);
    set_option(socket, ZMQ_RECONNECT_IVL_MAX, 500);
    set_option(socket, ZMQ_HANDSHAKE_IVL, 5000);
    set_option(socket, ZMQ_HEARTBEAT_IVL, LINK_HEARTBEAT_MS);
    set_option(socket, ZMQ_HEARTBEAT_TIMEOUT, LINK_SILENCE_MS);
    set_option(socket, ZMQ_HEARTBEAT_TTL, LINK_SILENCE_MS);
}

static bool open_monitor(struct link *self, void *context, unsigned long name)
{
    char address[48];

    snprintf(address, sizeof address, "inproc://link-monitor-%lu", name);
    if (zmq_socket_monitor(self->socket, address,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                           ZMQ_EVENT_CONNECT_RETRIED) != 0)
        return false;
    self->monitor = zmq_socket(context, ZMQ_PAIR);
    if (!self->monitor)
        return false;
    set_option(self->monitor, ZMQ_LINGER, 0);
    return zmq_connect(self->monitor, address) == 0;
}

bool link_open(struct link *self, const char *endpoint, uint64_t message_bytes_max,
               struct fault *fault)
{
    unsigned long name;
    void *context = context_take(&name);

    *self = (struct link){.losses = self->losses};
    if (!context)
        return fault_set(fault, FAULT_internal, "no ZeroMQ context: %s", zmq_strerror(errno));
    self->socket = zmq_socket(context, ZMQ_DEALER);
    if (!self->socket) {
        fault_set(fault, FAULT_internal, "no socket: %s", zmq_strerror(errno));
        context_give();
        return false;
    }
    set_options(self->socket, message_bytes_max);
    if (open_monitor(self, context, name) && zmq_connect(self->socket, endpoint) == 0)
        return true;
    fault_set(fault, FAULT_malformed, "'%s': %s", endpoint, zmq_strerror(errno));
    link_close(self, 0);
    return false;
}

void link_close(struct link *self, int linger_ms)
{
    if (!self->socket)
        return;
    set_option(self->socket, ZMQ_LINGER, linger_ms);
    zmq_socket_monitor(self->socket, NULL, 0);
    zmq_close(self->socket);
    if (self->monitor)
        zmq_close(self->monitor);
    *self = (struct link){.losses = self->losses + self->connected};
    context_give();
}

static void heard_event(struct link *self, struct text event)
{
    uint16_t kind;

    if (event.size < sizeof kind)
        return;
    memcpy(&kind, event.at, sizeof kind);
    if (kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        self->connected = true;
        self->refused = false;
    } else if (kind == ZMQ_EVENT_DISCONNECTED) {
        self->losses += self->connected;
        self->connected = false;
    } else if (kind == ZMQ_EVENT_CONNECT_RETRIED) {
        self->refused = true;
    }
}

void link_update(struct link *self)
{
    struct frames frames;

    while (self->monitor && frames_receive(self->monitor, &frames)) {
        heard_event(self, frames_text(&frames, 0));
        frames_clear(&frames);
    }
}

/* ---- frames ---- */

struct text message_text(const zmq_msg_t *message)
{
    zmq_msg_t *known = (zmq_msg_t *)message;    /* libzmq's readers do not change it */

    return (struct text){zmq_msg_data(known), zmq_msg_size(known)};
}

struct text frames_text(const struct frames *self, size_t index)
{
    return index < self->count ? message_text(&self->at[index]) : (struct text){NULL, 0};
}

void frames_clear(struct frames *self)
{
    for (size_t i = 0; i < self->count; i++)
        zmq_msg_close(&self->at[i]);
    self->count = 0;
}

/* One message of any length; false when there is none now. */
static bool receive_one(void *socket, struct frames *out, bool *whole)
{
    bool more = true;

    *whole = true;
    out->count = 0;
    while (more) {
        zmq_msg_t frame;
        int size;
        zmq_msg_init(&frame);
        do
            size = zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT);
        while (size < 0 && errno == EINTR);
        if (size < 0) {
            zmq_msg_close(&frame);
            frames_clear(out);
            return false;
        }
        more = zmq_msg_more(&frame);
        if (out->count < FRAMES_MAX) {
            frames_add_message(out, &frame);
        } else {
            zmq_msg_close(&frame);
            *whole = false;
        }
    }
    return true;
}

bool frames_receive(void *socket, struct frames *out)
{
    bool whole = false;

    while (receive_one(socket, out, &whole)) {
        if (whole)
            return true;
        frames_clear(out);
    }
    return false;
}

bool frames_send(void *socket, struct frames *self)
{
    for (size_t i = 0; i < self->count; i++) {
        int more = i + 1 < self->count ? ZMQ_SNDMORE : 0;
        int sent;
        do
            sent = zmq_msg_send(&self->at[i], socket, ZMQ_DONTWAIT | more);
        while (sent < 0 && errno == EINTR);
        if (sent < 0 && i == 0)
            return false;
        if (sent < 0)
            break;      /* the pipe went away in the middle: lost, as with any lost connection */
    }
    frames_clear(self);
    return true;
}

void frames_add_text(struct frames *self, struct text text)
{
    zmq_msg_t *frame = &self->at[self->count];

    if (zmq_msg_init_size(frame, text.size) != 0)
        zmq_msg_init(frame);
    else if (text.size > 0)
        memcpy(zmq_msg_data(frame), text.at, text.size);
    self->count++;
}

void frames_move(struct frames *to, struct frames *from)
{
    to->count = 0;
    for (size_t i = 0; i < from->count; i++)
        frames_add_message(to, &from->at[i]);
    frames_clear(from);
}

void frames_add_message(struct frames *self, zmq_msg_t *message)
{
    zmq_msg_t *frame = &self->at[self->count++];

    zmq_msg_init(frame);
    zmq_msg_move(frame, message);
    zmq_msg_close(message);
    zmq_msg_init(message);
}
