/* broker_queue.c - what waits: bounded per service and per caller, served caller by caller. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bus/broker_inside.h"

struct asker_key { const struct peer *peer; uint64_t user_hash; };
struct flow_key { const struct asker *asker; const struct service *service; };

static bool is_asker(const struct table_node *node, const void *key_)
{
    const struct asker *asker = TABLE_ENTRY(node, struct asker);
    const struct asker_key *key = key_;

    return asker->peer == key->peer && asker->user_hash == key->user_hash;
}

static bool is_flow(const struct table_node *node, const void *key_)
{
    const struct flow *flow = TABLE_ENTRY(node, struct flow);
    const struct flow_key *key = key_;

    return flow->asker == key->asker && flow->service == key->service;
}

static struct asker *find_asker(struct broker *self, const struct request *request)
{
    const struct asker_key key = {request->client, request->user_hash};
    struct table_node *node = table_find(&self->askers, broker_hash(self, &key, sizeof key),
                                         is_asker, &key);

    return node ? TABLE_ENTRY(node, struct asker) : NULL;
}

static struct asker *get_asker(struct broker *self, const struct request *request)
{
    const struct asker_key key = {request->client, request->user_hash};
    struct asker *asker = find_asker(self, request);

    if (asker)
        return asker;
    asker = calloc(1, sizeof *asker);
    if (!asker)
        return NULL;
    asker->peer = request->client;
    asker->user_hash = request->user_hash;
    table_add(&self->askers, &asker->node, broker_hash(self, &key, sizeof key));
    return asker;
}

static void drop_asker(struct broker *self, struct asker *asker)
{
    if (asker->flows > 0)
        return;
    table_remove(&self->askers, &asker->node);
    free(asker);
}

static struct flow *get_flow(struct broker *self, struct asker *asker, struct service *service)
{
    const struct flow_key key = {asker, service};
    uint64_t hash = broker_hash(self, &key, sizeof key);
    struct table_node *node = table_find(&self->flows, hash, is_flow, &key);

    if (node)
        return TABLE_ENTRY(node, struct flow);
    struct flow *flow = calloc(1, sizeof *flow);
    if (!flow)
        return NULL;
    flow->asker = asker;
    flow->service = service;
    asker->flows++;
    TAILQ_INIT(&flow->waiting);
    table_add(&self->flows, &flow->node, hash);
    TAILQ_INSERT_TAIL(&service->flows, flow, turn);
    return flow;
}

static void drop_flow(struct broker *self, struct flow *flow)
{
    if (!TAILQ_EMPTY(&flow->waiting))
        return;
    TAILQ_REMOVE(&flow->service->flows, flow, turn);
    table_remove(&self->flows, &flow->node);
    flow->asker->flows--;
    drop_asker(self, flow->asker);
    free(flow);
}

static void count(struct broker *self, const struct request *request, bool is_more)
{
    struct service *service = request->service;
    uint64_t one = is_more ? 1 : (uint64_t)-1;      /* unsigned: adds, or takes away */
    uint64_t bytes = is_more ? request->bytes : (uint64_t)0 - request->bytes;

    service->waiting += one;
    service->waiting_bytes += bytes;
    request->flow->asker->bytes += bytes;
    if (!service->is_known) {
        self->unknown_waiting += one;
        self->unknown_bytes += bytes;
    }
}

static bool overloaded(struct fault *fault, const char *what, uint64_t max)
{
    (void) fault_set(fault, FAULT_overloaded, "%s: at most %" PRIu64 " wait", what, max);
    return fault_retry_after(fault, OVERLOADED_RETRY_MS);
}

bool queue_has_room(struct broker *self, const struct service *service,
                    const struct request *request, struct fault *fault)
{
    const struct broker_settings *bounds = &self->options.bounds;
    bool is_known = service && service->is_known;
    const struct asker *asker = find_asker(self, request);

    if ((is_known ? service->waiting : self->unknown_waiting) >= bounds->queue_messages_max)
        return overloaded(fault, "requests of the service", bounds->queue_messages_max);
    if ((is_known ? service->waiting_bytes : self->unknown_bytes) + request->bytes >
        bounds->queue_bytes_max)
        return overloaded(fault, "octets of the service", bounds->queue_bytes_max);
    if ((asker ? asker->bytes : 0) + request->bytes > bounds->caller_bytes_max)
        return overloaded(fault, "octets of the caller", bounds->caller_bytes_max);
    return true;
}

bool queue_push(struct broker *self, struct request *request, bool to_front)
{
    struct asker *asker = get_asker(self, request);
    struct flow *flow = asker ? get_flow(self, asker, request->service) : NULL;

    if (!flow) {
        if (asker)
            drop_asker(self, asker);
        return false;
    }
    request->flow = flow;
    request->state = REQUEST_WAITING;
    if (to_front)
        TAILQ_INSERT_HEAD(&flow->waiting, request, place);
    else
        TAILQ_INSERT_TAIL(&flow->waiting, request, place);
    count(self, request, true);
    return true;
}

void queue_remove(struct broker *self, struct request *request)
{
    struct flow *flow = request->flow;

    count(self, request, false);
    TAILQ_REMOVE(&flow->waiting, request, place);
    request->flow = NULL;
    request->state = REQUEST_NEW;
    drop_flow(self, flow);
}

struct request *queue_pop(struct broker *self, struct service *service)
{
    struct flow *flow = TAILQ_FIRST(&service->flows);

    if (!flow)
        return NULL;
    struct request *request = TAILQ_FIRST(&flow->waiting);
    TAILQ_REMOVE(&service->flows, flow, turn);      /* the next caller's turn */
    TAILQ_INSERT_TAIL(&service->flows, flow, turn);
    queue_remove(self, request);
    return request;
}
