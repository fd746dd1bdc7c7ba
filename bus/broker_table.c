/* broker_table.c - chains in slots; the number of slots is a power of two and doubles. */
#include "bus/broker_table.h"

#include <stdlib.h>

enum { SLOTS_FIRST = 64 };

bool table_init(struct table *self)
{
    *self = (struct table){calloc(SLOTS_FIRST, sizeof(struct table_node *)), SLOTS_FIRST, 0};
    return self->slots != NULL;
}

void table_drop(struct table *self)
{
    free(self->slots);
    *self = (struct table){NULL, 0, 0};
}

static struct table_node **slot_of(const struct table *self, uint64_t hash)
{
    return &self->slots[hash & (self->slot_count - 1)];
}

struct table_node *table_find(const struct table *self, uint64_t hash, table_match *is,
                              const void *key)
{
    for (struct table_node *node = *slot_of(self, hash); node; node = node->next)
        if (node->hash == hash && is(node, key))
            return node;
    return NULL;
}

static void put(struct table *self, struct table_node *node)
{
    struct table_node **slot = slot_of(self, node->hash);

    node->next = *slot;
    *slot = node;
}

static void grow(struct table *self)
{
    struct table wider = {NULL, self->slot_count * 2, self->count};

    wider.slots = calloc(wider.slot_count, sizeof(struct table_node *));
    if (!wider.slots)
        return;
    for (size_t i = 0; i < self->slot_count; i++)
        for (struct table_node *node = self->slots[i], *next; node; node = next) {
            next = node->next;
            put(&wider, node);
        }
    free(self->slots);
    *self = wider;
}

void table_add(struct table *self, struct table_node *node, uint64_t hash)
{
    if (self->count >= self->slot_count)
        grow(self);
    node->hash = hash;
    put(self, node);
    self->count++;
}

void table_remove(struct table *self, struct table_node *node)
{
    struct table_node **at = slot_of(self, node->hash);

    while (*at && *at != node)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = node->next;
    node->next = NULL;
    self->count--;
}
