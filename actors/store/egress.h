/* egress.h - what an app may reach, for the other nouns of the store.
 *
 * Fails as: statements.h.
 */
#ifndef ISEKAI_ACTORS_STORE_EGRESS_H
#define ISEKAI_ACTORS_STORE_EGRESS_H

#include "actors/store/store.h"

enum { EGRESS_ROWS_MAX = 32 };      /* per app */

/* Absent when there is no such app. */
bool egress_load(const struct work *work, struct text app_id, const struct egress_list **out,
                 struct fault *fault);

#endif
