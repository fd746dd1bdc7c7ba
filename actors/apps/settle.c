/* settle.c - operations whose owner is gone: each ends, and its app is in a defined state.
 *
 *   kind                    the app then
 *   generate, first execute  running if the run it started is there, else error: interrupted
 *   modify apply execute     the new version if its run is there, else the old one as it was
 *   start wake               running if its run is there, else as before
 *   stop remove              done again: both may be done twice
 *
 * The sandbox is told last what should be true, so no cage is left that the store does not name.
 */
#include <inttypes.h>

#include "actors/apps/change.h"

enum { SETTLE_AT_ONCE = 4 };

static bool find(struct call *call, struct text app_id, struct stored_app *out)
{
    const struct app_ref request = {.app_id = app_id};
    struct fault ignored = {0};

    return call_ask(call, &method_store_find, &request, out, &ignored);
}

/* The run that the operation started, if the sandbox still has it. */
static bool find_run(const struct change *change, const struct operation *operation,
                     struct run *out)
{
    const struct app_ref request = {.app_id = operation->app_id};
    struct run_state state;
    struct fault ignored = {0};

    if (operation->step != operation_step_started || !operation->run_id.at ||
        !place_ask(change->call, change->node, &method_sandbox_get, lane_deadline_ms(LANE_QUICK),
                   &request, &state, &ignored) ||
        state.status != app_status_running || !text_equals(state.run_id, operation->run_id))
        return false;
    *out = (struct run){
        .run_id = state.run_id, .app_id = operation->app_id, .version = state.version,
        .node = state.node, .gateway = state.gateway, .url = state.url, .port = state.port,
        .started_at = state.started_at,
    };
    return true;
}

/* True when nothing of the app runs; false when nobody could say so. */
static bool stop_in_sandbox(const struct change *change)
{
    const struct app_ref request = {.app_id = change->app_id};
    struct run_state state;
    struct fault fault = {0};

    return place_ask(change->call, change->node, &method_sandbox_stop, lane_deadline_ms(LANE_LONG),
                     &request, &state, &fault) ||
           fault.kind == FAULT_app_not_found || fault.kind == FAULT_not_found;
}

/* The app as it was: what served goes on serving, or nothing does. */
static void go_back(struct change *change, struct fault *fault)
{
    const struct stored_app *app = change->before;
    const bool was_new = app->app->status == app_status_generating;
    struct finish_request finish = {0};
    struct run_state state;
    struct run run;
    struct fault why = {0};

    change->version = 0;
    if (was_new || app->desire != app_desire_running) {
        if (!stop_in_sandbox(change))
            return;         /* the lease runs out and it is tried again */
    }
    if (was_new) {
        finish.status = app_status_error;
        finish.desire = app_desire_stopped;
        finish.error = text_from(fault->reason);
        finish.serve = change->operation->version != 0;
    } else if (app->desire != app_desire_running) {
        /* it was stopped, asleep or in error, and is so again */
    } else if (change_run(change, app->app->version,
                          app->app->code ? app->app->code->files : (struct files){0},
                          app->run ? app->run->config : NULL, &run, &state, &why)) {
        finish.status = app_status_running;
        finish.run = &run;
    } else if (why.kind == FAULT_start_failed) {
        finish.status = app_status_error;
        finish.desire = app_desire_stopped;
        finish.error = text_from(why.reason);
    } else {
        return;             /* nothing is known: tried again, as above */
    }
    (void) change_fail_as(change, finish, fault);
}

static void settle_one(struct call *call, const struct operation *operation)
{
    const struct app_ref request = {.app_id = operation->app_id};
    struct fault fault = {0};
    struct stored_app app;
    struct change change;
    struct nothing gone;
    struct run run;

    change_adopt(&change, call, operation);
    if (!find(call, operation->app_id, &app)) {
        change_drop(&change);
        return;
    }
    change.before = &app;
    change.node = app.node;
    if (operation->kind == operation_kind_remove) {
        if (place_ask(call, change.node, &method_sandbox_remove, lane_deadline_ms(LANE_LONG), &request,
                      &gone, &fault) || fault.kind == FAULT_app_not_found)
            (void) change_finish(&change, (struct finish_request){.remove = true}, &fault);
    } else if (operation->kind == operation_kind_stop) {
        if (stop_in_sandbox(&change))
            (void) change_finish(&change, (struct finish_request){.status = app_status_stopped,
                                                                  .desire = app_desire_stopped},
                                 &fault);
    } else if (find_run(&change, operation, &run)) {
        run.config = app.run ? app.run->config : NULL;
        (void) change_finish(&change, (struct finish_request){.serve = operation->version != 0,
                                                              .status = app_status_running,
                                                              .desire = app_desire_running,
                                                              .run = &run}, &fault);
    } else {
        (void) fault_set(&fault, FAULT_interrupted, "interrupted");
        go_back(&change, &fault);
    }
    change_drop(&change);
}

void apps_settle_tick(struct call *call, void *self)
{
    struct apps *apps = self;
    const char *owner = call_instance(call);
    const struct claim_request request = {.owner = text_from(owner),
                                          .lease_ms = apps->settings->apps_lease_ms,
                                          .limit = SETTLE_AT_ONCE};
    struct claim_reply claimed;
    struct fault ignored = {0};
    uint32_t held = 0;

    if (!call_ask(call, &method_store_claim, &request, &claimed, &ignored))
        return;
    /* All are held before the first is settled, which may take an app's whole start. What cannot
     * be held now is claimed again when its lease has run out. */
    while (held < claimed.operations.count &&
           leases_hold(apps->leases, claimed.operations.at[held].operation_id,
                       claimed.operations.at[held].app_id, owner, &ignored))
        held++;
    for (uint32_t i = 0; i < held; i++)
        settle_one(call, &claimed.operations.at[i]);
}
