/* broker_dispatch.c - a request into a worker's hands. */
#include "bus/broker_inside.h"

/* The header that a worker of ours gets in front of all else. */
static bool send_header(struct broker *self, struct request *request)
{
    struct text packed = {NULL, 0};
    int64_t left_ms = (request->deadline_us - self->now_us) / 1000;
    zmq_msg_t frame;

    if (request->look.is_header)
        packed = frame_text(&request->frames[0]);
    if (zmq_msg_init_size(&frame, header_size(packed, &request->look, self->caller_entry)) < 0) {
        broker_send_octets(self, "\x80", 1, true);
        return false;
    }
    header_write(packed, &request->look, self->caller_entry, left_ms > 0 ? (uint32_t)left_ms : 1,
                 zmq_msg_data(&frame));
    broker_send_frame(self, &frame, true);
    return true;
}

/* One that may be sent again keeps its frames; libzmq shares their octets. */
static void send_body_frame(struct broker *self, zmq_msg_t *frame, bool keep, bool more)
{
    zmq_msg_t copy;

    if (!keep) {
        broker_send_frame(self, frame, more);
        return;
    }
    zmq_msg_init(&copy);
    (void) zmq_msg_copy(&copy, frame);
    broker_send_frame(self, &copy, more);
}

static void send_body(struct broker *self, struct request *request, bool is_ours)
{
    bool keep = request->look.retry && request->sends + 1 < SENDS_MAX;
    uint32_t first = 0;

    if (is_ours && send_header(self, request) && request->look.is_header)
        first = 1;
    for (uint32_t i = first; i < request->frame_count; i++)
        send_body_frame(self, &request->frames[i], keep, i + 1 < request->frame_count);
    if (!keep)
        request_drop_frames(request);
}

static void send_envelope(struct broker *self, const struct request *request,
                          const struct peer *peer)
{
    static const unsigned char command = MDP_REQUEST;
    unsigned char token[TOKEN_SIZE];

    if (peer->is_delimited)
        broker_send_octets(self, "", 0, true);
    broker_send_octets(self, peer->version == 1 ? "MDPW01" : "MDPW02", 6, true);
    broker_send_octets(self, &command, 1, true);
    request_token(request, token);
    broker_send_octets(self, token, sizeof token, true);
    broker_send_octets(self, "", 0, true);
}

/* The workers of a service take turns, as long as they have credit left. */
static void give_hands(struct broker *self, struct worker *worker, struct request *request)
{
    struct service *service = request->service;

    TAILQ_INSERT_TAIL(&worker->holds, request, place);
    request->worker = worker;
    request->state = REQUEST_HELD;
    request->sends++;
    TAILQ_REMOVE(&service->ready, worker, ready);
    worker->is_ready = ++worker->held < worker->credit;
    if (worker->is_ready)
        TAILQ_INSERT_TAIL(&service->ready, worker, ready);
    service->sent++;
    service->waited_us += (uint64_t)(self->now_us - request->arrived_us);
    request_arm(self, request, request->deadline_us);
}

bool request_send(struct broker *self, struct request *request, struct worker *worker)
{
    if (!broker_begin(self, worker->peer)) {
        worker_remove(self, worker, /* say_so= */ false, "unreachable");
        return false;
    }
    send_envelope(self, request, worker->peer);
    send_body(self, request, worker->is_ours);
    give_hands(self, worker, request);
    return true;
}

/* A request out of the queue: to a worker, or to its end. */
static void hand_out(struct broker *self, struct service *service, struct request *request)
{
    struct worker *worker;

    request_disarm(self, request);
    if (request->client->is_gone) {
        self->counts.undelivered++;
        request_free(self, request);
        return;
    }
    if (request->deadline_us <= self->now_us) {
        request_refuse(self, request, FAULT_timed_out, 0, "it waited for a worker");
        return;
    }
    while ((worker = TAILQ_FIRST(&service->ready)) != NULL)
        if (request_send(self, request, worker))
            return;
    if (queue_push(self, request, /* to_front= */ true))
        request_arm_waiting(self, request);
    else
        request_refuse(self, request, FAULT_overloaded, OVERLOADED_RETRY_MS, "no memory");
}

static void dispatch(struct broker *self, struct service *service)
{
    while (!TAILQ_EMPTY(&service->ready)) {
        struct request *request = queue_pop(self, service);
        if (!request)
            return;
        hand_out(self, service, request);
    }
}

void service_owe(struct broker *self, struct service *service)
{
    if (service->is_owed)
        return;
    service->is_owed = true;
    TAILQ_INSERT_TAIL(&self->owed, service, owed);
}

void services_dispatch(struct broker *self)
{
    struct service *service;

    while ((service = TAILQ_FIRST(&self->owed)) != NULL) {
        TAILQ_REMOVE(&self->owed, service, owed);
        service->is_owed = false;
        dispatch(self, service);
    }
}
