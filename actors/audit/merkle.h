/* merkle.h - the tree that proves what a log holds, kept incrementally.
 *
 * Source:   RFC 6962 section 2.1: leaf SHA-256(0x00 || entry), node SHA-256(0x01 || left || right),
 *           empty tree SHA-256("").
 * Owns:     nothing; a frontier is a plain value that may be copied to try something out.
 * Units:    size counts leaves. Adding one costs at most 64 hashes, the root at most 64.
 */
#ifndef ISEKAI_ACTORS_AUDIT_MERKLE_H
#define ISEKAI_ACTORS_AUDIT_MERKLE_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_SIZE = 32 };

struct hash { unsigned char at[HASH_SIZE]; };

/* The roots of the full subtrees of the log: full[i] has 2^i leaves where bit i of size is set. */
struct frontier { uint64_t size; struct hash full[64]; };

struct hash merkle_leaf(const void *entry, size_t size);
void        merkle_add(struct frontier *frontier, struct hash leaf);
struct hash merkle_root(const struct frontier *frontier);

/* The next link of the hash chain: SHA-256(before || leaf). The first link's `before` is zeroed. */
struct hash chain_link(struct hash before, struct hash leaf);

enum { HASH_HEX_SIZE = 2 * HASH_SIZE + 1 };
void hash_to_hex(struct hash hash, char out[HASH_HEX_SIZE]);
int  hash_equals(struct hash a, struct hash b);

#endif
