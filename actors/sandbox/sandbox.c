/* sandbox.c - putting the sandbox together and taking it apart, in the order that leaves nothing.
 *
 * The workspace's lock comes first: from then on every cage and cgroup with our tag is left over
 * from an earlier life, and can be removed before there are any of our own.
 */
#include "actors/sandbox/sandbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/sandbox/run_notes.h"
#include "actors/sandbox/runtime.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { SWEEP_MS = 10000 };

/* ---- settings ---- */

static bool read_floor(struct sandbox *self, struct fault *fault)
{
    for (int level = 1; level < sandbox_level_count; level++)
        if (strcmp(self->options.settings->sandbox_floor,
                   choice_name(&sandbox_level_choices, level)) == 0)
            self->floor = (enum sandbox_level)level;
    return self->floor || fault_set(fault, FAULT_malformed,
                                    "SANDBOX_FLOOR is none, namespaces or limits");
}

/* Where browsers reach previews: as PUBLIC_URL says, else as ISEKAI_LISTEN does. */
static void read_addresses(struct sandbox *self)
{
    const struct gateway_settings *gateway = self->options.gateway;
    bool is_https = strncmp(gateway->public_url, "https://", 8) == 0;
    const char *from = *gateway->public_url ? strstr(gateway->public_url, "://") : NULL;
    const char *colon = strrchr(from ? from + 3 : gateway->isekai_listen, ':');
    unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;

    (void) snprintf(self->preview_scheme, sizeof self->preview_scheme, "%s",
                    is_https ? "https" : "http");
    if (port > 0 && port <= 65535 && port != (is_https ? 443 : 80))
        (void) snprintf(self->preview_port, sizeof self->preview_port, ":%lu", port);
    if (*self->options.settings->public_gateway)
        (void) snprintf(self->gateway, sizeof self->gateway, "%s",
                        self->options.settings->public_gateway);
    else
        (void) snprintf(self->gateway, sizeof self->gateway, "http://%s", gateway->isekai_listen);
}

static void write_level(struct sandbox *self)
{
    static const char *const words[] = {
        [CGROUP_NONE] = "rlimits", [CGROUP_V1] = "cgroup-v1", [CGROUP_V2] = "cgroup-v2",
    };
    char landlock[24] = "no-landlock";

    if (self->host.landlock > 0)
        (void) snprintf(landlock, sizeof landlock, "landlock-v%u", self->host.landlock);
    (void) snprintf(self->level, sizeof self->level, "%s %s seccomp %s %s %s",
                    self->host.runtime->name, words[self->cgroups.kind], landlock,
                    self->workspace.owns_uids ? "uid" : "no-own-uid",
                    self->quota ? "disk-quota" : "disk-watched");
    if (self->cgroups.kind == CGROUP_NONE)
        (void) snprintf(self->missing, sizeof self->missing,
                        " (memory limited per process, CPU not at all: %s)",
                        self->cgroups.why_not);
}

/* ---- opening ---- */

static bool remember(void *self_, const char *app_id)
{
    struct orphans *found = self_;

    if (found->count == found->capacity) {
        size_t capacity = found->capacity ? found->capacity * 2 : 64;
        char (*more)[APP_ID_SIZE] = realloc(found->app_ids, capacity * sizeof *more);
        if (!more)
            return false;
        found->app_ids = more;
        found->capacity = capacity;
    }
    (void) snprintf(found->app_ids[found->count++], APP_ID_SIZE, "%s", app_id);
    return true;
}

static void abandon(void *self_, const char *app_id)
{
    struct sandbox *self = self_;

    supervisor_abandon(self->supervisor, app_id);
}

/* What an earlier life left: processes first, then the files they might still have used. */
static bool clear_the_past(struct sandbox *self, struct fault *fault)
{
    char tag[17];

    workspace_tag(&self->workspace, tag);
    cgroups_open(&self->cgroups, &cgroup_this_host, tag);
    return cgroups_sweep(&self->cgroups, clock_now_ms() + SWEEP_MS, fault) &&
           workspace_clear_runs(&self->workspace, fault) &&
           workspace_each(&self->workspace, remember, &self->found_at_start, fault);
}

/* After clear_the_past(): no cage may still look at an older copy. */
static bool open_modules(struct sandbox *self, struct fault *fault)
{
    if (!self->options.modules)
        return true;
    self->host.modules = self->modules.path;
    return modules_open(&self->modules, self->options.modules, self->workspace.path, fault);
}

static bool can_limit(const struct sandbox *self, struct fault *fault)
{
    if (self->cgroups.kind != CGROUP_NONE || !self->host.runtime->needs_cgroups)
        return true;
    return fault_set(fault, FAULT_forbidden, "SANDBOX_RUNTIME=%s limits memory by cgroups alone: %s; "
                     "delegate one, or set SANDBOX_RUNTIME=bwrap", self->host.runtime->name,
                     self->cgroups.why_not);
}

/* As an app would: one that is not root has its own uid there. */
static bool prove(struct sandbox *self, struct fault *fault)
{
    const struct prover_options options = {
        .place = {.host = &self->host, .cgroups = &self->cgroups, .runtime = self->workspace.path,
                  .run = self->options.bus->isekai_run,
                  .uid = self->workspace.owns_uids ? self->workspace.uid_first : 0},
        .floor = self->floor,
        .every_ms = (int64_t)self->options.settings->sandbox_proof_ms,
        .advice = self->cgroups.kind == CGROUP_NONE ? self->cgroups.why_not : "",
    };

    self->prover = prover_new(&options, fault);
    return self->prover != NULL;
}

static void report_noted(void *self_, const struct ended_run *ended)
{
    struct sandbox *self = self_;
    struct ended_run now_seen = *ended;

    if (!now_seen.end.ended_at)     /* nobody saw it end */
        now_seen.end.ended_at = clock_wall_ms();
    supervisor_report(self->supervisor, &now_seen);
}

/* Runs whose ends an earlier life did not get to tell. */
static void read_notes(struct sandbox *self)
{
    struct fault ignored;

    for (size_t i = 0; i < self->found_at_start.count; i++) {
        OWNED(fd) int app = workspace_app(&self->workspace, self->found_at_start.app_ids[i],
                                          /* make= */ false, &ignored);
        if (app >= 0)
            run_notes_read(app, report_noted, self);
    }
}

static bool open_installs(struct sandbox *self, struct fault *fault)
{
    const struct installs_parts parts = {
        .workspace = &self->workspace, .host = &self->host, .cgroups = &self->cgroups,
        .egress = &self->egress, .quota = self->quota, .prover = self->prover,
        .sweeper = self->sweeper, .settings = self->options.settings,
    };

    self->installs = installs_new(&parts, fault);
    return self->installs != NULL;
}

static bool begin_threads(struct sandbox *self, struct fault *fault)
{
    const struct sandbox_settings *settings = self->options.settings;
    struct limits usual;

    if (!limits_choose(settings, NULL, &usual, fault))
        return false;
    self->sweeper = sweeper_new(self->workspace.trash, fault);
    if (!self->sweeper)
        return false;
    const struct supervisor_parts parts = {
        .workspace = &self->workspace, .cgroups = &self->cgroups, .host = &self->host,
        .prover = self->prover, .sweeper = self->sweeper, .egress = &self->egress,
        .quota = self->quota, .run = self->options.bus->isekai_run,
        .user = self->options.bus->isekai_user, .running_max = settings->running_max,
        .log_bytes_max = settings->log_bytes_max, .level = self->level,
        .warm_cages = self->host.runtime->has_warm_cages ? settings->sandbox_warm_cages : 0,
        .warm_limits = usual,
    };
    self->supervisor = supervisor_new(&parts, fault);
    if (!self->supervisor)
        return false;
    self->claims = claims_new(abandon, self);
    self->exports = exports_new();
    if (!self->claims || !self->exports)
        return fault_set(fault, FAULT_internal, "no memory for claims and exports");
    self->snapshots = snapshots_new(&self->workspace, self->claims, fault);
    return self->snapshots && open_installs(self, fault);
}

bool sandbox_open(struct sandbox *out, const struct sandbox_options *options, struct fault *fault)
{
    const struct sandbox_settings *settings = options->settings;
    const struct workspace_options workspace = {
        .data = options->bus->isekai_data,
        .uid_first = (uid_t)settings->sandbox_uid_first,
        .uid_count = (uid_t)settings->sandbox_uid_count,
    };

    *out = (struct sandbox){.options = *options, .cgroups.dirs = {-1, -1, -1, -1}};
    out->egress.doors.directory = -1;
    out->workspace = (struct workspace){.lock = -1, .apps = -1, .warm = -1, .trash = -1};
    if (strcmp(settings->execution_timeout_mode, "idle") != 0 &&
        strcmp(settings->execution_timeout_mode, "wall") != 0)
        return fault_set(fault, FAULT_malformed, "EXECUTION_TIMEOUT_MODE is idle or wall");
    const struct runtime *runtime = runtime_named(settings->sandbox_runtime, fault);
    if (!runtime || !read_floor(out, fault))
        return false;
    out->snapshots_at_ms = clock_now_ms() + (int64_t)settings->sandbox_snapshot_ms;
    read_addresses(out);
    if (!workspace_open(&out->workspace, &workspace, fault))
        return false;
    if (disk_quota_is_of(options->quota, out->workspace.apps))
        out->quota = options->quota;
    if (cage_host_find(&out->host, runtime, settings->sandbox_node_path, options->init,
                       out->workspace.path, out->workspace.owns_uids, fault) &&
        egress_host_open(&out->egress, out->workspace.path, settings, fault) &&
        clear_the_past(out, fault) && can_limit(out, fault) && open_modules(out, fault) &&
        prove(out, fault)) {
        write_level(out);
        if (begin_threads(out, fault)) {
            read_notes(out);
            return true;
        }
    }
    sandbox_close(out, clock_now_ms());
    return false;
}

void sandbox_close(struct sandbox *self, int64_t deadline_ms)
{
    if (!self->options.settings)
        return;
    /* What has not ended in time goes on until the process does, and has all the rest in its hands. */
    if (!supervisor_free(self->supervisor, deadline_ms))
        return;
    prover_free(self->prover);
    installs_free(self->installs);
    if (!snapshots_free(self->snapshots, deadline_ms) ||
        !sweeper_free(self->sweeper, deadline_ms))
        return;
    claims_free(self->claims);
    exports_free(self->exports);
    cgroups_remove(&self->cgroups);
    cgroups_close(&self->cgroups);
    egress_host_close(&self->egress);
    workspace_close(&self->workspace);
    free(self->found_at_start.app_ids);
    *self = (struct sandbox){.restores = 0};
}
