/* secrets.h - the secrets of apps: kept sealed, told to the sandbox, listed by name.
 *
 * Those there are lie in `secrets`. What an open change makes of them lies in `secrets_to_be`, for
 * the one run that the change starts; when the change ends well they take their places, else they go.
 *
 * Fails as: statements.h; too_large (an app has SECRETS_MAX); internal (a row that does not open).
 */
#ifndef ISEKAI_ACTORS_STORE_SECRETS_H
#define ISEKAI_ACTORS_STORE_SECRETS_H

#include "actors/store/store.h"

/* Keep what `request` makes of the operation's app's secrets beside them, in the place of what the
 * same operation kept before. */
bool secrets_stage(const struct work *work, const struct operation *operation,
                   const struct advance_request *request, struct fault *fault);

/* The operation is over: what was kept beside counts now, or was for nothing. */
bool secrets_settle(const struct work *work, const struct operation *operation, bool is_done,
                    struct fault *fault);

#endif
