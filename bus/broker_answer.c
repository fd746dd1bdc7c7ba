/* broker_answer.c - what a client hears: the frames around an answer, and the broker's own ones. */
#include "bus/broker_inside.h"

enum { CLIENT_PARTIAL = 2, CLIENT_FINAL = 3 };

bool answer_begin(struct broker *self, const struct request *request, bool is_final)
{
    struct peer *client = request->client;
    struct text name = self->asked;

    if (request->service)
        name = (struct text){request->service->name, request->service->name_size};
    if (!broker_begin(self, client))
        return false;
    if (client->is_delimited)
        broker_send_octets(self, "", 0, true);
    if (client->version == 1) {
        broker_send_octets(self, "MDPC01", 6, true);
    } else {
        const unsigned char command = is_final ? CLIENT_FINAL : CLIENT_PARTIAL;
        broker_send_octets(self, "MDPC02", 6, true);
        broker_send_octets(self, &command, 1, true);
    }
    broker_send_octets(self, name.at, name.size, true);
    return true;
}

void answer_fault(struct broker *self, const struct request *request, const struct fault *fault)
{
    msgpack_sbuffer_clear(&self->scratch);
    self->counts.refused++;
    if (request->service)
        request->service->refused++;
    if (envelope_write_fault(request->msgid, fault, &self->scratch) &&
        answer_begin(self, request, /* is_final= */ true))
        broker_send_octets(self, self->scratch.data, self->scratch.size, false);
}

void request_refuse(struct broker *self, struct request *request, enum fault_kind kind,
                    uint32_t retry_ms, const char *reason)
{
    struct service *service = request->service;
    struct fault fault;

    (void) fault_set(&fault, kind, "%s", reason);
    (void) fault_retry_after(&fault, retry_ms);
    answer_fault(self, request, &fault);
    request_free(self, request);
    if (service)
        service_let_go(self, service);
}

/* It waited. Once without a worker it is told before its caller gives up, else at its deadline. */
static void expire_waiting(struct broker *self, struct request *request)
{
    bool has_workers = request->service->workers > 0;

    if (has_workers && self->now_us < request->deadline_us) {
        request_arm(self, request, request->deadline_us);
        return;
    }
    queue_remove(self, request);
    if (has_workers)
        request_refuse(self, request, FAULT_timed_out, 0, "it waited for a worker");
    else
        request_refuse(self, request, FAULT_unavailable, UNAVAILABLE_RETRY_MS,
                       "no worker serves this name");
}

/* A worker of ours that still beats goes on with its other requests; its late answer is dropped.
 * Any other worker is taken for stuck. */
static void expire_held(struct broker *self, struct request *request)
{
    struct worker *worker = request->worker;
    struct service *service = request->service;
    int64_t silent_us = self->now_us - worker->peer->heard_us;
    struct fault fault;

    (void) fault_set(&fault, FAULT_timed_out, "its worker did not answer");
    answer_fault(self, request, &fault);
    request->client->requests--;
    request->client = NULL;
    request->state = REQUEST_ABANDONED;
    request_drop_frames(request);
    if (worker->is_ours && silent_us < (int64_t)self->options.silence_ms * 1000)
        return;
    worker_remove(self, worker, /* say_so= */ true, "stuck");
    service_owe(self, service);
}

void request_expire(struct broker *self, struct request *request)
{
    if (request->state == REQUEST_WAITING)
        expire_waiting(self, request);
    else if (request->state == REQUEST_HELD)
        expire_held(self, request);
}
