/* versions.h - the contents of apps, one row per version.
 *
 * Fails as: statements.h; not_found where said.
 */
#ifndef ISEKAI_ACTORS_STORE_VERSIONS_H
#define ISEKAI_ACTORS_STORE_VERSIONS_H

#include "actors/store/store.h"

/* The next free number of an app's versions. */
bool version_next(const struct work *work, struct text app_id, int64_t *out,
                  struct fault *fault);
/* Keep `content` under that number, in place of what was there. */
bool version_put(const struct work *work, struct text app_id, int64_t number,
                 const struct version_content *content, struct fault *fault);
bool version_delete(const struct work *work, struct text app_id, int64_t number,
                    struct fault *fault);
/* not_found when there is no such version. */
bool version_name(const struct work *work, struct text app_id, int64_t number, struct text *out,
                  struct fault *fault);

#endif
