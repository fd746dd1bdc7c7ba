/* preview_crowd.h - how many requests of one app are under way, so that none takes all threads.
 *
 * Apps are counted by a keyed hash of their label: two may share a count by chance, and nobody can aim
 * at another's. A WebSocket counts while it is open, a request while its app wakes up, too.
 *
 * Fails as: overloaded, with a time to wait.
 * Threads:  any.
 */
#ifndef ISEKAI_GATEWAY_PREVIEW_CROWD_H
#define ISEKAI_GATEWAY_PREVIEW_CROWD_H

#include <stdint.h>

#include "schemas/fault.h"

struct preview_crowd;

/* At most `most` of one app at once. Free with preview_crowd_free(); NULL is welcome there. */
struct preview_crowd *preview_crowd_new(uint64_t most, struct fault *fault);
void preview_crowd_free(struct preview_crowd *self);

/* On true preview_crowd_leave() is due. */
bool preview_crowd_enter(struct preview_crowd *self, const char *label, struct fault *fault);
void preview_crowd_leave(struct preview_crowd *self, const char *label);

#endif
