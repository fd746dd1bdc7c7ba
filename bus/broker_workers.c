/* broker_workers.c - a worker registers, answers, leaves or dies. */
#include <stdlib.h>

#include "bus/broker_inside.h"
#include "bus/log.h"
#include "bus/packed.h"
#include "schemas/scan.h"

/* ---- leaving ---- */

void worker_let_go(struct worker *self, struct request *request)
{
    TAILQ_REMOVE(&self->holds, request, place);
    request->worker = NULL;
    request->state = REQUEST_NEW;
    self->held--;
    if (self->is_ready || self->is_leaving || self->held >= self->credit)
        return;
    self->is_ready = true;
    TAILQ_INSERT_TAIL(&self->service->ready, self, ready);
}

/* Its worker died with it. One that may be sent again has kept its frames; it is, unless a part of
 * an answer is out. */
static void resolve(struct broker *self, struct request *request)
{
    bool may_again = request->frame_count > 0 && !request->is_partial && !self->is_stopping &&
                     self->now_us < request->deadline_us;

    if (!request->client) {     /* abandoned: it was told already */
        request_free(self, request);
        return;
    }
    if (may_again && queue_push(self, request, /* to_front= */ true)) {
        self->counts.resent++;
        request_arm_waiting(self, request);
        return;
    }
    request_refuse(self, request, FAULT_unavailable, UNAVAILABLE_RETRY_MS,
                   "the worker went away with the request");
}

/* Take it off its service: it gets no more requests. */
static void unlist(struct broker *self, struct worker *worker)
{
    if (worker->is_ready)
        TAILQ_REMOVE(&worker->service->ready, worker, ready);
    worker->is_ready = false;
    if (!worker->is_leaving)
        service_lose_worker(self, worker->service);
    worker->is_leaving = true;
}

void worker_remove(struct broker *self, struct worker *worker, bool say_so, const char *why)
{
    struct request *request;

    log_line(LOG_INFO, NULL, "worker_removed service=%s why=%s held=%u", worker->service->name,
             why, worker->held);
    self->counts.removed++;
    unlist(self, worker);
    if (say_so)
        worker_send_bare(self, worker->peer, MDP_DISCONNECT);
    while ((request = TAILQ_LAST(&worker->holds, request_list)) != NULL) {
        worker_let_go(worker, request);     /* the last first: each goes to its flow's front */
        resolve(self, request);
    }
    if (worker->suspect_until_us)
        TAILQ_REMOVE(&self->suspects, worker, suspect);
    TAILQ_REMOVE(&self->workers, worker, all);
    self->worker_count--;
    peer_forget(self, worker->peer);
    free(worker);
}

/* ---- registering ---- */

struct ready_words { uint64_t credit; bool is_ours; };

/* {"credit": n, "contract": n}; a newer worker may say more. */
static bool read_words(struct text packed, struct ready_words *out)
{
    struct packed reader = packed_from(packed);
    struct fault ignored;
    uint64_t count, contract;

    if (!scan_whole(packed, 4, 64, &ignored) || !packed_map(&reader, &count))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        struct text key, value;
        if (!packed_text(&reader, &key) || !packed_value(&reader, &value))
            return false;
        struct packed inner = packed_from(value);
        if (text_is(key, "credit") && !packed_count(&inner, &out->credit))
            return false;
        if (text_is(key, "contract")) {
            if (!packed_count(&inner, &contract))
                return false;
            out->is_ours = true;
        }
    }
    return out->credit >= 1 && out->credit <= CREDIT_MAX;
}

static bool read_ready(struct broker *self, struct text *name, struct ready_words *words)
{
    struct parcel *parcel = &self->parcel;
    zmq_msg_t *service = parcel_next(parcel), *more = parcel_next(parcel);

    if (!service || parcel->is_cut || parcel_next(parcel))
        return false;
    *name = frame_text(service);
    if (!is_service_name(*name) || is_own_name(*name))
        return false;
    return !more || read_words(frame_text(more), words);
}

static struct worker *make_worker(struct broker *self, struct peer *peer, struct service *service,
                                  const struct ready_words *words, int fd)
{
    struct worker *worker = calloc(1, sizeof *worker);

    if (!worker)
        return NULL;
    TAILQ_REMOVE(&self->clients, peer, by_use);
    peer->worker = worker;
    worker->peer = peer;
    worker->service = service;
    worker->credit = (uint32_t)words->credit;
    worker->is_ours = words->is_ours;
    worker->fd = fd;
    worker->is_ready = true;
    TAILQ_INIT(&worker->holds);
    TAILQ_INSERT_TAIL(&self->workers, worker, all);
    TAILQ_INSERT_TAIL(&service->ready, worker, ready);
    self->worker_count++;
    service_gain_worker(self, service);
    return worker;
}

static void send_away(struct broker *self, struct text id, uint8_t version, bool is_delimited)
{
    struct peer stranger = {.version = version, .is_delimited = is_delimited};

    self->counts.broken++;
    stranger.id_size = (uint8_t)id.size;
    memcpy(stranger.id, id.at, id.size);
    worker_send_bare(self, &stranger, MDP_DISCONNECT);
}

static bool register_worker(struct broker *self, struct text id, uint8_t version,
                            bool is_delimited)
{
    struct ready_words words = {.credit = 1};
    struct text name;

    /* The routing id has no metadata; a frame behind it names the connection. */
    int fd = zmq_msg_get(&self->parcel.frames[1], ZMQ_SRCFD);
    if (!read_ready(self, &name, &words) || self->worker_count == WORKERS_MAX)
        return false;
    struct service *service = service_find(self, name);
    if (!service)
        service = service_add(self, name);
    struct peer *peer = service ? peer_add(self, id, version) : NULL;
    if (!peer || !make_worker(self, peer, service, &words, fd)) {
        if (peer)
            peer_forget(self, peer);
        return false;
    }
    peer->is_delimited = is_delimited;
    self->counts.registered++;
    log_line(LOG_INFO, NULL, "worker_registered service=%s mdp=0.%d credit=%u ours=%d",
             service->name, version, (unsigned)words.credit, words.is_ours);
    if (words.is_ours)
        worker_send_bare(self, peer, MDP_HEARTBEAT);    /* it waits for a word to be sure */
    service_owe(self, service);
    return true;
}

/* ---- answering ---- */

static void forward(struct broker *self, const struct request *request, bool is_final)
{
    struct parcel *parcel = &self->parcel;

    if (!is_final && request->client->version == 1)
        return;     /* MDP/0.1 knows one answer only */
    if (!answer_begin(self, request, is_final))
        return;
    while (parcel->at < parcel->count) {
        zmq_msg_t *frame = parcel_next(parcel);
        broker_send_frame(self, frame, parcel->at < parcel->count);
    }
}

/* [address][empty][body]; false when it is not. */
static bool take_answer(struct broker *self, struct worker *worker, bool is_final)
{
    struct parcel *parcel = &self->parcel;
    zmq_msg_t *token = parcel_next(parcel), *empty = parcel_next(parcel);

    if (!token || !empty || zmq_msg_size(empty) != 0 || parcel->at == parcel->count ||
        parcel->is_cut || parcel->bytes > self->options.message_bytes_max)
        return false;
    struct request *request = request_from_token(self, frame_text(token));
    if (!request || request->worker != worker) {
        self->counts.stray++;
        return true;
    }
    if (request->client)
        forward(self, request, is_final);
    request->is_partial = true;
    if (!is_final)
        return true;
    self->counts.answered += request->client != NULL;
    worker_let_go(worker, request);
    request_free(self, request);
    service_owe(self, worker->service);
    return true;
}

/* ---- commands ---- */

static int read_command(struct parcel *parcel, uint8_t version)
{
    static const int first[] = {0, MDP_READY, MDP_REQUEST, MDP_FINAL, MDP_HEARTBEAT,
                                MDP_DISCONNECT};
    zmq_msg_t *frame = parcel_next(parcel);

    if (!frame || zmq_msg_size(frame) != 1)
        return 0;
    unsigned char command = *(const unsigned char *)zmq_msg_data(frame);
    if (version == 1)
        return command < sizeof first / sizeof *first ? first[command] : 0;
    return command <= MDP_DISCONNECT ? command : 0;
}

/* A worker of ours may end what it holds; another is not spoken to any more, so nothing could
 * tell whether it lives. */
static void leave(struct broker *self, struct worker *worker)
{
    struct service *service = worker->service;

    if (worker->is_ours && worker->held > 0) {
        unlist(self, worker);
        return;
    }
    worker_remove(self, worker, /* say_so= */ false, "left");
    service_owe(self, service);
}

static bool obey(struct broker *self, struct worker *worker, int command)
{
    switch (command) {
    case MDP_PARTIAL:
    case MDP_FINAL:
        return take_answer(self, worker, command == MDP_FINAL);
    case MDP_HEARTBEAT:
        return true;
    case MDP_DISCONNECT:
        leave(self, worker);
        return true;
    default:
        return false;       /* a second READY, a REQUEST, or none of MDP */
    }
}

void worker_command(struct broker *self, struct text id, uint8_t version, bool is_delimited)
{
    struct peer *peer = peer_find(self, id);
    int command = read_command(&self->parcel, version);

    if (!peer) {
        if (command == MDP_READY && register_worker(self, id, version, is_delimited))
            return;
        if (command != MDP_DISCONNECT)
            send_away(self, id, version, is_delimited);
        return;
    }
    if (!peer->worker) {
        self->counts.broken++;      /* it spoke as a client before */
        return;
    }
    struct worker *worker = peer->worker;
    struct service *service = worker->service;
    peer_heard(self, peer);
    if (peer->version == version && obey(self, worker, command))
        return;
    self->counts.broken++;
    worker_remove(self, worker, /* say_so= */ true, "broke the protocol");
    service_owe(self, service);
}
