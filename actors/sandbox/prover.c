/* prover.c - proves the cage again and again; see prover.h. */
#include "actors/sandbox/prover.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/clock.h"
#include "bus/log.h"

struct prover {
    struct prover_options options;
    pthread_t thread;
    bool has_thread;
    atomic_bool stop;

    pthread_mutex_t lock;           /* guards what follows */
    pthread_cond_t changed;
    bool is_well, came_to_result;
    struct proof last;
    uint64_t reached, missed, no_result;
    struct proven kept[PROVER_KEPT_MAX];
    size_t kept_count;
};

/* ---- in words ---- */

static bool is_missed(const struct proof *proof, enum sandbox_level floor, int row)
{
    return proof->findings[row].outcome != proof_outcome_held &&
           proof_level_of((enum proof_row)row) <= floor;
}

/* "mount: mounted a tmpfs, ptrace: a child was traced" */
static void list_missed(const struct proof *proof, enum sandbox_level floor, bool in_detail,
                        char *out, size_t size)
{
    size_t used = 0;

    *out = '\0';
    for (int row = 0; row < PROOF_ROWS && used < size; row++) {
        const struct finding *finding = &proof->findings[row];
        if (!is_missed(proof, floor, row))
            continue;
        used += (size_t)snprintf(out + used, size - used, "%s%s%s%s", used ? ", " : "",
                                 proof_name((enum proof_row)row), in_detail ? ": " : "",
                                 !in_detail ? "" : *finding->detail ? finding->detail
                                                                    : "came to no result");
    }
}

static bool refuse_floor(const struct prover *self, const struct proof *proof, struct fault *fault)
{
    enum sandbox_level floor = self->options.floor;
    char missed[120];

    list_missed(proof, floor, /* in_detail= */ true, missed, sizeof missed);
    (void) fault_set(fault, FAULT_forbidden, "SANDBOX_FLOOR=%s is not reached here, SANDBOX_FLOOR=%s is: ",
                     choice_name(&sandbox_level_choices, floor),
                     choice_name(&sandbox_level_choices, proof->level));
    size_t used = strlen(fault->reason);
    (void) snprintf(fault->reason + used, sizeof fault->reason - used, "%s%s%s",
                    self->options.advice, *self->options.advice ? "; " : "", missed);
    return false;
}

static void log_proof(const struct prover *self, const struct proof *proof)
{
    int held = 0;

    for (int row = 0; row < PROOF_ROWS; row++) {
        const struct finding *finding = &proof->findings[row];
        held += finding->outcome == proof_outcome_held;
        if (finding->outcome != proof_outcome_held)
            log_line(LOG_WARN, NULL, "cage_did_not_hold probe=%s outcome=%s detail=\"%s\" level=%s",
                     proof_name((enum proof_row)row),
                     choice_name(&proof_outcome_choices, finding->outcome), finding->detail,
                     choice_name(&sandbox_level_choices, proof_level_of((enum proof_row)row)));
    }
    log_line(proof->level < self->options.floor ? LOG_ERROR : LOG_INFO, NULL,
             "cage_proven level=%s floor=%s held=%d of=%d took_ms=%lld",
             choice_name(&sandbox_level_choices, proof->level),
             choice_name(&sandbox_level_choices, self->options.floor), held, (int)PROOF_ROWS,
             (long long)proof->took_ms);
}

/* ---- proving ---- */

static void keep(struct prover *self, const struct proof *proof, const struct fault *fault)
{
    if (self->kept_count == PROVER_KEPT_MAX)
        memmove(self->kept, self->kept + 1, sizeof *self->kept * --self->kept_count);
    struct proven *proven = &self->kept[self->kept_count++];
    *proven = (struct proven){.proof = *proof, .came_to_result = fault->kind == FAULT_NONE,
                              .fault = *fault};
    uuid_make(proven->event_id);
}

/* False: the floor is not reached, or it came to no result; *fault says which. */
static bool prove(struct prover *self, struct fault *fault)
{
    struct proof proof;
    bool ran = proof_run(&self->options.place, &self->stop, &proof, fault);

    if (!ran && fault->kind == FAULT_interrupted)
        return false;
    if (ran) {
        *fault = (struct fault){.kind = FAULT_NONE};
        log_proof(self, &proof);
    } else {
        log_line(LOG_ERROR, NULL, "cage_not_proven fault=%s reason=\"%s\"", fault_name(fault->kind),
                 fault->reason);
    }
    pthread_mutex_lock(&self->lock);
    self->came_to_result = ran;
    self->is_well = ran && proof.level >= self->options.floor;
    if (ran)
        self->last = proof;
    self->reached += self->is_well;
    self->missed += ran && !self->is_well;
    self->no_result += !ran;
    keep(self, &proof, fault);
    bool is_well = self->is_well;
    pthread_mutex_unlock(&self->lock);
    return is_well || (ran && refuse_floor(self, &proof, fault));
}

/* ---- the thread ---- */

static bool wait_for_next(struct prover *self)
{
    int64_t pause_ms = self->options.every_ms;
    int waited = 0;

    pthread_mutex_lock(&self->lock);
    if (!self->is_well && pause_ms > PROVER_AGAIN_MS)
        pause_ms = PROVER_AGAIN_MS;
    int64_t at_ms = clock_now_ms() + pause_ms;
    struct timespec until = {at_ms / 1000, at_ms % 1000 * 1000000};
    while (!atomic_load(&self->stop) && waited == 0)
        waited = pthread_cond_timedwait(&self->changed, &self->lock, &until);
    pthread_mutex_unlock(&self->lock);
    return !atomic_load(&self->stop);
}

static void *prover_thread(void *self_)
{
    struct prover *self = self_;
    struct fault fault;

    while (wait_for_next(self))
        (void) prove(self, &fault);
    return NULL;
}

/* ---- looking ---- */

bool prover_allows(struct prover *self, struct fault *fault)
{
    pthread_mutex_lock(&self->lock);
    bool is_well = self->is_well;
    pthread_mutex_unlock(&self->lock);
    if (is_well)
        return true;
    (void) fault_set(fault, FAULT_unproven, "the last proof of the cage did not reach "
                     "SANDBOX_FLOOR=%s; no app is started until one does",
                     choice_name(&sandbox_level_choices, self->options.floor));
    return fault_retry_after(fault, PROVER_AGAIN_MS);
}

void prover_describe(struct prover *self, char out[PROVER_WORDS_SIZE])
{
    char missed[PROVER_WORDS_SIZE - 16];

    pthread_mutex_lock(&self->lock);
    list_missed(&self->last, self->options.floor, /* in_detail= */ false, missed, sizeof missed);
    if (self->is_well)
        (void) snprintf(out, PROVER_WORDS_SIZE, "proven %s",
                        choice_name(&sandbox_level_choices, self->last.level));
    else
        (void) snprintf(out, PROVER_WORDS_SIZE, "NOT PROVEN: %s",
                        self->came_to_result ? missed : "no result");
    pthread_mutex_unlock(&self->lock);
}

void prover_last(struct prover *self, struct proof *out)
{
    pthread_mutex_lock(&self->lock);
    *out = self->last;
    pthread_mutex_unlock(&self->lock);
}

uint32_t prover_counters(struct prover *self, struct arena *arena, struct count_of *out,
                         uint32_t room)
{
    uint64_t outcomes[proof_outcome_count] = {0};
    uint32_t count = 0;

    pthread_mutex_lock(&self->lock);
    const uint64_t came_to[] = {self->reached, self->missed, self->no_result};
    for (int row = 0; row < PROOF_ROWS; row++)
        outcomes[self->last.findings[row].outcome]++;
    pthread_mutex_unlock(&self->lock);
    static const char *const names[] = {"proofs.reached", "proofs.missed", "proofs.no_result"};
    for (size_t i = 0; i < sizeof names / sizeof *names && count < room; i++)
        out[count++] = (struct count_of){text_from(names[i]), came_to[i]};
    for (int i = 1; i < proof_outcome_choices.count && count < room; i++)
        out[count++] = (struct count_of){
            arena_print(arena, "proof_probes.%s", choice_name(&proof_outcome_choices, i)),
            outcomes[i]};
    return count;
}

bool prover_next(struct prover *self, struct proven *out)
{
    pthread_mutex_lock(&self->lock);
    bool waits = self->kept_count > 0;
    if (waits)
        *out = self->kept[0];
    pthread_mutex_unlock(&self->lock);
    return waits;
}

void prover_forget(struct prover *self, const char *event_id)
{
    pthread_mutex_lock(&self->lock);
    if (self->kept_count > 0 && strcmp(self->kept[0].event_id, event_id) == 0)
        memmove(self->kept, self->kept + 1, sizeof *self->kept * --self->kept_count);
    pthread_mutex_unlock(&self->lock);
}

/* ---- beginning and end ---- */

struct prover *prover_new(const struct prover_options *options, struct fault *fault)
{
    struct prover *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for the proof");
        return NULL;
    }
    self->options = *options;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (prove(self, fault)) {
        self->has_thread = pthread_create(&self->thread, NULL, prover_thread, self) == 0;
        if (self->has_thread)
            return self;
        (void) fault_set(fault, FAULT_internal, "no thread for the proof");
    }
    prover_free(self);
    return NULL;
}

void prover_free(struct prover *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    atomic_store(&self->stop, true);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (self->has_thread)
        pthread_join(self->thread, NULL);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    free(self);
}
