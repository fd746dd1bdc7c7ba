/* merkle.c - the hashes of the log; the arithmetic of RFC 6962 and nothing else. */
#include "actors/audit/merkle.h"

#include <sodium.h>
#include <string.h>

static struct hash hash_of(unsigned char prefix, const void *left, size_t left_size,
                           const void *right, size_t right_size)
{
    crypto_hash_sha256_state state;
    struct hash hash;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, &prefix, 1);
    crypto_hash_sha256_update(&state, left, left_size);
    crypto_hash_sha256_update(&state, right, right_size);
    crypto_hash_sha256_final(&state, hash.at);
    return hash;
}

struct hash merkle_leaf(const void *entry, size_t size)
{
    return hash_of(0x00, entry, size, "", 0);
}

static struct hash node_over(struct hash left, struct hash right)
{
    return hash_of(0x01, left.at, HASH_SIZE, right.at, HASH_SIZE);
}

/* Like adding one to a binary number: every full subtree that the carry passes is folded in. */
void merkle_add(struct frontier *frontier, struct hash leaf)
{
    int level = 0;

    for (; frontier->size >> level & 1; level++)
        leaf = node_over(frontier->full[level], leaf);
    frontier->full[level] = leaf;
    frontier->size++;
}

struct hash merkle_root(const struct frontier *frontier)
{
    struct hash root;
    int level = 0;

    if (frontier->size == 0) {
        crypto_hash_sha256(root.at, (const unsigned char *)"", 0);
        return root;
    }
    while (!(frontier->size >> level & 1))
        level++;
    root = frontier->full[level];
    while (++level < 64)
        if (frontier->size >> level & 1)
            root = node_over(frontier->full[level], root);
    return root;
}

struct hash chain_link(struct hash before, struct hash leaf)
{
    unsigned char both[2 * HASH_SIZE];
    struct hash link;

    memcpy(both, before.at, HASH_SIZE);
    memcpy(both + HASH_SIZE, leaf.at, HASH_SIZE);
    crypto_hash_sha256(link.at, both, sizeof both);
    return link;
}

void hash_to_hex(struct hash hash, char out[HASH_HEX_SIZE])
{
    sodium_bin2hex(out, HASH_HEX_SIZE, hash.at, HASH_SIZE);
}

int hash_equals(struct hash a, struct hash b)
{
    return memcmp(a.at, b.at, HASH_SIZE) == 0;
}
