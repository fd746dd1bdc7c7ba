/* run.c - starting, stopping, waking and removing the process of an app. */
#include "actors/apps/change.h"

static struct files files_of(const struct app *app)
{
    return app->code ? app->code->files : (struct files){0};
}

/* SIGTERM, a wait, SIGKILL, and what is left removed. */
enum { STOP_WAIT_MS = 90000 };

/* Whether the sandbox has this app's process now. */
static bool is_running(const struct change *change)
{
    const struct app_ref request = {.app_id = change->app_id};
    struct run_state state;
    struct fault ignored = {0};

    return place_ask(change->call, change->node, &method_sandbox_get, lane_deadline_ms(LANE_QUICK),
                     &request, &state, &ignored) && state.status == app_status_running;
}

static bool start_stored(struct change *change, struct fault *fault)
{
    const struct stored_app *before = change->before;
    const struct run_config *config = before->run ? before->run->config : NULL;
    struct run_state state;
    struct run run;

    if (before->app->status == app_status_running && is_running(change))
        return change_finish(change, (struct finish_request){0}, fault);
    if (files_of(before->app).count == 0) {
        (void) fault_set(fault, FAULT_conflict, "the app has no files to run");
        return change_fail(change, (struct finish_request){0}, fault);
    }
    if (!change_run(change, before->app->version, files_of(before->app), config, &run, &state,
                    fault))
        return change_fail(change, (struct finish_request){
            .status = fault->kind == FAULT_start_failed ? app_status_error : app_status_absent,
            .error = fault->kind == FAULT_start_failed ? text_from(fault->reason) : (struct text){0},
        }, fault);
    return change_finish(change, (struct finish_request){.status = app_status_running,
                                                         .desire = app_desire_running,
                                                         .run = &run}, fault);
}

bool apps_start(struct call *call, const struct app_ref *in, struct app *out, struct fault *fault)
{
    const struct change_start start = {.kind = operation_kind_start, .app_id = in->app_id};
    struct change change;

    return change_begin(&change, call, &start, fault) &&
           (change.replayed || start_stored(&change, fault)) &&
           change_answer(&change, out, fault);
}

/* Several requests may find the app asleep at once: the first wakes it, the others wait for that. */
bool apps_wake(struct call *call, const struct app_ref *in, struct nothing *out, struct fault *fault)
{
    struct apps *apps = call_self(call);
    const struct change_start start = {.kind = operation_kind_wake, .app_id = in->app_id};
    struct change change;

    *out = (struct nothing){0};
    if (!leases_wait_free(apps->leases, in->app_id, call_deadline_ms(call)))
        return fault_set(fault, FAULT_timed_out, "another change of the app did not end in time");
    if (!change_begin(&change, call, &start, fault))
        return false;
    if (change.replayed)
        return true;
    if (change.before->app->status == app_status_stopped ||
        change.before->app->status == app_status_error) {
        (void) fault_set(fault, FAULT_conflict, "the app does not sleep");
        return change_fail(&change, (struct finish_request){0}, fault);
    }
    return start_stored(&change, fault);
}

bool apps_stop(struct call *call, const struct app_ref *in, struct app *out, struct fault *fault)
{
    const struct change_start start = {.kind = operation_kind_stop, .app_id = in->app_id};
    const struct app_ref request = {.app_id = in->app_id};
    struct run_state state;
    struct change change;

    if (!change_begin(&change, call, &start, fault))
        return false;
    if (!change.replayed) {
        if (!change_ask_sandbox(&change, &method_sandbox_stop, STOP_WAIT_MS, &request, &state,
                                fault) &&
            fault->kind != FAULT_app_not_found && fault->kind != FAULT_not_found)
            return change_fail(&change, (struct finish_request){0}, fault);
        if (!change_finish(&change, (struct finish_request){.status = app_status_stopped,
                                                            .desire = app_desire_stopped}, fault))
            return false;
    }
    return change_answer(&change, out, fault);
}

bool apps_delete(struct call *call, const struct app_ref *in, struct nothing *out,
                 struct fault *fault)
{
    const struct change_start start = {.kind = operation_kind_remove, .app_id = in->app_id};
    const struct app_ref request = {.app_id = in->app_id};
    struct nothing reply;
    struct change change;

    *out = (struct nothing){0};
    if (!change_begin(&change, call, &start, fault))
        return false;
    if (change.replayed)
        return true;
    if (!change_ask_sandbox(&change, &method_sandbox_remove, STOP_WAIT_MS, &request, &reply, fault) &&
        fault->kind != FAULT_app_not_found)
        return change_fail(&change, (struct finish_request){0}, fault);
    return change_finish(&change, (struct finish_request){.remove = true}, fault);
}
