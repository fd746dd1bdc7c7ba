/* hits.h - what a run wanted and its limits did not give.
 *
 * Owns:     nothing; a struct hits may be copied.
 * Units:    milliseconds, octets, counts since the run began.
 * One thread.
 */
#ifndef ISEKAI_SANDBOX_HITS_H
#define ISEKAI_SANDBOX_HITS_H

#include "schemas/message.h"

enum { REFUSED_CALLS_MAX = 32, REFUSED_NAME_SIZE = 32 };

struct refused_call { char name[REFUSED_NAME_SIZE]; uint64_t count; };

struct hits {
    uint64_t cpu_throttled_ms, pids_refused, disk_refused, log_octets_dropped, egress_denied;
    uint32_t refused_count;             /* names beyond REFUSED_CALLS_MAX are not counted */
    struct refused_call refused[REFUSED_CALLS_MAX];
};

/* That call has been refused so often by now. */
void hits_set_refused(struct hits *self, const char *name, uint64_t count);

/* Sums; names beyond REFUSED_CALLS_MAX are left out. */
void hits_add(struct hits *self, const struct hits *more);

/* In the contract's words, valid as long as both arguments. */
struct hits_words { struct run_hits said; struct count_of calls[REFUSED_CALLS_MAX]; };
const struct run_hits *hits_say(const struct hits *self, struct hits_words *words);
void hits_hear(struct hits *self, const struct run_hits *said);

#endif
