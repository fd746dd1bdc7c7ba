/* broker_peers.c - who is connected, as far as they have spoken. */
#include <stdlib.h>
#include <string.h>

#include "bus/broker_inside.h"

uint64_t broker_hash(const struct broker *self, const void *octets, size_t size)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t hash;

    (void) crypto_shorthash(out, octets, size, self->secret);
    memcpy(&hash, out, sizeof hash);
    return hash;
}

static bool has_id(const struct table_node *node, const void *key)
{
    const struct peer *peer = TABLE_ENTRY(node, struct peer);
    const struct text *id = key;

    return peer->id_size == id->size && memcmp(peer->id, id->at, id->size) == 0;
}

struct peer *peer_find(struct broker *self, struct text id)
{
    struct table_node *node = table_find(&self->peers, broker_hash(self, id.at, id.size), has_id,
                                         &id);

    return node ? TABLE_ENTRY(node, struct peer) : NULL;
}

/* Make room: forget the client that has been silent longest and waits for nothing. */
static bool forget_one(struct broker *self)
{
    struct peer *peer;

    TAILQ_FOREACH(peer, &self->clients, by_use)
        if (peer->requests == 0) {
            peer_forget(self, peer);
            return true;
        }
    return false;
}

struct peer *peer_add(struct broker *self, struct text id, uint8_t version)
{
    if (id.size > ROUTING_ID_MAX || (self->peers.count >= PEERS_MAX && !forget_one(self)))
        return NULL;
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    peer->version = version;
    peer->id_size = (uint8_t)id.size;
    memcpy(peer->id, id.at, id.size);
    peer->heard_us = self->now_us;
    table_add(&self->peers, &peer->node, broker_hash(self, id.at, id.size));
    TAILQ_INSERT_TAIL(&self->clients, peer, by_use);
    return peer;
}

void peer_heard(struct broker *self, struct peer *peer)
{
    peer->heard_us = self->now_us;
    peer->is_gone = false;
    if (!peer->worker) {
        TAILQ_REMOVE(&self->clients, peer, by_use);
        TAILQ_INSERT_TAIL(&self->clients, peer, by_use);
    }
}

void peer_forget(struct broker *self, struct peer *peer)
{
    if (!peer->worker)
        TAILQ_REMOVE(&self->clients, peer, by_use);
    table_remove(&self->peers, &peer->node);
    free(peer);
}

void peers_forget_silent(struct broker *self)
{
    int64_t since_us = self->now_us - (int64_t)KNOWN_MS * 1000;
    struct peer *peer, *next;

    for (peer = TAILQ_FIRST(&self->clients); peer && peer->heard_us < since_us; peer = next) {
        next = TAILQ_NEXT(peer, by_use);
        if (peer->requests == 0)
            peer_forget(self, peer);
    }
}
