/* look.c - what an app's process is doing, in the contract's words. */
#include <inttypes.h>
#include <stdio.h>

#include "actors/sandbox/app_log.h"
#include "actors/sandbox/sandbox.h"
#include "bus/owned.h"

static struct text preview_url(struct sandbox *self, const char *app_id, struct arena *arena)
{
    char label[APP_LABEL_SIZE];

    text_app_label(text_from(app_id), label);
    return arena_print(arena, "%s://%s.%s%s/", self->preview_scheme, label,
                       self->options.gateway->preview_domain, self->preview_port);
}

static bool add_hits(const struct run_view *view, struct arena *arena, struct run_state *out)
{
    struct hits *kept = arena_take(arena, sizeof *kept);
    struct hits_words *words = arena_take(arena, sizeof *words);

    if (!kept || !words)
        return false;
    *kept = view->hits;
    out->hits = hits_say(kept, words);
    return true;
}

static bool add_exit(const struct run_view *view, struct arena *arena, struct run_state *out)
{
    struct run_end *end = arena_take(arena, sizeof *end);

    if (!end)
        return false;
    *end = view->end;
    out->exit = end;
    return true;
}

static void add_snapshot(struct sandbox *self, const struct run_view *view, struct arena *arena,
                         struct run_state *out)
{
    struct snapshot_view kept;

    snapshots_look(self->snapshots, view->app_id, &kept);
    out->snapshot_at = kept.kept_at;
    if (*kept.error)
        out->snapshot_error = arena_text(arena, text_from(kept.error));
}

bool sandbox_describe(struct sandbox *self, const struct run_view *view, struct arena *arena,
                      struct run_state *out, struct fault *fault)
{
    *out = (struct run_state){
        .id = arena_text(arena, text_from(view->app_id)),
        .status = view->status ? view->status : app_status_stopped,
        .url = preview_url(self, view->app_id, arena),
        .node = text_from(self->options.bus->isekai_node),
        .gateway = text_from(self->gateway),
        .version = view->version,
    };
    if (*view->run_id)
        out->run_id = arena_text(arena, text_from(view->run_id));
    if (view->is_running) {
        out->port = view->port;
        out->started_at = view->answered_wall_ms;
        out->uptime = (uint64_t)view->uptime_ms;
        out->memory_bytes = view->memory_bytes;
        out->cpu_seconds = view->cpu_seconds;
        out->disk_bytes = view->disk_bytes;
        out->disk_files = view->disk_files;
    }
    add_snapshot(self, view, arena, out);
    if ((view->end.reason && !add_exit(view, arena, out)) || !add_hits(view, arena, out) ||
        arena_is_exhausted(arena))
        return fault_set(fault, FAULT_internal, "no memory to describe a run");
    return true;
}

bool sandbox_get(struct sandbox *self, struct text app_id, struct arena *arena,
                 struct run_state *out, struct fault *fault)
{
    struct run_view view;
    char name[APP_ID_SIZE];

    if (!text_is_app_id(app_id) || !text_to_string(app_id, name, sizeof name))
        return fault_set(fault, FAULT_malformed, "Invalid appId format");
    if (!supervisor_get(self->supervisor, name, &view, fault))
        return false;
    if (!view.is_running && !workspace_has(&self->workspace, name))
        return fault_set(fault, FAULT_app_not_found, "no such app on this host");
    (void) snprintf(view.app_id, sizeof view.app_id, "%s", name);
    return sandbox_describe(self, &view, arena, out, fault);
}

bool sandbox_list(struct sandbox *self, struct arena *arena, struct run_list *out,
                  struct fault *fault)
{
    struct run_view *views = arena_take(arena, sizeof *views * SANDBOX_RUNS_MAX);
    struct run_state *runs = arena_take(arena, sizeof *runs * SANDBOX_RUNS_MAX);
    size_t count = 0;

    if (!views || !runs)
        return fault_set(fault, FAULT_internal, "no memory to list runs");
    if (!supervisor_list(self->supervisor, views, SANDBOX_RUNS_MAX, &count, fault))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!sandbox_describe(self, &views[i], arena, &runs[i], fault))
            return false;
    out->runs.at = runs;
    out->runs.count = (uint32_t)count;
    out->warm = supervisor_count_warm(self->supervisor);
    return true;
}

bool sandbox_logs(struct sandbox *self, const struct logs_request *request, struct arena *arena,
                  struct logs_reply *out, struct fault *fault)
{
    char name[APP_ID_SIZE];

    if (!text_is_app_id(request->app_id) || !text_to_string(request->app_id, name, sizeof name))
        return fault_set(fault, FAULT_malformed, "Invalid appId format");
    OWNED(fd) int app = workspace_app(&self->workspace, name, /* make= */ false, fault);
    if (app < 0)
        return false;
    return app_log_read(app, request->after, (uint32_t)request->tail, arena, out, fault);
}
