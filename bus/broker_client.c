/* broker_client.c - a client asks: who it is, what for, until when; then to a worker or a queue. */
#include "bus/broker_inside.h"

enum { CLIENT_REQUEST = 1 };

static struct peer *client_of(struct broker *self, struct text id, uint8_t version)
{
    struct peer *peer = peer_find(self, id);

    if (!peer)
        return peer_add(self, id, version);
    if (peer->worker || peer->version != version)
        return NULL;
    peer_heard(self, peer);
    return peer;
}

/* MDP/0.2 has a command where 0.1 has none. */
static bool take_command(struct parcel *parcel, uint8_t version)
{
    if (version == 1)
        return true;
    zmq_msg_t *frame = parcel_next(parcel);
    return frame && zmq_msg_size(frame) == 1 &&
           *(const unsigned char *)zmq_msg_data(frame) == CLIENT_REQUEST;
}

/* Read what the broker must know of the body. */
static void look(struct broker *self, struct request *request)
{
    struct text first = frame_text(&request->frames[0]);
    struct text last = frame_text(&request->frames[request->frame_count - 1]);

    request->msgid = 0;
    (void) envelope_peek_msgid(last, &request->msgid);
    request->look = (struct header_look){.is_header = false};
    if (request->frame_count == 2)
        (void) header_look(first, &request->look);
    if (request->look.user.size)
        request->user_hash = broker_hash(self, request->look.user.at, request->look.user.size);
    uint64_t time_ms = request->look.has_time ? request->look.time_left_ms
                                              : self->options.default_time_ms;
    request->arrived_us = self->now_us;
    request->deadline_us = self->now_us + (int64_t)time_ms * 1000;
}

static void wait_in_queue(struct broker *self, struct request *request)
{
    if (queue_push(self, request, /* to_front= */ false))
        request_arm_waiting(self, request);
    else
        request_refuse(self, request, FAULT_overloaded, OVERLOADED_RETRY_MS, "no memory");
}

static bool hand_over(struct broker *self, struct request *request)
{
    struct service *service = request->service;
    struct worker *worker;

    if (!TAILQ_EMPTY(&service->flows))
        return false;
    while ((worker = TAILQ_FIRST(&service->ready)) != NULL)
        if (request_send(self, request, worker)) {
            service_owe(self, service);    /* what a dead worker before it left behind */
            return true;
        }
    return false;
}

static void route(struct broker *self, struct request *request, struct text name)
{
    struct service *service = service_find(self, name);
    struct fault fault;

    if (request->deadline_us <= self->now_us) {
        request_refuse(self, request, FAULT_timed_out, 0, "it came too late");
        return;
    }
    request->service = service;
    if (service && hand_over(self, request))
        return;
    if (!queue_has_room(self, service, request, &fault)) {
        answer_fault(self, request, &fault);
        request_free(self, request);
        return;
    }
    request->service = service ? service : service_add(self, name);
    if (request->service)
        wait_in_queue(self, request);
    else
        request_refuse(self, request, FAULT_overloaded, OVERLOADED_RETRY_MS, "too many names");
}

static void take_request(struct broker *self, struct request *request, struct text name)
{
    struct parcel *parcel = &self->parcel;

    request->msgid = 0;
    if (parcel->is_cut)
        request_refuse(self, request, FAULT_too_large, 0, "too many frames");
    else if (parcel->bytes > self->options.message_bytes_max)
        request_refuse(self, request, FAULT_too_large, 0, "larger than bus_message_bytes_max");
    else if (!is_service_name(name))
        request_refuse(self, request, FAULT_malformed, 0,
                       "a service's name is 1 to 128 printable ASCII characters");
    else if (parcel->at == parcel->count)
        request_refuse(self, request, FAULT_malformed, 0, "a request has a body");
    else if (!request_take_frames(request, parcel))
        request_refuse(self, request, FAULT_overloaded, OVERLOADED_RETRY_MS, "no memory");
    else {
        look(self, request);
        if (is_own_name(name))
            answer_own(self, request);
        else
            route(self, request, name);
    }
}

void client_command(struct broker *self, struct text id, uint8_t version, bool is_delimited)
{
    struct peer *client = client_of(self, id, version);
    bool is_request = client && take_command(&self->parcel, version);
    zmq_msg_t *name = is_request ? parcel_next(&self->parcel) : NULL;

    if (!name) {
        self->counts.broken++;
        return;
    }
    client->is_delimited = is_delimited;
    self->counts.requests++;
    self->asked = frame_text(name);
    struct request *request = request_new(self);
    if (!request) {
        self->counts.undelivered++;     /* two million are under way */
        return;
    }
    request->client = client;
    client->requests++;
    take_request(self, request, self->asked);
}
