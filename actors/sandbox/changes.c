/* changes.c - changing an app's process: start, replace, stop, remove.
 *
 * Everything slow (files, copies) happens on the worker's thread; the supervisor only hears of
 * runs that are ready to begin. A change holds its app's claim from first to last.
 */
#include "actors/sandbox/sandbox.h"

#include <inttypes.h>
#include <stdio.h>

#include "actors/sandbox/app_log.h"
#include "actors/sandbox/needs.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { SWEEP_WAIT_MS = 1000 };

struct change {
    struct sandbox *sandbox;
    const struct call *call;    /* NULL: nobody may tell us to give up */
    struct claim *claim;
    struct arena *arena;
    struct failure *failure;
    struct text to_install;     /* of needs_check() */
    int app;                    /* its directory */
    struct run_plan plan;
    struct run_view before;
};

/* ---- plans ---- */

bool sandbox_find_needs(struct sandbox *self, struct files files, struct arena *arena,
                        struct text *to_install, struct fault *fault)
{
    bool is_on = installs_is_on(self->installs);

    *to_install = (struct text){0};
    return needs_check(&self->modules, files, arena, is_on ? to_install : NULL, fault);
}

static bool name_plan(struct change *change, const struct start_request *request,
                      int64_t deadline_ms, struct fault *fault)
{
    struct run_plan *plan = &change->plan;
    struct text wish = request->config ? request->config->entry : (struct text){0};

    *plan = (struct run_plan){.version = request->version, .deadline_ms = deadline_ms};
    if (!text_is_app_id(request->app_id) ||
        !text_to_string(request->app_id, plan->app_id, sizeof plan->app_id) ||
        !text_to_string(request->run_id, plan->run_id, sizeof plan->run_id))
        return fault_set(fault, FAULT_malformed, "Invalid appId format");
    return limits_choose(change->sandbox->options.settings, request->config, &plan->limits,
                         fault) &&
           entry_find(request->files, wish, &plan->entry, fault) &&
           sandbox_find_needs(change->sandbox, request->files, change->arena, &change->to_install,
                              fault);
}

static bool put_files(struct change *change, const struct start_request *request,
                      struct fault *fault)
{
    struct workspace *workspace = &change->sandbox->workspace;

    change->app = workspace_app(workspace, change->plan.app_id, /* make= */ true, fault);
    return change->app >= 0 &&
           workspace_put_version(workspace, change->app, request->version, request->files, fault) &&
           workspace_data(workspace, change->app, &change->plan.uid, fault);
}

static bool is_unwanted(void *of)
{
    const struct change *change = of;

    return claims_is_wanted(change->sandbox->claims, change->claim) ||
           (change->call && call_is_cancelled(change->call));
}

/* What package.json asks for and this host has not. */
static bool install(struct change *change, struct fault *fault)
{
    const struct install_order order = {
        .user = change->call ? call_user(change->call) : "",
        .request_id = change->call ? call_request_id(change->call) : "",
        .app_id = change->plan.app_id, .app = change->app, .version = change->plan.version,
        .uid = change->plan.uid, .dependencies = change->to_install,
        .deadline_ms = change->plan.deadline_ms, .is_unwanted = is_unwanted, .of = change,
        .arena = change->arena, .failure = change->failure,
    };

    return change->to_install.size == 0 ||
           installs_ensure(change->sandbox->installs, &order, change->plan.installed, fault);
}

/* The code for one run of the plan; none, and nothing left of it, when false. */
static bool copy_code(struct change *change, struct run_plan *plan, struct fault *fault)
{
    if (workspace_copy_version(&change->sandbox->workspace, change->app, plan->version, plan->uid,
                               plan->warm, plan->app_copy, fault))
        return true;
    plan->app_copy[0] = '\0';
    return false;
}

/* The code for one run, in a warm cage if there is one and its node has not begun too early for what
 * the app's environment says. What is installed for an app a warm cage cannot show. */
static bool prepare(struct change *change, struct run_plan *plan, struct fault *fault)
{
    if (!*plan->installed && !secrets_are_for_boot(plan->secrets))
        (void) supervisor_take_warm(change->sandbox->supervisor, plan);
    if (copy_code(change, plan, fault))
        return true;
    supervisor_drop_warm(change->sandbox->supervisor, plan->warm);
    return false;
}

/* No run uses the app's data now: a warm cage gets them. If they cannot be given to it, the run
 * gets a cage of its own, with code of the app's own uid. */
static bool settle_data(struct change *change, struct run_plan *plan, struct fault *fault)
{
    struct workspace *workspace = &change->sandbox->workspace;

    if (!plan->warm || workspace_give_data(workspace, change->app, plan->warm, fault))
        return true;
    supervisor_drop_warm(change->sandbox->supervisor, plan->warm);
    plan->warm = 0;
    return workspace_discard(workspace, change->app, plan->app_copy, fault) &&
           workspace_data(workspace, change->app, &plan->uid, fault) &&
           copy_code(change, plan, fault);
}

/* Begin a run of the copied code; the copies go with it, however it ends. */
static bool begin(struct change *change, struct run_plan *plan, struct fault *fault)
{
    struct sandbox *sandbox = change->sandbox;
    struct run_outcome outcome;
    struct logs_reply lines = {0};
    struct fault ignored;

    if (supervisor_begin(sandbox->supervisor, plan, &outcome, fault))
        return true;
    if (fault->kind != FAULT_start_failed && fault->kind != FAULT_internal)
        return false;
    if (app_log_read(change->app, 0, LOG_LINES_TOLD, change->arena, &lines, &ignored)) {
        /* Only what this run has written. */
        while (lines.logs.count > 0 && lines.logs.at[0].seq <= outcome.log_after) {
            lines.logs.at++;
            lines.logs.count--;
        }
        *change->failure = (struct failure){.log = {lines.logs.at, lines.logs.count}};
    }
    return false;
}

/* ---- starting ---- */

static bool try_out(struct change *change, struct fault *fault)
{
    struct workspace *workspace = &change->sandbox->workspace;
    struct run_plan trial = change->plan;
    struct fault ignored;

    trial.role = RUN_TRIAL;
    if (!prepare(change, &trial, fault))
        return false;
    trial.lent_uid = trial.warm ? trial.uid : 0;
    if (!workspace_copy_data(workspace, change->app, trial.uid, trial.warm, trial.data_copy,
                             fault)) {
        supervisor_drop_warm(change->sandbox->supervisor, trial.warm);
        (void) workspace_discard(workspace, change->app, trial.app_copy, &ignored);
        return false;
    }
    bool answered = begin(change, &trial, fault);
    return supervisor_end(change->sandbox->supervisor, trial.app_id, RUN_TRIAL,
                          /* keep_door= */ true, NULL, NULL, answered ? fault : &ignored) &&
           answered;
}

/* The old version comes back, or is reported as ended: the store believes that it runs. */
static void bring_back(struct change *change, struct run_plan *old)
{
    struct sandbox *sandbox = change->sandbox;
    struct failure ignored_failure, *told = change->failure;
    struct fault why;

    old->deadline_ms = clock_now_ms() + (int64_t)old->limits.start_timeout_ms;
    old->keep_door = false;
    old->warm = 0;
    *old->data_copy = '\0';
    change->failure = &ignored_failure;
    bool came_back = !claims_is_wanted(sandbox->claims, change->claim) &&
                     workspace_data(&sandbox->workspace, change->app, &old->uid, &why) &&
                     copy_code(change, old, &why) && begin(change, old, &why);
    change->failure = told;
    if (came_back)
        return;
    supervisor_close_door(sandbox->supervisor, old->app_id);
    struct ended_run ended = {
        .status = app_status_error,
        .text = "The new version did not answer, and the old one did not come back.",
        .end = {.reason = end_reason_start_failed, .ended_at = clock_wall_ms()},
    };
    (void) snprintf(ended.app_id, sizeof ended.app_id, "%s", old->app_id);
    (void) snprintf(ended.run_id, sizeof ended.run_id, "%s", old->run_id);
    supervisor_report(sandbox->supervisor, &ended);
}

/* The new code is all there before the old run ends: a full disk must not cost the app both. */
static bool replace(struct change *change, struct fault *fault)
{
    struct supervisor *supervisor = change->sandbox->supervisor;
    struct run_plan old = {.version = 0};
    struct run_end ended;
    struct fault ignored;

    if (!try_out(change, fault) || !prepare(change, &change->plan, fault))
        return false;
    if (!supervisor_end(supervisor, change->plan.app_id, RUN_SERVES, /* keep_door= */ true, &ended,
                        &old, fault)) {
        supervisor_drop_warm(supervisor, change->plan.warm);
        (void) workspace_discard(&change->sandbox->workspace, change->app, change->plan.app_copy,
                                 &ignored);
        return false;
    }
    change->plan.keep_door = true;
    bool begun = settle_data(change, &change->plan, fault) &&
                 begin(change, &change->plan, fault);
    if (!begun && *old.app_id)
        bring_back(change, &old);
    else if (!begun)
        supervisor_close_door(supervisor, change->plan.app_id);
    secrets_drop(&old.secrets);
    return begun;
}

static bool start_fresh(struct change *change, struct fault *fault)
{
    /* A run that is just ending by itself has to be gone first. */
    return supervisor_end(change->sandbox->supervisor, change->plan.app_id, RUN_SERVES,
                          /* keep_door= */ false, NULL, NULL, fault) &&
           prepare(change, &change->plan, fault) && settle_data(change, &change->plan, fault) &&
           begin(change, &change->plan, fault);
}

static bool answer_start(struct change *change, struct run_state *out, struct fault *fault)
{
    struct sandbox *sandbox = change->sandbox;
    struct run_view view;
    struct logs_reply lines;

    if (!supervisor_get(sandbox->supervisor, change->plan.app_id, &view, fault))
        return false;
    if (!view.is_running)
        return fault_set(fault, FAULT_start_failed, "The app ended right after it had answered.");
    if (!sandbox_describe(sandbox, &view, change->arena, out, fault) ||
        !app_log_read(change->app, 0, LOG_LINES_TOLD, change->arena, &lines, fault))
        return false;
    out->logs.at = lines.logs.at;
    out->logs.count = lines.logs.count;
    return true;
}

static bool is_that_run(const struct change *change)
{
    return change->before.is_running && change->before.version == change->plan.version &&
           strcmp(change->before.run_id, change->plan.run_id) == 0;
}

static bool start_claimed(struct change *change, const struct start_request *request,
                          struct run_state *out, struct fault *fault)
{
    const struct limits *limits = &change->plan.limits;
    struct sandbox *sandbox = change->sandbox;

    if (!supervisor_get(sandbox->supervisor, change->plan.app_id, &change->before, fault) ||
        !put_files(change, request, fault))
        return false;
    if (!is_that_run(change)) {         /* asked for again: the answer was lost, not the run */
        if (!workspace_data_fits(change->app, limits->disk_mb, limits->files, fault) ||
            !install(change, fault) ||
            !(change->before.is_running ? replace : start_fresh)(change, fault))
            return false;
        workspace_prune(&sandbox->workspace, change->app, change->plan.version);
    }
    return answer_start(change, out, fault);
}

/* What was thrown away goes. On a full disk it is all the room that the caller has to write down
 * how the change ended. */
static void sweep(struct sandbox *self, bool started, const struct fault *fault)
{
    if (started || fault->kind != FAULT_disk_full)
        sweeper_wake(self->sweeper);
    else
        (void) sweeper_wait_clean(self->sweeper, clock_now_ms() + SWEEP_WAIT_MS);
}

bool sandbox_start(struct sandbox *self, const struct start_request *request,
                   struct secrets *secrets, const struct call *call, int64_t deadline_ms,
                   struct arena *arena, struct run_state *out, struct failure *failure,
                   struct fault *fault)
{
    struct change change = {.sandbox = self, .call = call, .arena = arena, .failure = failure, .app = -1};

    *failure = (struct failure){0};
    if (!name_plan(&change, request, deadline_ms, fault) ||
        (request->egress && !sandbox_allow(self, request->app_id, request->egress, fault)))
        return false;
    change.plan.secrets = secrets;
    change.claim = claims_take(self->claims, change.plan.app_id, deadline_ms, fault);
    if (!change.claim)
        return false;
    bool started = start_claimed(&change, request, out, fault);
    claims_give(self->claims, change.claim);
    fd_drop(&change.app);
    sweep(self, started, fault);
    return started;
}

/* ---- stopping and removing ---- */

static struct claim *claim_app(struct sandbox *self, struct text app_id, char name[APP_ID_SIZE],
                               int64_t deadline_ms, struct fault *fault)
{
    if (!text_is_app_id(app_id) || !text_to_string(app_id, name, APP_ID_SIZE)) {
        (void) fault_set(fault, FAULT_malformed, "Invalid appId format");
        return NULL;
    }
    return claims_take(self->claims, name, deadline_ms, fault);
}

bool sandbox_stop(struct sandbox *self, struct text app_id, int64_t deadline_ms,
                  struct arena *arena, struct run_state *out, struct fault *fault)
{
    struct run_view view;
    char name[APP_ID_SIZE];
    struct claim *claim = claim_app(self, app_id, name, deadline_ms, fault);

    if (!claim)
        return false;
    bool stopped = supervisor_end(self->supervisor, name, RUN_SERVES, /* keep_door= */ false, NULL,
                                  NULL, fault) &&
                   supervisor_get(self->supervisor, name, &view, fault);
    claims_give(self->claims, claim);
    if (!stopped)
        return false;
    (void) snprintf(view.app_id, sizeof view.app_id, "%s", name);
    view.status = app_status_stopped;
    return sandbox_describe(self, &view, arena, out, fault);
}

static uid_t uid_of(struct sandbox *self, const char *app_id)
{
    struct fault ignored;
    uid_t uid = 0;
    OWNED(fd) int app = workspace_app(&self->workspace, app_id, /* make= */ false, &ignored);

    return app >= 0 && workspace_data(&self->workspace, app, &uid, &ignored) ? uid : 0;
}

bool sandbox_remove(struct sandbox *self, struct text app_id, int64_t deadline_ms,
                    struct fault *fault)
{
    char name[APP_ID_SIZE];
    struct claim *claim = claim_app(self, app_id, name, deadline_ms, fault);

    if (!claim)
        return false;
    bool removed = supervisor_end(self->supervisor, name, RUN_SERVES, /* keep_door= */ false, NULL,
                                  NULL, fault);
    if (removed) {
        uid_t uid = uid_of(self, name);
        supervisor_forget_app(self->supervisor, name);
        removed = workspace_discard_app(&self->workspace, name, fault);
        if (removed && uid != 0)        /* while its files are there nobody else may have it */
            workspace_forget_uid(&self->workspace, uid);
        snapshots_forget(self->snapshots, name);
        exports_forget(self->exports, name);        /* what is packed later finds the app gone */
        sweeper_wake(self->sweeper);
    }
    claims_give(self->claims, claim);
    return removed;
}
