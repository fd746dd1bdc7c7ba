/* claims.h - one change of an app at a time; the newest wins.
 *
 * Gives:    claims_take() gives the app until claims_give(). Whoever holds it while another waits
 *           is asked, by `abandon`, to give up its unfinished start.
 * Units:    clock_now_ms().
 * Fails as: busy (the deadline passed), internal.
 * Threads:  any.
 */
#ifndef ISEKAI_SANDBOX_CLAIMS_H
#define ISEKAI_SANDBOX_CLAIMS_H

#include "schemas/fault.h"

struct claims;
struct claim;

struct claims *claims_new(void (*abandon)(void *self, const char *app_id), void *self);
void claims_free(struct claims *self);          /* NULL is welcome; nobody may hold one */

/* NULL and a fault when it could not be had in time. */
struct claim *claims_take(struct claims *self, const char *app_id, int64_t deadline_ms,
                          struct fault *fault);
/* The same, and whoever has it is not asked to hurry. */
struct claim *claims_wait(struct claims *self, const char *app_id, int64_t deadline_ms,
                          struct fault *fault);
/* NULL when another has it, who is not asked to hurry. */
struct claim *claims_try(struct claims *self, const char *app_id, struct fault *fault);
bool claims_is_wanted(struct claims *self, const struct claim *claim);  /* another waits for it */
void claims_give(struct claims *self, struct claim *claim);

#endif
