/* rate_table.c - how often each caller came in the present window. */
#include "gateway/rate_table.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "bus/clock.h"

enum { BUCKETS = 8192, PLACES = 8, LOCKS = 64, WHAT_OCTETS_MAX = 64 };

struct place {
    unsigned char key[crypto_shorthash_siphashx24_BYTES];
    int64_t ends_ms;            /* 0: free */
    int64_t used_ms;
    uint32_t count;
};

struct rate_table {
    unsigned char secret[crypto_shorthash_siphashx24_KEYBYTES];    /* so nobody aims at a bucket */
    pthread_mutex_t locks[LOCKS];
    struct place buckets[BUCKETS][PLACES];
};

struct rate_table *rate_table_new(void)
{
    struct rate_table *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    randombytes_buf(self->secret, sizeof self->secret);
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&self->locks[i], NULL);
    return self;
}

void rate_table_free(struct rate_table *self)
{
    if (!self)
        return;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&self->locks[i]);
    free(self);
}

/* The caller's place: his own, a free or ended one, or the one used longest ago. */
static struct place *find_place(struct place bucket[PLACES], const unsigned char *key,
                                int64_t now_ms)
{
    struct place *oldest = &bucket[0];

    for (int i = 0; i < PLACES; i++)
        if (bucket[i].ends_ms > now_ms && memcmp(bucket[i].key, key, sizeof bucket[i].key) == 0)
            return &bucket[i];
    for (int i = 0; i < PLACES; i++) {
        if (bucket[i].ends_ms <= now_ms) {
            oldest = &bucket[i];
            break;
        }
        if (bucket[i].used_ms < oldest->used_ms)
            oldest = &bucket[i];
    }
    memcpy(oldest->key, key, sizeof oldest->key);
    oldest->ends_ms = 0;
    return oldest;
}

struct rate_state rate_table_count(struct rate_table *self, struct text what,
                                   const struct address *caller, struct rate_limit limit)
{
    unsigned char input[sizeof caller->octets + WHAT_OCTETS_MAX] = {0};
    unsigned char key[crypto_shorthash_siphashx24_BYTES];
    struct address who = address_limit_key(caller);
    uint32_t bucket;
    int64_t now_ms = clock_now_ms();

    memcpy(input, who.octets, sizeof who.octets);
    memcpy(input + sizeof who.octets, what.at,
           what.size < WHAT_OCTETS_MAX ? what.size : WHAT_OCTETS_MAX);
    crypto_shorthash_siphashx24(key, input, sizeof input, self->secret);
    memcpy(&bucket, key, sizeof bucket);
    bucket %= BUCKETS;

    pthread_mutex_t *lock = &self->locks[bucket % LOCKS];
    pthread_mutex_lock(lock);
    struct place *place = find_place(self->buckets[bucket], key, now_ms);
    if (place->ends_ms == 0) {
        place->ends_ms = now_ms + (int64_t)limit.window_s * 1000;
        place->count = 0;
    }
    place->used_ms = now_ms;
    if (place->count <= limit.count_max)
        place->count++;
    struct rate_state state = {.is_over = place->count > limit.count_max,
                               .reset_ms = (uint32_t)(place->ends_ms - now_ms)};
    if (!state.is_over)
        state.remaining = limit.count_max - place->count;
    pthread_mutex_unlock(lock);
    state.reset_s = (state.reset_ms + 999) / 1000;
    return state;
}
