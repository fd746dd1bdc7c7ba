/* broker.c - the broker's life: made, turned until it is stopped, put away.
 *
 * One turn reads what has come, bounded, then looks at the clock: a flood of messages cannot keep
 * deadlines, heartbeats or the order to stop waiting for longer than one turn.
 */
#include "bus/broker_inside.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "bus/clock.h"
#include "bus/log.h"

enum {
    TURN_MESSAGES_MAX = 128,
    POLL_MS_MAX = 1000,
    PROBE_MS = 5,
    HEARTBEAT_MS = 2500,
    SILENCE_MS = 7500,
    DEFAULT_TIME_MS = 30000,
};

/* ---- made and put away ---- */

static uint32_t or_else(uint32_t value, uint32_t fallback)
{
    return value ? value : fallback;
}

static void take_options(struct broker *self, const struct broker_options *options)
{
    self->options = *options;
    self->options.heartbeat_ms = or_else(options->heartbeat_ms, HEARTBEAT_MS);
    self->options.silence_ms = or_else(options->silence_ms, SILENCE_MS);
    self->options.default_time_ms = or_else(options->default_time_ms, DEFAULT_TIME_MS);
}

/* On ipc:// every peer is the operator: the directory's mode let it in. */
static bool make_caller_entry(struct broker *self, struct fault *fault)
{
    const struct text scopes[] = {TEXT_OF("act_for")};
    const struct caller local = {
        .name = TEXT_OF("local"),
        .role = TEXT_OF("admin"),
        .scopes = {scopes, 1},
        .via = TEXT_OF("ipc"),
    };
    static const char key[] = "\xa6" "caller";

    if (msgpack_sbuffer_write(&self->caller_buffer, key, sizeof key - 1) != 0)
        return fault_set(fault, FAULT_internal, "no memory");
    if (!message_encode(&caller_message, &local, &self->caller_buffer, fault))
        return false;
    self->caller_entry = (struct text){self->caller_buffer.data, self->caller_buffer.size};
    return true;
}

static bool make_tables(struct broker *self, struct fault *fault)
{
    TAILQ_INIT(&self->clients);
    TAILQ_INIT(&self->workers);
    TAILQ_INIT(&self->suspects);
    TAILQ_INIT(&self->service_list);
    TAILQ_INIT(&self->owed);
    TAILQ_INIT(&self->free_requests);
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        TAILQ_INIT(&self->wheel[i]);
    if (!table_init(&self->peers) || !table_init(&self->services) || !table_init(&self->askers) ||
        !table_init(&self->flows))
        return fault_set(fault, FAULT_internal, "no memory");
    return true;
}

struct broker *broker_new(const struct broker_options *options, struct fault *fault)
{
    struct broker *self = calloc(1, sizeof *self);

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory");
        return NULL;
    }
    self->lock_fd = self->stop_fd = -1;
    msgpack_sbuffer_init(&self->caller_buffer);
    msgpack_sbuffer_init(&self->scratch);
    take_options(self, options);
    instance_make(self->instance);      /* begins libsodium too */
    crypto_shorthash_keygen(self->secret);
    self->started_wall_ms = clock_wall_ms();
    if (!make_tables(self, fault) || !make_caller_entry(self, fault) || !broker_open(self, fault)) {
        broker_free(self);
        return NULL;
    }
    return self;
}

static void drop_services(struct broker *self)
{
    struct service *service;

    while ((service = TAILQ_FIRST(&self->service_list)) != NULL) {
        TAILQ_REMOVE(&self->service_list, service, all);
        free(service);
    }
}

static void drop_clients(struct broker *self)
{
    struct peer *peer;

    while ((peer = TAILQ_FIRST(&self->clients)) != NULL)
        peer_forget(self, peer);
}

void broker_free(struct broker *self)
{
    if (!self)
        return;
    broker_close(self);
    requests_drop(self);
    if (self->peers.slots)
        drop_clients(self);
    if (self->services.slots)
        drop_services(self);
    table_drop(&self->peers);
    table_drop(&self->services);
    table_drop(&self->askers);
    table_drop(&self->flows);
    msgpack_sbuffer_destroy(&self->caller_buffer);
    msgpack_sbuffer_destroy(&self->scratch);
    free(self);
}

/* ---- one message ---- */

/* "MDPC01" and its three sisters: 'C' or 'W', '1' or '2'. */
static bool read_protocol(struct text text, char *side, uint8_t *version)
{
    if (text.size != 6 || memcmp(text.at, "MDP", 3) != 0 || text.at[4] != '0' ||
        (text.at[3] != 'C' && text.at[3] != 'W') || (text.at[5] != '1' && text.at[5] != '2'))
        return false;
    *side = text.at[3];
    *version = (uint8_t)(text.at[5] - '0');
    return true;
}

/* MDP/0.1 messages begin with an empty frame, for the sake of REQ sockets; 0.2 ones do not. Either
 * is taken from either, and the answer looks like the question. */
static void take_message(struct broker *self)
{
    struct parcel *parcel = &self->parcel;
    struct text id = frame_text(parcel_next(parcel));
    zmq_msg_t *frame = parcel_next(parcel);
    bool is_delimited = frame && zmq_msg_size(frame) == 0;
    uint8_t version;
    char side;

    if (is_delimited)
        frame = parcel_next(parcel);
    if (!frame || !read_protocol(frame_text(frame), &side, &version))
        self->counts.broken++;
    else if (side == 'C')
        client_command(self, id, version, is_delimited);
    else
        worker_command(self, id, version, is_delimited);
}

static void take_messages(struct broker *self)
{
    for (int i = 0; i < TURN_MESSAGES_MAX; i++) {
        if (!parcel_receive(&self->parcel, self->router))
            return;
        self->counts.received++;
        take_message(self);
        parcel_close(&self->parcel);
    }
}

/* ---- time ---- */

static void look_at_clock(struct broker *self)
{
    wheel_turn(self);
    if (!TAILQ_EMPTY(&self->suspects))
        suspects_probe(self);
    if (self->now_us < self->heartbeat_at_us)
        return;
    self->heartbeat_at_us = self->now_us + (int64_t)self->options.heartbeat_ms * 1000;
    workers_beat(self);
    services_forget(self);
    peers_forget_silent(self);
}

static int wait_ms(const struct broker *self)
{
    int64_t next_us = wheel_next_us(self);
    int most_ms = TAILQ_EMPTY(&self->suspects) ? POLL_MS_MAX : PROBE_MS;

    if (next_us > self->heartbeat_at_us)
        next_us = self->heartbeat_at_us;
    if (next_us <= self->now_us)
        return 0;
    int64_t wait = (next_us - self->now_us + 999) / 1000;
    return wait < most_ms ? (int)wait : most_ms;
}

static void look_at_monitor(struct broker *self)
{
    int ended;

    while ((ended = broker_ended_fd(self)) >= 0)
        workers_suspect(self, ended);
}

/* A socket's descriptor tells only of what comes after the socket was looked at: look first. */
static bool is_readable(void *socket)
{
    int events = 0;
    size_t size = sizeof events;

    (void) zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
    return events & ZMQ_POLLIN;
}

/* False: it is to stop, or the poll failed. */
static bool wait_for_more(struct broker *self, bool *is_stopped, struct fault *fault)
{
    struct pollfd items[] = {
        {.fd = self->router_fd, .events = POLLIN},
        {.fd = self->monitor_fd, .events = POLLIN},
        {.fd = self->stop_fd, .events = POLLIN},
    };
    int most_ms = is_readable(self->router) ? 0 : wait_ms(self);

    if (poll(items, sizeof items / sizeof *items, most_ms) < 0)
        return errno == EINTR || fault_set(fault, FAULT_internal, "poll: %s", strerror(errno));
    self->now_us = clock_now_us();
    if (items[1].revents)
        look_at_monitor(self);
    *is_stopped = items[2].revents != 0;
    return !*is_stopped;
}

/* ---- run and stop ---- */

static void end_all(struct broker *self)
{
    struct worker *worker;
    struct service *service;
    struct request *request;

    self->is_stopping = true;
    while ((worker = TAILQ_FIRST(&self->workers)) != NULL)
        worker_remove(self, worker, /* say_so= */ true, "broker stops");
    while ((service = TAILQ_FIRST(&self->service_list)) != NULL) {
        while ((request = queue_pop(self, service)) != NULL) {
            service->is_known = true;       /* stays until its queue is empty */
            request_refuse(self, request, FAULT_unavailable, UNAVAILABLE_RETRY_MS,
                           "the broker stops");
        }
        service->is_known = false;
        service_let_go(self, service);
    }
}

bool broker_run(struct broker *self, struct fault *fault)
{
    bool is_stopped = false, goes_on = true;

    self->now_us = clock_now_us();
    self->wheel_at = self->now_us / WHEEL_TICK_US;
    log_line(LOG_INFO, NULL, "broker_started endpoint=%s instance=%s", self->endpoint,
             self->instance);
    look_at_monitor(self);
    while (goes_on) {
        self->counts.turns++;
        take_messages(self);
        look_at_clock(self);
        services_dispatch(self);
        goes_on = wait_for_more(self, &is_stopped, fault);
    }
    end_all(self);
    log_line(LOG_INFO, NULL, "broker_stopped requests=%llu answered=%llu refused=%llu",
             (unsigned long long)self->counts.requests, (unsigned long long)self->counts.answered,
             (unsigned long long)self->counts.refused);
    return is_stopped;
}

void broker_stop(struct broker *self)
{
    const uint64_t one = 1;

    (void) !write(self->stop_fd, &one, sizeof one);
}
