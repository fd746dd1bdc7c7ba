/* place.h - the host an app is on, and asking the sandbox there.
 *
 * An app is placed once, before it first runs: by the broker's turn, on a sandbox that can do its work.
 * The store keeps the place, and every question about the app's process goes to that host's sandbox.
 *
 * Borrows:  the call; texts live in its arena.
 * Fails as: what the store or the sandbox answered; app_not_found when the app is on no host yet.
 */
#ifndef ISEKAI_ACTORS_APPS_PLACE_H
#define ISEKAI_ACTORS_APPS_PLACE_H

#include "actors/apps/apps.h"

bool place_choose(struct call *call, struct text *node, struct fault *fault);

/* Where the app is, if the caller may see it; node absent: it has run nowhere. */
bool place_find(struct call *call, struct text app_id, struct place_reply *out,
                struct fault *fault);

/* Ask the sandbox of that host. */
bool place_ask(struct call *call, struct text node, const struct method *method,
               uint32_t within_ms, const void *request, void *reply, struct fault *fault);

#endif
