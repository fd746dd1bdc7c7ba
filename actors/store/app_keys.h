/* app_keys.h - the row of an app's key, made when the app first has something to seal.
 *
 * Fails as: internal (a key that does not open), and as the database does.
 */
#ifndef ISEKAI_ACTORS_STORE_APP_KEYS_H
#define ISEKAI_ACTORS_STORE_APP_KEYS_H

#include "actors/store/apps.h"
#include "actors/store/keys.h"

bool app_key_load(const struct work *work, struct text app_id, bool *found, struct app_key *out,
                  struct fault *fault);
/* The same, in a write: there is one afterwards. */
bool app_key_need(const struct work *work, struct text app_id, struct app_key *out,
                  struct fault *fault);

#endif
