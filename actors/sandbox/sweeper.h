/* sweeper.h - the thread that removes what was thrown away, so that nobody waits for it.
 *
 * Owns:     its thread; sweeper_free() ends it after what is there is removed, at the latest
 *           at the deadline. What is left then goes at the next start.
 * Borrows:  the trash directory's descriptor, during sweeper_new().
 * Threads:  any thread may wake it.
 */
#ifndef ISEKAI_SANDBOX_SWEEPER_H
#define ISEKAI_SANDBOX_SWEEPER_H

#include <stdint.h>

#include "schemas/fault.h"

struct sweeper;

struct sweeper *sweeper_new(int trash, struct fault *fault);    /* begins with what is there */
/* False: its thread goes on, and with it what it uses. NULL is welcome. */
bool sweeper_free(struct sweeper *self, int64_t deadline_ms);
void sweeper_wake(struct sweeper *self);
/* Wait until the trash was found empty after this call began. */
bool sweeper_wait_clean(struct sweeper *self, int64_t deadline_ms);

#endif
