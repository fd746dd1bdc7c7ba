/* preview_crowd.c - see preview_crowd.h. */
#include "gateway/preview_crowd.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTS = 4096, RETRY_MS = 1000 };

struct preview_crowd {
    uint64_t most;
    unsigned char secret[crypto_shorthash_KEYBYTES];
    atomic_uint_fast64_t counts[COUNTS];
};

struct preview_crowd *preview_crowd_new(uint64_t most, struct fault *fault)
{
    struct preview_crowd *self = calloc(1, sizeof *self);

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory to count previews");
        return NULL;
    }
    self->most = most;
    crypto_shorthash_keygen(self->secret);
    return self;
}

void preview_crowd_free(struct preview_crowd *self)
{
    free(self);
}

static atomic_uint_fast64_t *count_of(struct preview_crowd *self, const char *label)
{
    unsigned char hash[crypto_shorthash_BYTES];

    (void) crypto_shorthash(hash, (const unsigned char *)label, strlen(label), self->secret);
    return &self->counts[(hash[0] | hash[1] << 8) % COUNTS];
}

bool preview_crowd_enter(struct preview_crowd *self, const char *label, struct fault *fault)
{
    if (atomic_fetch_add(count_of(self, label), 1) < self->most)
        return true;
    preview_crowd_leave(self, label);
    (void) fault_set(fault, FAULT_overloaded, "more than %" PRIu64 " requests of this app at once",
                     self->most);
    return fault_retry_after(fault, RETRY_MS);
}

void preview_crowd_leave(struct preview_crowd *self, const char *label)
{
    atomic_fetch_sub(count_of(self, label), 1);
}
