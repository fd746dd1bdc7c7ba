/* operations.h - changes of apps, from their beginning to their end.
 *
 * Fails as: statements.h.
 */
#ifndef ISEKAI_ACTORS_STORE_OPERATIONS_H
#define ISEKAI_ACTORS_STORE_OPERATIONS_H

#include "actors/store/store.h"

struct operation_row { struct operation public; struct text digest; };

/* *out is NULL when the app has no open operation. */
bool operation_load_open(const struct work *work, struct text app_id,
                         const struct operation **out, struct fault *fault);

/* The operation of that key. */
bool operation_load(const struct work *work, struct text operation_id, struct text user,
                    bool *found, struct operation_row *out, struct fault *fault);

/* The operation that `owner` holds or held; conflict when there is none, or more than one fits. */
bool operation_load_held(const struct work *work, struct text operation_id, struct text owner,
                         struct operation *out, struct fault *fault);

/* Delete operations that ended before `before_ms`, a bounded number; *more: there are others. */
bool operations_forget(struct connection *connection, struct arena *arena, int64_t before_ms,
                       bool *more, struct fault *fault);

#endif
