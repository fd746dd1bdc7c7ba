/* probes.h - the probes of isekai-proof: each tries one thing that a cage must not let happen.
 *
 * A probe returns true when the cage held. On false `detail` says what it got. Every one cleans up
 * behind itself, for the next may depend on it.
 */
#ifndef ISEKAI_SANDBOX_PROOF_PROBES_H
#define ISEKAI_SANDBOX_PROOF_PROBES_H

#include <stdbool.h>
#include <stddef.h>

#include "actors/sandbox/proof/words.h"

enum { DETAIL_SIZE = 96 };

struct targets { char **words; };

const char *target(const struct targets *targets, enum proof_word which);
unsigned long target_number(const struct targets *targets, enum proof_word which);

/* Fill *detail and return false. */
bool broke(char detail[DETAIL_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define PROBE(name, cage, level, doc) \
    bool probe_##name(const struct targets *targets, char detail[DETAIL_SIZE]);
#include "actors/sandbox/proof.def"

#endif
