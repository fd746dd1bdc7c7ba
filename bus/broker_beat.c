/* broker_beat.c - heartbeats, and how the death of a worker is noticed.
 *
 * Every worker gets a heartbeat, busy or not: with ROUTER_MANDATORY a heartbeat that cannot be
 * sent tells that the connection is gone. When the monitor reports the end of a connection,
 * its workers are probed at once, for a moment: libzmq takes the route down a little later.
 * The report alone decides nothing, since its descriptor may be in use again already.
 */
#include "bus/broker_inside.h"

enum { SUSPECT_US = 200000 };

void worker_send_bare(struct broker *self, struct peer *peer, enum mdp_command command)
{
    unsigned char octet = (unsigned char)command;

    if (peer->version == 1)
        octet--;        /* MDP/0.1 has no PARTIAL; the two commands behind it are one less */
    if (!broker_begin(self, peer))
        return;
    if (peer->is_delimited)
        broker_send_octets(self, "", 0, true);
    broker_send_octets(self, peer->version == 1 ? "MDPW01" : "MDPW02", 6, true);
    broker_send_octets(self, &octet, 1, false);
}

static const char *reason_to_remove(const struct broker *self, const struct worker *worker)
{
    int64_t silent_us = self->now_us - worker->peer->heard_us;

    if (worker->peer->is_gone)
        return "gone";
    if (worker->held == 0 && silent_us > (int64_t)self->options.silence_ms * 1000)
        return "silent";
    if (worker->held == 0 && worker->is_leaving)
        return "left";
    return NULL;
}

/* The first that is to be removed. Handing its requests to others may find more of them gone. */
static struct worker *next_to_remove(struct broker *self, const char **why)
{
    struct worker *worker;

    TAILQ_FOREACH(worker, &self->workers, all) {
        *why = reason_to_remove(self, worker);
        if (*why)
            return worker;
    }
    return NULL;
}

void workers_beat(struct broker *self)
{
    struct worker *worker;
    const char *why;

    TAILQ_FOREACH(worker, &self->workers, all)
        worker_send_bare(self, worker->peer, MDP_HEARTBEAT);
    while ((worker = next_to_remove(self, &why)) != NULL) {
        struct service *service = worker->service;
        worker_remove(self, worker, /* say_so= */ false, why);
        service_owe(self, service);
    }
}

void workers_suspect(struct broker *self, int fd)
{
    struct worker *worker;

    TAILQ_FOREACH(worker, &self->workers, all) {
        if (worker->fd != fd)
            continue;
        if (!worker->suspect_until_us)
            TAILQ_INSERT_TAIL(&self->suspects, worker, suspect);
        worker->suspect_until_us = self->now_us + SUSPECT_US;
    }
}

void suspects_probe(struct broker *self)
{
    struct worker *worker, *next;

    for (worker = TAILQ_FIRST(&self->suspects); worker; worker = next) {
        next = TAILQ_NEXT(worker, suspect);
        struct service *service = worker->service;
        worker_send_bare(self, worker->peer, MDP_HEARTBEAT);
        if (worker->peer->is_gone) {
            worker_remove(self, worker, /* say_so= */ false, "gone");
            service_owe(self, service);
            next = TAILQ_FIRST(&self->suspects);
        } else if (worker->suspect_until_us < self->now_us) {
            TAILQ_REMOVE(&self->suspects, worker, suspect);
            worker->suspect_until_us = 0;
        }
    }
}
