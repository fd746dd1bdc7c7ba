/* pipe.c - slots on one side, one lane thread with the sockets on the other.
 *
 * pipe_ask() takes a slot, hands its frames to the lane thread and waits on the slot. The
 * lane thread sends what it is handed and puts each answer into the slot that its msgid names.
 * A msgid is a slot's place and its generation, which rises with each use: an answer that comes
 * after its caller gave up names a generation that is over, and is dropped. Slots are reused
 * in turn, so a generation comes back only after PIPE_SLOTS * 2^20 calls.
 */
#include "bus/pipe.h"

#include <pthread.h>
#include <stdlib.h>

#include "bus/clock.h"
#include "bus/pipe_lane.h"
#include "bus/request.h"

static void slot_init(struct slot *slot)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&slot->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&slot->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void slots_init(struct pipe *self)
{
    pthread_mutex_init(&self->free_lock, NULL);
    pthread_cond_init(&self->all_free, NULL);
    for (uint32_t i = 0; i < PIPE_SLOTS; i++) {
        slot_init(&self->slots[i]);
        self->free[i] = i;
    }
    self->free_count = PIPE_SLOTS;
}

static void slots_drop(struct pipe *self)
{
    for (uint32_t i = 0; i < PIPE_SLOTS; i++) {
        pthread_mutex_destroy(&self->slots[i].lock);
        pthread_cond_destroy(&self->slots[i].changed);
    }
    pthread_mutex_destroy(&self->free_lock);
    pthread_cond_destroy(&self->all_free);
}

struct pipe *pipe_new(const struct bus_settings *bus, struct fault *fault)
{
    struct pipe *self = calloc(1, sizeof *self);

    if (!self) {
        fault_set(fault, FAULT_internal, "no memory for a pipe");
        return NULL;
    }
    slots_init(self);
    if (pipe_lane_begin(&self->lane, self, bus, fault))
        return self;
    slots_drop(self);
    free(self);
    return NULL;
}

void pipe_free(struct pipe *self)
{
    if (!self)
        return;
    pipe_lane_stop(&self->lane);        /* every waiting call is answered by this */
    pthread_mutex_lock(&self->free_lock);
    while (self->free_count < PIPE_SLOTS)
        pthread_cond_wait(&self->all_free, &self->free_lock);
    pthread_mutex_unlock(&self->free_lock);
    pipe_lane_drop(&self->lane);
    slots_drop(self);
    free(self);
}

/* ---- slots ---- */

static struct slot *slot_take(struct pipe *self)
{
    struct slot *slot = NULL;

    pthread_mutex_lock(&self->free_lock);
    if (self->free_count > 0) {
        slot = &self->slots[self->free[self->free_first]];
        self->free_first = (self->free_first + 1) % PIPE_SLOTS;
        self->free_count--;
    }
    pthread_mutex_unlock(&self->free_lock);
    return slot;
}

static void slot_give(struct pipe *self, struct slot *slot)
{
    pthread_mutex_lock(&self->free_lock);
    self->free[(self->free_first + self->free_count) % PIPE_SLOTS] =
        (uint32_t)(slot - self->slots);
    self->free_count++;
    if (self->free_count == PIPE_SLOTS)
        pthread_cond_signal(&self->all_free);
    pthread_mutex_unlock(&self->free_lock);
}

static uint32_t slot_begin(struct pipe *self, struct slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    slot->generation = (slot->generation + 1) & (UINT32_MAX / PIPE_SLOTS);
    slot->state = SLOT_WAITING;
    slot->link = SLOT_NOT_SENT;
    uint32_t msgid = slot->generation * PIPE_SLOTS + (uint32_t)(slot - self->slots);
    pthread_mutex_unlock(&slot->lock);
    return msgid;
}

static struct timespec timespec_of(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

/* Progress is told outside of the lock: the callback may take its time. */
static void tell_progress(struct slot *slot, const struct ask *ask)
{
    struct frames frames;
    struct envelope envelope;
    struct fault ignored;

    frames_move(&frames, &slot->progress);
    pthread_mutex_unlock(&slot->lock);
    if (envelope_read(frames_text(&frames, frames.count - 1), &envelope, &ignored))
        answer_tell_progress(ask, &envelope);
    frames_clear(&frames);
    pthread_mutex_lock(&slot->lock);
}

/* Wait for the answer; afterwards the slot hears nothing of this call any more. */
static enum slot_state slot_wait(struct slot *slot, const struct ask *ask, struct frames *answer,
                                 struct fault *fault)
{
    struct timespec until = timespec_of(ask->deadline_ms);
    int waited = 0;

    pthread_mutex_lock(&slot->lock);
    while (slot->state == SLOT_WAITING && waited == 0) {
        if (slot->progress.count > 0) {
            tell_progress(slot, ask);
            continue;
        }
        waited = pthread_cond_timedwait(&slot->changed, &slot->lock, &until);
    }
    enum slot_state state = slot->state;
    frames_move(answer, &slot->answer);
    if (state == SLOT_REFUSED)
        *fault = slot->fault;
    slot->state = SLOT_FREE;
    frames_clear(&slot->progress);
    pthread_mutex_unlock(&slot->lock);
    return state;
}

/* ---- asking ---- */

/* Take what the answer says; the frames live on in the reply. */
static bool read_answer(struct frames *frames, struct pipe_reply *reply, struct fault *fault)
{
    struct envelope envelope;
    struct frames *owner = malloc(sizeof *owner);

    if (!owner) {
        frames_clear(frames);
        return fault_set(fault, FAULT_internal, "no memory for an answer");
    }
    frames_move(owner, frames);
    reply->owner_ = owner;
    if (!envelope_read(frames_text(owner, owner->count - 1), &envelope, fault))
        return fault_while(fault, "an answer");
    return answer_read(&envelope, &reply->result, &reply->failure, fault);
}

static bool ask_on_slot(struct pipe *self, struct slot *slot, const struct ask *ask,
                        struct text request, struct pipe_reply *reply, struct fault *fault)
{
    uint32_t msgid = slot_begin(self, slot);
    struct parcel *parcel = malloc(sizeof *parcel);
    struct frames answer;

    if (!parcel)
        return fault_set(fault, FAULT_internal, "no memory for a request");
    int64_t now_ms = clock_now_ms();
    int64_t left_ms = ask->deadline_ms - now_ms;
    *parcel = (struct parcel){.msgid = msgid, .handed_ms = now_ms};
    if (left_ms <= 0)
        fault_set(fault, FAULT_timed_out, "no time was left to ask '%s'", ask->method->name);
    if (left_ms <= 0 || !request_write(ask, msgid, left_ms, request,
                                       self->lane.brokers.message_bytes_max, &parcel->frames,
                                       fault)) {
        free(parcel);
        return false;
    }
    if (!pipe_lane_hand(&self->lane, parcel))
        return fault_set(fault, FAULT_unavailable, "the service is stopping");
    switch (slot_wait(slot, ask, &answer, fault)) {
    case SLOT_ANSWERED:
        return read_answer(&answer, reply, fault);
    case SLOT_REFUSED:
        return false;
    default:
        return fault_set(fault, FAULT_timed_out, "'%s' did not answer in time",
                         ask->method->name);
    }
}

bool pipe_ask(struct pipe *self, const struct ask *ask, struct text request,
              struct pipe_reply *reply, struct fault *fault)
{
    *reply = (struct pipe_reply){0};
    struct slot *slot = slot_take(self);
    if (!slot) {
        fault_set(fault, FAULT_overloaded, "%d calls are under way", PIPE_SLOTS);
        return fault_retry_after(fault, LINK_CONNECT_MS);
    }
    bool answered = ask_on_slot(self, slot, ask, request, reply, fault);
    slot_give(self, slot);
    return answered;
}

void pipe_reply_free(struct pipe_reply *reply)
{
    struct frames *owner = reply->owner_;

    if (owner)
        frames_clear(owner);
    free(owner);
    *reply = (struct pipe_reply){0};
}
