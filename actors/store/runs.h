/* runs.h - starts of apps, and how they ended.
 *
 * Fails as: statements.h.
 */
#ifndef ISEKAI_ACTORS_STORE_RUNS_H
#define ISEKAI_ACTORS_STORE_RUNS_H

#include "actors/store/apps.h"

/* Columns of run_get and run_desired. */
enum {
    RUN_ID, RUN_APP_ID, RUN_VERSION, RUN_NODE, RUN_GATEWAY, RUN_URL, RUN_PORT, RUN_STARTED_AT,
    RUN_CONFIG, RUN_FILES,
};

/* The row of run_get or run_desired that `query` stands at. */
bool run_from_row(const struct work *work, struct query *query, const struct run **out,
                  struct fault *fault);

/* *out is NULL when there is no such run of that app; run_id may be absent. */
bool run_load(const struct work *work, struct text run_id, struct text app_id,
              const struct run **out, struct fault *fault);

/* Keep a run, in place of what was told of it before; forget the oldest beyond RUNS_KEPT_MAX. */
bool run_put(const struct work *work, const struct run *run, struct fault *fault);

/* Keep how a run went, once per life of it; forget the oldest beyond RUN_RECORDS_KEPT_MAX. */
bool run_record_put(const struct work *work, const struct ended_request *request, bool *is_new,
                    struct fault *fault);

/* When `state` says running, but its latest run is known to have ended: what was told of that. */
bool run_apply_end(const struct work *work, struct text app_id, struct app_state *state,
                   struct fault *fault);

#endif
