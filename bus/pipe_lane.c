/* pipe_lane.c - the one thread of a pipe: sends what is handed over, brings answers home.
 *
 * It never waits for a caller: a caller that gave up leaves a slot whose generation is over.
 */
#include "bus/pipe_lane.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/clock.h"
#include "bus/log.h"
#include "bus/request.h"

enum { MESSAGES_PER_TURN = 256 };

static void parcels_init(struct parcels *self)
{
    *self = (struct parcels){NULL, &self->first};
}

static void parcels_append(struct parcels *self, struct parcel *parcel)
{
    parcel->next = NULL;
    *self->last = parcel;
    self->last = &parcel->next;
}

static struct parcel *parcels_shift(struct parcels *self)
{
    struct parcel *parcel = self->first;

    self->first = parcel->next;
    if (!self->first)
        self->last = &self->first;
    return parcel;
}

static void parcel_free(struct parcel *parcel)
{
    frames_clear(&parcel->frames);
    free(parcel);
}

static void wake(struct pipe_lane *self)
{
    uint64_t one = 1;

    if (write(self->wake_fd, &one, sizeof one) < 0)
        return;     /* the counter is full: it is readable already */
}

bool pipe_lane_hand(struct pipe_lane *self, struct parcel *parcel)
{
    pthread_mutex_lock(&self->lock);
    bool was_empty = !self->handed.first;
    bool taken = !self->ended;
    if (taken)
        parcels_append(&self->handed, parcel);
    pthread_mutex_unlock(&self->lock);
    if (!taken)
        parcel_free(parcel);
    else if (was_empty)
        wake(self);
    return taken;
}

/* ---- slots, seen from here ---- */

/* The slot that still waits for msgid, locked; NULL: nobody does. */
static struct slot *slot_lock_waiting(struct pipe_lane *self, uint32_t msgid)
{
    struct slot *slot = &self->pipe->slots[msgid % PIPE_SLOTS];

    pthread_mutex_lock(&slot->lock);
    if (slot->state == SLOT_WAITING && slot->generation == msgid / PIPE_SLOTS)
        return slot;
    pthread_mutex_unlock(&slot->lock);
    return NULL;
}

/* Unlock first: a woken thread would only wait for the lock. */
static void slot_unlock_changed(struct slot *slot)
{
    pthread_mutex_unlock(&slot->lock);
    pthread_cond_signal(&slot->changed);
}

static void slot_refuse(struct slot *slot, const char *reason)
{
    slot->state = SLOT_REFUSED;
    fault_set(&slot->fault, FAULT_unavailable, "%s", reason);
    fault_retry_after(&slot->fault, LINK_CONNECT_MS);
}

/* Refuse every call that went out by `link`; -1: every call there is. */
static void refuse_all(struct pipe_lane *self, int link, const char *reason)
{
    for (size_t i = 0; i < PIPE_SLOTS; i++) {
        struct slot *slot = &self->pipe->slots[i];
        pthread_mutex_lock(&slot->lock);
        if (slot->state == SLOT_WAITING && (link < 0 || slot->link == link))
            slot_refuse(slot, reason);
        slot_unlock_changed(slot);
    }
}

static void take_message(struct pipe_lane *self, struct frames *frames)
{
    struct text service;
    struct envelope envelope;
    struct fault ignored;
    size_t body;
    enum answer_kind kind = answer_kind(frames, &service, &body);

    if (kind == ANSWER_NONE || !envelope_read(frames_text(frames, body), &envelope, &ignored) ||
        envelope.kind == ENVELOPE_REQUEST ||
        (kind == ANSWER_FINAL) != (envelope.kind == ENVELOPE_ANSWER))
        return;
    struct slot *slot = slot_lock_waiting(self, envelope.msgid);
    if (!slot)
        return;                         /* late: its caller gave up */
    if (kind == ANSWER_PARTIAL) {
        frames_clear(&slot->progress);
        frames_move(&slot->progress, frames);
    } else {
        slot->state = SLOT_ANSWERED;
        frames_move(&slot->answer, frames);
    }
    slot_unlock_changed(slot);
}

/* ---- one turn of the loop ---- */

static void receive_answers(struct pipe_lane *self)
{
    for (size_t i = 0; i < self->brokers.endpoints.count; i++) {
        struct link *link = &self->brokers.links[i];
        struct frames frames;
        for (int n = 0; link->socket && n < MESSAGES_PER_TURN; n++) {
            if (!frames_receive(link->socket, &frames))
                break;
            take_message(self, &frames);
            frames_clear(&frames);
        }
    }
}

/* Nobody can tell whether requests on a broken connection were done: their callers hear so. */
static struct link *notice_losses(struct pipe_lane *self)
{
    struct link *connected = brokers_connected(&self->brokers);
    const struct link *preferred = &self->brokers.links[self->brokers.preferred];

    for (size_t i = 0; i < self->brokers.endpoints.count; i++) {
        if (self->brokers.links[i].losses == self->losses[i])
            continue;
        self->losses[i] = self->brokers.links[i].losses;
        log_line(LOG_WARN, NULL, "broker_lost endpoint=%s", self->brokers.endpoints.at[i]);
        refuse_all(self, (int)i, "the connection to the broker was lost");
    }
    if (!connected && preferred->refused && !self->told_missing)
        log_line(LOG_WARN, NULL, "broker_missing endpoint=%s",
                 self->brokers.endpoints.at[self->brokers.preferred]);
    if (connected && self->told_missing)
        log_line(LOG_INFO, NULL, "broker_found endpoint=%s",
                 self->brokers.endpoints.at[self->brokers.preferred]);
    self->told_missing = !connected && (self->told_missing || preferred->refused);
    return connected;
}

/* True when the parcel is done with: sent, given up or refused. */
static bool settle_parcel(struct pipe_lane *self, struct link *link, struct parcel *parcel)
{
    struct slot *slot = slot_lock_waiting(self, parcel->msgid);

    if (!slot)
        return true;                    /* its caller gave up */
    if (link && frames_send(link->socket, &parcel->frames)) {
        slot->link = (int)(link - self->brokers.links);
        pthread_mutex_unlock(&slot->lock);
        return true;
    }
    bool is_over = clock_now_ms() - parcel->handed_ms >= LINK_CONNECT_MS;
    if (is_over)
        slot_refuse(slot, link ? "the broker takes no requests" : "no broker answers");
    slot_unlock_changed(slot);
    return is_over;
}

static void take_handed(struct pipe_lane *self)
{
    uint64_t count;

    if (read(self->wake_fd, &count, sizeof count) < 0)
        count = 0;                      /* nobody has called */
    pthread_mutex_lock(&self->lock);
    if (self->handed.first) {
        *self->unsent.last = self->handed.first;
        self->unsent.last = self->handed.last;
        parcels_init(&self->handed);
    }
    pthread_mutex_unlock(&self->lock);
}

static void send_requests(struct pipe_lane *self, struct link *link)
{
    take_handed(self);
    while (self->unsent.first && settle_parcel(self, link, self->unsent.first))
        parcel_free(parcels_shift(&self->unsent));
}

static void wait_for_work(struct pipe_lane *self)
{
    zmq_pollitem_t items[2 * ENDPOINTS_MAX + 1];
    int count = 0;
    long wait_ms = -1;

    items[count++] = (zmq_pollitem_t){.fd = self->wake_fd, .events = ZMQ_POLLIN};
    if (self->unsent.first) {           /* oldest first: it is the first that is over */
        int64_t over_ms = self->unsent.first->handed_ms + LINK_CONNECT_MS;
        wait_ms = (long)clock_left_ms(over_ms);
    }
    for (size_t i = 0; i < self->brokers.endpoints.count; i++) {
        struct link *link = &self->brokers.links[i];
        short events = ZMQ_POLLIN;
        if (self->unsent.first && link->connected)
            events |= ZMQ_POLLOUT;
        if (link->socket)
            items[count++] = (zmq_pollitem_t){.socket = link->socket, .events = events};
        if (link->monitor)
            items[count++] = (zmq_pollitem_t){.socket = link->monitor, .events = ZMQ_POLLIN};
    }
    zmq_poll(items, count, wait_ms);
}

static bool is_ended(struct pipe_lane *self)
{
    pthread_mutex_lock(&self->lock);
    bool ended = self->ended;
    pthread_mutex_unlock(&self->lock);
    return ended;
}

static void *lane_thread(void *self_)
{
    struct pipe_lane *self = self_;

    while (!is_ended(self)) {
        wait_for_work(self);
        receive_answers(self);
        send_requests(self, notice_losses(self));
    }
    take_handed(self);
    refuse_all(self, -1, "the service is stopping");
    while (self->unsent.first)
        parcel_free(parcels_shift(&self->unsent));
    brokers_close(&self->brokers);      /* on the thread that used them */
    return NULL;
}

bool pipe_lane_begin(struct pipe_lane *self, struct pipe *pipe, const struct bus_settings *bus,
                     struct fault *fault)
{
    self->pipe = pipe;
    parcels_init(&self->handed);
    parcels_init(&self->unsent);
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->wake_fd < 0)
        return fault_set(fault, FAULT_internal, "no descriptor for a pipe");
    pthread_mutex_init(&self->lock, NULL);
    if (brokers_open(&self->brokers, bus, fault)) {
        if (pthread_create(&self->thread, NULL, lane_thread, self) == 0)
            return true;
        brokers_close(&self->brokers);
        fault_set(fault, FAULT_internal, "no thread for a pipe");
    }
    pthread_mutex_destroy(&self->lock);
    close(self->wake_fd);
    return false;
}

void pipe_lane_stop(struct pipe_lane *self)
{
    pthread_mutex_lock(&self->lock);
    self->ended = true;
    pthread_mutex_unlock(&self->lock);
    wake(self);
    pthread_join(self->thread, NULL);
}

void pipe_lane_drop(struct pipe_lane *self)
{
    pthread_mutex_destroy(&self->lock);
    close(self->wake_fd);
}
