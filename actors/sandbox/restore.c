/* restore.c - the store says what should run here: make it so, once, and tell it what ended.
 *
 * All of it runs on the control thread. Starts go on side by side; one that fails is reported and
 * stops no other. Workspaces that were here at the start and that the store does not know are
 * removed, but only when it has named all it knows.
 *
 * The store is asked more than once: a change whose cage died with the sandbox before this one may
 * end after the first asking, and says then that its app runs. Each of its calls to the store has
 * RESTORE_AGAIN_MS at most, and two are left once a cage has answered.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/sandbox/app_log.h"
#include "actors/sandbox/run_notes.h"
#include "actors/sandbox/sandbox.h"
#include "bus/clock.h"
#include "bus/log.h"
#include "bus/owned.h"

enum {
    RESTORE_AT_ONCE = 4,
    RESTORES = 3,
    RESTORE_AGAIN_MS = 5500,
    REPORTS_PER_TICK = 64,
    CLAIM_MS = 1000,
    LAST_LINES = 10,                /* of a run's log, in its record */
    LAST_LINE_OCTETS_MAX = 500,
};

/* ---- starting ---- */

struct restart {
    struct claim *claim;
    struct request *ticket;
    struct run_plan plan;
};

static void report_failure(struct sandbox *self, const struct run_plan *plan,
                           const struct fault *why)
{
    struct ended_run ended = {
        .status = app_status_error,
        .end = {.reason = end_reason_start_failed, .ended_at = clock_wall_ms()},
    };

    (void) snprintf(ended.app_id, sizeof ended.app_id, "%s", plan->app_id);
    (void) snprintf(ended.run_id, sizeof ended.run_id, "%s", plan->run_id);
    (void) snprintf(ended.text, sizeof ended.text, "%.*s", (int)sizeof ended.text - 1,
                    fault_told(why));
    supervisor_report(self->supervisor, &ended);
}

static bool read_plan(struct sandbox *self, const struct desired_app *app, struct run_plan *plan,
                      struct fault *fault)
{
    const struct run_config *config = app->run->config;

    *plan = (struct run_plan){.version = app->run->version, .deadline_ms = INT64_MAX};
    if (!text_is_app_id(app->app_id) ||
        !text_to_string(app->app_id, plan->app_id, sizeof plan->app_id) ||
        !text_to_string(app->run->run_id, plan->run_id, sizeof plan->run_id))
        return fault_set(fault, FAULT_malformed, "Invalid appId format");
    return limits_choose(self->options.settings, config, &plan->limits, fault) &&
           entry_find(app->files, config ? config->entry : (struct text){0}, &plan->entry, fault);
}

/* Nothing is installed here: who waits for it would keep all others waiting. */
static bool find_installed(struct sandbox *self, struct call *call, struct files files,
                           struct run_plan *plan, struct fault *fault)
{
    struct text to_install;
    struct fault ignored;

    return !sandbox_find_needs(self, files, call_arena(call), &to_install, &ignored) ||
           to_install.size == 0 ||
           installs_find(self->installs, to_install, plan->installed, fault);
}

static bool prepare(struct sandbox *self, struct call *call, const struct desired_app *app,
                    struct run_plan *plan, struct fault *fault)
{
    struct workspace *workspace = &self->workspace;
    OWNED(fd) int dir = workspace_app(workspace, plan->app_id, /* make= */ true, fault);

    return dir >= 0 && find_installed(self, call, app->files, plan, fault) &&
           workspace_put_version(workspace, dir, plan->version, app->files, fault) &&
           workspace_data(workspace, dir, &plan->uid, fault) &&
           workspace_copy_version(workspace, dir, plan->version, plan->uid, /* warm= */ 0,
                                  plan->app_copy, fault);
}

static bool is_passing(const struct fault *fault)
{
    return fault_may_retry(fault->kind) || fault->kind == FAULT_timed_out;
}

/* Whoever asked for this app meanwhile knows better than the page from the store. */
static bool is_wanted(struct sandbox *self, const char *app_id)
{
    struct run_view view;
    struct fault ignored;

    return supervisor_get(self->supervisor, app_id, &view, &ignored) && !view.is_known;
}

/* At the start this goes before any change, which would find nothing to build on. Later it is the
 * change under way that knows better. */
static struct claim *claim_to_restart(struct sandbox *self, const char *app_id)
{
    struct fault ignored;

    return self->restores == 0
               ? claims_take(self->claims, app_id, clock_now_ms() + CLAIM_MS, &ignored)
               : claims_try(self->claims, app_id, &ignored);
}

static void restart_begin(struct sandbox *self, struct call *call, const struct desired_app *app,
                          struct restart *restart)
{
    struct fault fault;

    *restart = (struct restart){.claim = NULL};
    if (!read_plan(self, app, &restart->plan, &fault)) {
        report_failure(self, &restart->plan, &fault);
        return;
    }
    if (!is_wanted(self, restart->plan.app_id))
        return;
    restart->claim = claim_to_restart(self, restart->plan.app_id);
    if (!restart->claim || !is_wanted(self, restart->plan.app_id))
        return;
    if (!sandbox_recover(self, call, app->app_id, &fault) ||
        !sandbox_reveal(call, app->app_id, app->run->run_id, &restart->plan.secrets, &fault)) {
        if (!is_passing(&fault))        /* else the store is asked again, and the app is there */
            report_failure(self, &restart->plan, &fault);
    } else if ((!app->egress || sandbox_allow(self, app->app_id, app->egress, &fault)) &&
               prepare(self, call, app, &restart->plan, &fault))
        restart->ticket = supervisor_ask_begin(self->supervisor, &restart->plan);
    else
        report_failure(self, &restart->plan, &fault);
}

static void restart_end(struct sandbox *self, struct restart *restart)
{
    struct run_outcome outcome;
    struct fault fault;

    if (restart->ticket) {
        if (supervisor_wait_begin(self->supervisor, restart->ticket, &outcome, &fault))
            log_line(LOG_INFO, NULL, "app_restarted app=%s version=%" PRIu64,
                     restart->plan.app_id, restart->plan.version);
        else if (fault.kind != FAULT_interrupted && fault.kind != FAULT_conflict)
            report_failure(self, &restart->plan, &fault);
    }
    if (restart->claim)
        claims_give(self->claims, restart->claim);
    secrets_drop(&restart->plan.secrets);
    *restart = (struct restart){.claim = NULL};
}

static void restart_page(struct sandbox *self, struct call *call,
                         const struct desired_reply *page)
{
    struct restart restarts[RESTORE_AT_ONCE] = {{0}};
    uint32_t i;

    for (i = 0; i < page->apps.count && !call_is_cancelled(call); i++) {
        struct restart *turn = &restarts[i % RESTORE_AT_ONCE];
        restart_end(self, turn);
        restart_begin(self, call, &page->apps.at[i], turn);
    }
    for (uint32_t left = 0; left < RESTORE_AT_ONCE; left++)
        restart_end(self, &restarts[left]);
}

/* ---- orphans ---- */

static bool is_known(const struct desired_reply *page, const char *app_id)
{
    for (uint32_t i = 0; i < page->known.count; i++)
        if (text_is(page->known.at[i].app_id, app_id))
            return true;
    return false;
}

static void remove_orphans(struct sandbox *self, const struct desired_reply *page)
{
    struct orphans *found = &self->found_at_start;
    struct fault fault;

    for (size_t i = 0; i < found->count && page->known_all; i++) {
        const char *app_id = found->app_ids[i];
        if (is_known(page, app_id) || !is_wanted(self, app_id))
            continue;
        if (sandbox_remove(self, text_from(app_id), clock_now_ms() + CLAIM_MS, &fault))
            log_line(LOG_INFO, NULL, "orphan_removed app=%s", app_id);
        else
            log_line(LOG_WARN, NULL, "orphan_not_removed app=%s reason=\"%s\"", app_id,
                     fault.reason);
    }
    free(found->app_ids);
    *found = (struct orphans){.count = 0};
}

/* ---- the store's pages ---- */

static bool restore(struct sandbox *self, struct call *call, struct fault *fault)
{
    struct desired_request request = {.node = text_from(self->options.bus->isekai_node)};
    struct desired_reply page = {.more = true};

    for (bool is_first = true; page.more; is_first = false) {
        if (!call_ask(call, &method_store_desired, &request, &page, fault))
            return false;
        if (is_first)
            remove_orphans(self, &page);
        restart_page(self, call, &page);
        if (call_is_cancelled(call))
            return fault_set(fault, FAULT_interrupted, "stopping");
        if (page.apps.count == 0)
            break;
        request.after = page.apps.at[page.apps.count - 1].app_id;
    }
    return true;
}

static void try_restore(struct sandbox *self, struct call *call)
{
    struct fault fault;

    if (!restore(self, call, &fault)) {
        log_line(LOG_WARN, call_request_id(call), "restore_waits fault=%s reason=\"%s\"",
                 fault_name(fault.kind), fault.reason);
        return;
    }
    self->restores++;
    self->restore_at_ms = clock_now_ms() + RESTORE_AGAIN_MS;
    log_line(LOG_INFO, call_request_id(call), "sandbox_restored times=%" PRIu32, self->restores);
}

/* ---- telling ---- */

static int app_of(struct sandbox *self, const struct ended_run *ended)
{
    struct fault ignored;

    return workspace_app(&self->workspace, ended->app_id, /* make= */ false, &ignored);
}

/* Not within a character. */
static struct text cut(struct text line)
{
    if (line.size <= LAST_LINE_OCTETS_MAX)
        return line;
    line.size = LAST_LINE_OCTETS_MAX;
    while (line.size > 0 && (line.at[line.size] & 0xc0) == 0x80)
        line.size--;
    return line;
}

/* The last lines of that run, not of one after it, each cut to what a record keeps. */
static void add_last_lines(struct sandbox *self, struct call *call, const struct ended_run *ended,
                           struct run_end *end)
{
    uint64_t after = ended->log_until > LAST_LINES ? ended->log_until - LAST_LINES : 0;
    struct logs_reply lines;
    struct fault ignored;
    OWNED(fd) int app = app_of(self, ended);

    if (after < ended->log_after)
        after = ended->log_after;
    /* Asked for lines after none, the log gives the newest. */
    uint32_t most = after > 0 ? (uint32_t)(ended->log_until - after) : LOG_LINES_MAX;
    if (app < 0 || ended->log_until <= after ||
        !app_log_read(app, after, most, call_arena(call), &lines, &ignored))
        return;
    while (lines.logs.count > 0 && lines.logs.at[lines.logs.count - 1].seq > ended->log_until)
        lines.logs.count--;
    struct log_line *kept = arena_take(call_arena(call), (lines.logs.count + 1) * sizeof *kept);
    for (uint32_t i = 0; kept && i < lines.logs.count; i++) {
        kept[i] = lines.logs.at[i];
        kept[i].line = cut(kept[i].line);
    }
    end->last_lines.at = kept;
    end->last_lines.count = kept ? lines.logs.count : 0;
}

static bool tell(struct sandbox *self, struct call *call, const struct ended_run *ended,
                 struct fault *fault)
{
    struct ended_words words;
    struct ended_request request;
    struct nothing reply;

    ended_say(ended, text_from(self->options.bus->isekai_node), &words, &request);
    add_last_lines(self, call, ended, &words.end);
    return call_ask(call, &method_store_ended, &request, &reply, fault);
}

static void forget(struct sandbox *self, const struct ended_run *ended)
{
    OWNED(fd) int app = *ended->note ? app_of(self, ended) : -1;

    if (app >= 0)
        run_note_remove(app, ended->note);
    supervisor_forget_ended(self->supervisor, ended->number);
}

/* A report that the store will never take must not keep the others waiting for ever. */
static bool is_final(const struct fault *fault)
{
    return !fault_may_retry(fault->kind) && fault->kind != FAULT_timed_out &&
           fault->kind != FAULT_internal;
}

static void tell_all(struct sandbox *self, struct call *call)
{
    struct ended_run ended;
    struct fault fault;

    for (int i = 0; i < REPORTS_PER_TICK && supervisor_next_ended(self->supervisor, &ended); i++) {
        bool told = tell(self, call, &ended, &fault);
        if (!told && !is_final(&fault))
            return;                     /* again with the next tick */
        log_line(told ? LOG_INFO : LOG_WARN, call_request_id(call),
                 "run_ended app=%s run=%s reason=%s status=%s told=%s", ended.app_id, ended.run_id,
                 choice_name(&end_reason_choices, ended.end.reason),
                 choice_name(&app_status_choices, ended.status),
                 told ? "yes" : fault_name(fault.kind));
        forget(self, &ended);
        if (self->options.settings->sandbox_snapshot_ms > 0)
            snapshots_want(self->snapshots, ended.app_id);
    }
}

/* First what ended in an earlier life: what crashed then is not started again. */
void sandbox_started(struct call *call, void *self)
{
    tell_all(self, call);
    try_restore(self, call);
}

void sandbox_tick(struct call *call, void *self_)
{
    struct sandbox *self = self_;

    if (self->restores < RESTORES && clock_now_ms() >= self->restore_at_ms)
        try_restore(self, call);
    tell_all(self, call);
    sandbox_tell_proofs(self, call);
    sandbox_tell_tried(self, call);
    sandbox_tell_installs(self, call);
    exports_tick(self->exports);
    sandbox_keep_data(self, call);
}
