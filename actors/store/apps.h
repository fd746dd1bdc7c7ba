/* apps.h - rows of apps, for the other nouns of the store.
 *
 * Fails as: statements.h; app_not_found where said.
 */
#ifndef ISEKAI_ACTORS_STORE_APPS_H
#define ISEKAI_ACTORS_STORE_APPS_H

#include "actors/store/store.h"

/* Columns of app_get and app_list. */
enum {
    APP_ID_, APP_OWNER, APP_NAME, APP_PROMPT, APP_STATUS, APP_DESIRE, APP_ERROR, APP_VERSION,
    APP_RUN_ID, APP_CREATED_AT, APP_UPDATED_AT, APP_URL, APP_METADATA, APP_FILES,
};

/* The row of app_get or app_list that `query` stands at. */
bool app_from_row(const struct work *work, struct query *query, struct app *app,
                  struct fault *fault);

/* What a change changes; texts live in the arena or the request. */
struct app_state {
    struct text owner, name;
    enum app_status status;
    enum app_desire desire;
    struct text error;
    int64_t version;
    struct text run_id;
    int64_t updated_at;
};

bool app_state_load(const struct work *work, struct text app_id, bool *found,
                    struct app_state *out, struct fault *fault);
/* The same where there must be one: else app_not_found. */
bool app_state_need(const struct work *work, struct text app_id, struct app_state *out,
                    struct fault *fault);
/* Write it back; updated_at rises with every call. */
bool app_state_save(const struct work *work, struct text app_id, struct app_state *state,
                    struct fault *fault);

/* An app with its files; app_not_found when there is none. */
bool app_load(const struct work *work, struct text app_id, struct app *out, struct fault *fault);

/* An app with its files, latest run and open operation; app_not_found when there is none. */
bool stored_app_load(const struct work *work, struct text app_id, struct stored_app *out,
                     struct fault *fault);

/* Whether the user who asks may know of it. */
bool app_may_be_seen(const struct work *work, struct text owner);

/* The host an app is on, and its owner; app_not_found when there is none. */
bool place_load(const struct work *work, struct text app_id, struct place_reply *out,
                struct text *owner, struct fault *fault);
/* From now on it is on that host; conflict when it is on another. */
bool place_put(const struct work *work, struct text app_id, struct text node, struct fault *fault);

/* conflict when the label of the id is another app's. */
bool app_insert(const struct work *work, const struct begin_request *request,
                struct fault *fault);
bool app_delete(const struct work *work, struct text app_id, struct fault *fault);

#endif
