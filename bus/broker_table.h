/* broker_table.h - a hash table of things that carry their own node.
 *
 * Owns:     the table owns its slots, never the things in it.
 * Fails as: table_init() gives false without memory. A table that cannot grow gets slower.
 * Keys come from strangers: hash them with a secret (libsodium's crypto_shorthash).
 */
#ifndef ISEKAI_BUS_BROKER_TABLE_H
#define ISEKAI_BUS_BROKER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_node { struct table_node *next; uint64_t hash; };
struct table { struct table_node **slots; size_t slot_count, count; };

typedef bool table_match(const struct table_node *node, const void *key);

bool table_init(struct table *self);
void table_drop(struct table *self);            /* safe on a zeroed one */
struct table_node *table_find(const struct table *self, uint64_t hash, table_match *is,
                              const void *key);
void table_add(struct table *self, struct table_node *node, uint64_t hash);
void table_remove(struct table *self, struct table_node *node);

/* The thing of that type whose member `node` this is. */
#define TABLE_ENTRY(node_, type) ((type *)(void *)((char *)(node_) - offsetof(type, node)))

#endif
