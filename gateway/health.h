/* health.h - how every part is, from a snapshot that background threads renew each second, so
 * that nothing can hang the question.
 *
 * Owns:     one thread for each part.
 * Borrows:  the pipe, until health_free().
 * Fails as: internal when a thread cannot be started.
 * Any thread may read the snapshot.
 */
#ifndef ISEKAI_GATEWAY_HEALTH_H
#define ISEKAI_GATEWAY_HEALTH_H

#include "bus/pipe.h"

enum { HEALTH_JSON_SIZE = 256 };

struct health;

struct health *health_new(struct pipe *pipe, struct fault *fault);
void health_free(struct health *self);              /* NULL is welcome */

/* The whole document (S74-S78); false when any part is not ok. */
bool health_print(struct health *self, char out[HEALTH_JSON_SIZE]);

#endif
