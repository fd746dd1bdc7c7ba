/* prover.h - may apps be started here? As long as the last proof reached SANDBOX_FLOOR.
 *
 * The first proof runs in prover_new(), before anything is served; then one every SANDBOX_PROOF_MS
 * on a thread of its own. After one that did not reach the floor, or came to no result, no app
 * is started, what runs goes on, and the next comes within PROVER_AGAIN_MS. One that reaches it makes
 * all well.
 *
 * Owns:     its thread; prover_free() ends a proof under way.
 * Borrows:  the place, for its life.
 * Fails as: forbidden (prover_new(): the floor is not reached, or no cage can be built), unproven
 *           (prover_allows()), timed_out, internal.
 * Threads:  any, except new and free.
 */
#ifndef ISEKAI_SANDBOX_PROVER_H
#define ISEKAI_SANDBOX_PROVER_H

#include "actors/sandbox/proof.h"
#include "bus/actor.h"
#include "bus/ids.h"

enum {
    PROVER_AGAIN_MS = 30000,
    PROVER_WORDS_SIZE = 96,
    PROVER_KEPT_MAX = 16,           /* proofs that wait for the audit log; the oldest goes */
};

struct prover_options {
    struct proof_place place;
    enum sandbox_level floor;
    int64_t every_ms;
    const char *advice;             /* how more is reached here; "": nothing is missing */
};

/* A proof that the audit log has not acknowledged. */
struct proven {
    char event_id[UUID_SIZE];
    struct proof proof;
    bool came_to_result;
    struct fault fault;             /* why not */
};

struct prover;

struct prover *prover_new(const struct prover_options *options, struct fault *fault);
void prover_free(struct prover *self);      /* NULL is welcome */

bool prover_allows(struct prover *self, struct fault *fault);
/* "proven limits", or what broke. */
void prover_describe(struct prover *self, char out[PROVER_WORDS_SIZE]);
/* The last proof that came to a result. */
void prover_last(struct prover *self, struct proof *out);

/* How often a proof reached the floor, missed it or came to no result, and what the last one that
 * came to one found: for isekai.stats, as actor.h says; at most `room` rows. */
uint32_t prover_counters(struct prover *self, struct arena *arena, struct count_of *out,
                         uint32_t room);

/* The oldest that waits; false: none. It stays until it is forgotten. */
bool prover_next(struct prover *self, struct proven *out);
void prover_forget(struct prover *self, const char *event_id);

#endif
