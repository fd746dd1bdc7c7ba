/* leases.h - the operations this process holds, and the thread that keeps holding them.
 *
 * The store takes an operation from an owner that is silent for apps_lease_ms. A change may wait
 * much longer for an app to start, so a thread of its own renews every third of that.
 *
 * Owns:     its thread, its bus client, its list.
 * Borrows:  the ids are copied.
 * Units:    deadlines are clock_now_ms().
 * Fails as: internal when the thread cannot be made.
 * Threads:  leases_new and leases_free from main; the rest from any.
 */
#ifndef ISEKAI_ACTORS_APPS_LEASES_H
#define ISEKAI_ACTORS_APPS_LEASES_H

#include "bus/settings.h"
#include "schemas/text.h"

enum { LEASES_MAX = 256, OPERATION_ID_SIZE = 129 };

struct leases;

struct leases *leases_new(const struct bus_settings *bus, uint32_t lease_ms, struct fault *fault);
void leases_free(struct leases *self);

/* From now on renew; overloaded when LEASES_MAX are held. `owner` is the instance's name. */
bool leases_hold(struct leases *self, struct text operation_id, struct text app_id,
                 const char *owner, struct fault *fault);
void leases_drop(struct leases *self, const char *operation_id);

/* Wait until this process holds no operation of that app; false at the deadline. */
bool leases_wait_free(struct leases *self, struct text app_id, int64_t deadline_ms);

#endif
