/* known.c - a ring of ids and a hash table over it; the oldest makes room for the newest. */
#include "actors/audit/known.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 131072, NOBODY = -1 };

struct known {
    unsigned char key[crypto_generichash_KEYBYTES];
    uint32_t count, next;               /* next: the slot to be taken */
    int32_t first[CHAINS];              /* a slot, or NOBODY */
    int32_t after[KNOWN_MAX];
    struct known_id ids[KNOWN_MAX];
};

struct known *known_new(void)
{
    struct known *known = sodium_init() >= 0 ? malloc(sizeof *known) : NULL;

    if (!known)
        return NULL;
    known->count = known->next = 0;
    for (size_t i = 0; i < CHAINS; i++)
        known->first[i] = NOBODY;
    randombytes_buf(known->key, sizeof known->key);
    return known;
}

void known_free(struct known *known)
{
    free(known);
}

struct known_id known_id_of(const struct known *known, struct text event_id)
{
    struct known_id id;

    crypto_generichash(id.at, sizeof id.at, (const unsigned char *)event_id.at, event_id.size,
                       known->key, sizeof known->key);
    return id;
}

static uint32_t chain_of(struct known_id id)
{
    uint32_t start;

    memcpy(&start, id.at, sizeof start);
    return start % CHAINS;
}

bool known_has(const struct known *known, struct known_id id)
{
    int32_t slot = known->first[chain_of(id)];

    while (slot != NOBODY && memcmp(known->ids[slot].at, id.at, sizeof id.at) != 0)
        slot = known->after[slot];
    return slot != NOBODY;
}

static void forget(struct known *known, int32_t slot)
{
    int32_t *link = &known->first[chain_of(known->ids[slot])];

    while (*link != slot)
        link = &known->after[*link];
    *link = known->after[slot];
}

void known_add(struct known *known, struct known_id id)
{
    int32_t slot = (int32_t)known->next;
    int32_t *first = &known->first[chain_of(id)];

    if (known->count == KNOWN_MAX)
        forget(known, slot);
    else
        known->count++;
    known->ids[slot] = id;
    known->after[slot] = *first;
    *first = slot;
    known->next = (known->next + 1) % KNOWN_MAX;
}
