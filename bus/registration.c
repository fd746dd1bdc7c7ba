/* registration.c - one DEALER that serves one name at one broker: MDP/0.2's worker side.
 *
 *   APART --open--> CONNECTING --connected: READY--> ASKED --any word--> CONFIRMED
 *     ^                 |                              |                     |
 *     +-----------------+---- connection lost, DISCONNECT, 7.5 s silent -----+
 *
 * Each new socket is a new generation: a broker that has forgotten us must not get answers to
 * requests that it never sent. On leaving, DISCONNECT stops the broker from sending; what it
 * sent before is still answered.
 *
 * Source:   rfc.zeromq.org 18 (MDP/0.2). READY has one more frame: {"credit": n, "contract": 1}.
 */
#include "bus/actor_inside.h"

#include "bus/clock.h"
#include "bus/log.h"

enum {
    COMMAND_READY = 1,
    COMMAND_REQUEST,
    COMMAND_PARTIAL,
    COMMAND_FINAL,
    COMMAND_HEARTBEAT,
    COMMAND_DISCONNECT,
};
enum { BACKOFF_MS_MIN = 50, BACKOFF_MS_MAX = 5000, MESSAGES_PER_TURN = 256, CONTRACT = 1 };

void registration_init(struct registration *self, struct loop *loop, const char *service,
                       const char *endpoint, enum lane lane, uint32_t credit)
{
    *self = (struct registration){
        .loop = loop,
        .endpoint = endpoint,
        .lane = lane,
        .credit = credit,
        .state = REGISTRATION_APART,
        .backoff_ms = BACKOFF_MS_MIN,
    };
    snprintf(self->service, sizeof self->service, "%s", service);
}

static void begin_command(struct frames *out, char command)
{
    out->count = 0;
    frames_add_text(out, TEXT_OF("MDPW02"));
    frames_add_text(out, (struct text){&command, 1});
}

/* False: the broker takes nothing now. */
static bool send_frames(struct registration *self, struct frames *frames)
{
    bool sent = self->link.socket && frames_send(self->link.socket, frames);

    if (sent)
        self->sent_ms = clock_now_ms();
    frames_clear(frames);
    return sent;
}

static bool send_ready(struct registration *self)
{
    struct frames frames;
    msgpack_sbuffer map;
    msgpack_packer packer;

    msgpack_sbuffer_init(&map);
    msgpack_packer_init(&packer, &map, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 2);
    msgpack_pack_str(&packer, 6);
    msgpack_pack_str_body(&packer, "credit", 6);
    msgpack_pack_uint32(&packer, self->credit);
    msgpack_pack_str(&packer, 8);
    msgpack_pack_str_body(&packer, "contract", 8);
    msgpack_pack_uint32(&packer, CONTRACT);

    begin_command(&frames, COMMAND_READY);
    frames_add_text(&frames, text_from(self->service));
    frames_add_text(&frames, (struct text){map.data, map.size});
    msgpack_sbuffer_destroy(&map);
    return send_frames(self, &frames);
}

/* One line per change: an old trouble that goes on is not told again. */
static void log_trouble(struct registration *self, const char *event, const char *why)
{
    if (!self->is_trouble_told)
        log_line(LOG_WARN, NULL, "%s service=%s endpoint=%s reason=%s", event, self->service,
                 self->endpoint, why);
    self->is_trouble_told = true;
}

/* Close the socket and open a new one later; nothing of the old one counts any more. */
static void restart(struct registration *self, const char *why)
{
    if (self->state >= REGISTRATION_ASKED)
        log_trouble(self, "registration_lost", why);
    link_close(&self->link, 0);
    atomic_fetch_add(&self->generation, 1);
    self->held = 0;
    self->state = REGISTRATION_APART;
    self->open_ms = clock_now_ms() + self->backoff_ms;
    self->backoff_ms = self->backoff_ms * 2 > BACKOFF_MS_MAX ? BACKOFF_MS_MAX
                                                             : self->backoff_ms * 2;
}

static void open_socket(struct registration *self)
{
    struct fault fault;

    if (link_open(&self->link, self->endpoint, self->loop->bus->bus_message_bytes_max, &fault)) {
        self->state = REGISTRATION_CONNECTING;
        return;
    }
    log_line(LOG_ERROR, NULL, "registration_failed service=%s reason=\"%s\"", self->service,
             fault.reason);
    restart(self, "no_socket");
}

/* ---- what the broker says ---- */

static void confirm(struct registration *self)
{
    if (self->state != REGISTRATION_ASKED)
        return;
    self->state = REGISTRATION_CONFIRMED;
    self->backoff_ms = BACKOFF_MS_MIN;
    self->is_trouble_told = false;
    log_line(LOG_INFO, NULL, "registered service=%s endpoint=%s", self->service, self->endpoint);
    control_tell_registered(&self->loop->control);
}

static void take_request(struct registration *self, struct frames *frames)
{
    struct fault fault;
    struct job *job = job_new(self, frames);

    if (!job)
        return;
    self->held++;
    self->loop->under_way++;
    if (self->held <= self->credit) {
        loop_take_job(self->loop, job);
        return;
    }
    fault_set(&fault, FAULT_overloaded, "more requests than the credit of %s", self->service);
    serve_refusal(self->loop, job, &fault);
}

/* False: the broker has sent us away. */
static bool take_message(struct registration *self, struct frames *frames)
{
    struct text command = frames_text(frames, 1);

    if (!text_is(frames_text(frames, 0), "MDPW02") || command.size != 1)
        return true;
    self->heard_ms = clock_now_ms();
    switch (command.at[0]) {
    case COMMAND_REQUEST:
        confirm(self);
        take_request(self, frames);
        return true;
    case COMMAND_HEARTBEAT:
        confirm(self);
        return true;
    case COMMAND_DISCONNECT:
        return false;
    default:
        return true;
    }
}

static void receive(struct registration *self)
{
    struct frames frames;

    for (int i = 0; i < MESSAGES_PER_TURN && self->link.socket; i++) {
        if (!frames_receive(self->link.socket, &frames))
            return;
        bool may_stay = take_message(self, &frames);
        frames_clear(&frames);
        if (!may_stay && self->state != REGISTRATION_LEAVING)
            restart(self, "sent_away");
    }
}

/* ---- time ---- */

static void follow_connection(struct registration *self)
{
    uint32_t losses = self->link.losses;

    link_update(&self->link);
    if (self->link.losses != losses && self->state >= REGISTRATION_ASKED) {
        restart(self, "connection_lost");
    } else if (self->state == REGISTRATION_CONNECTING && self->link.connected) {
        if (send_ready(self)) {
            self->state = REGISTRATION_ASKED;
            self->heard_ms = clock_now_ms();
        }
    } else if (self->state == REGISTRATION_CONNECTING && self->link.refused) {
        log_trouble(self, "registration_waits", "no_broker");
    }
}

static void keep_alive(struct registration *self, int64_t now_ms)
{
    struct frames frames;

    if (self->state < REGISTRATION_ASKED)
        return;
    if (now_ms - self->heard_ms >= LINK_SILENCE_MS) {
        restart(self, "silent");
        return;
    }
    if (now_ms - self->sent_ms < LINK_HEARTBEAT_MS || self->state == REGISTRATION_LEAVING)
        return;
    begin_command(&frames, COMMAND_HEARTBEAT);
    if (!send_frames(self, &frames))
        self->sent_ms = now_ms;         /* not before the next one is due */
}

void registration_turn(struct registration *self, int64_t now_ms)
{
    bool may_open = !atomic_load(&self->loop->is_draining);

    if (self->state == REGISTRATION_APART && now_ms >= self->open_ms && may_open)
        open_socket(self);
    if (self->state == REGISTRATION_APART)
        return;
    receive(self);
    follow_connection(self);
    keep_alive(self, now_ms);
}

int64_t registration_due_ms(const struct registration *self)
{
    int64_t beat_ms = self->sent_ms + LINK_HEARTBEAT_MS;
    int64_t silent_ms = self->heard_ms + LINK_SILENCE_MS;

    switch (self->state) {
    case REGISTRATION_APART:
        return atomic_load(&self->loop->is_draining) ? INT64_MAX : self->open_ms;
    case REGISTRATION_CONNECTING:
        return INT64_MAX;
    case REGISTRATION_LEAVING:
        return silent_ms;
    default:
        return beat_ms < silent_ms ? beat_ms : silent_ms;
    }
}

int registration_items(const struct registration *self, zmq_pollitem_t *items)
{
    if (!self->link.socket)
        return 0;
    items[0] = (zmq_pollitem_t){.socket = self->link.socket, .events = ZMQ_POLLIN};
    items[1] = (zmq_pollitem_t){.socket = self->link.monitor, .events = ZMQ_POLLIN};
    return REGISTRATION_ITEMS;
}

/* ---- what we say ---- */

void registration_send(struct registration *self, struct answer *answer)
{
    struct frames frames;
    bool is_current = answer->generation == atomic_load(&self->generation);

    if (is_current && answer->is_final && self->held > 0)
        self->held--;
    if (is_current) {
        begin_command(&frames, answer->is_final ? COMMAND_FINAL : COMMAND_PARTIAL);
        frames_add_message(&frames, &answer->client);
        frames_add_text(&frames, TEXT_OF(""));
        frames_add_message(&frames, &answer->body);
        is_current = send_frames(self, &frames);
    }
    self->loop->dropped += !is_current;
}

void registration_leave(struct registration *self)
{
    struct frames frames;

    if (self->state >= REGISTRATION_ASKED) {
        begin_command(&frames, COMMAND_DISCONNECT);
        send_frames(self, &frames);
        self->state = REGISTRATION_LEAVING;
    } else if (self->state == REGISTRATION_CONNECTING) {
        restart(self, "leaving");
    }
}
