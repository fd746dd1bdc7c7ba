/* recover.c - the data of an app that this host does not have comes back from the store, before the app
 * starts: an app that found nothing might begin anew and be kept so.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/sandbox/sandbox.h"
#include "actors/sandbox/unpacker.h"
#include "bus/clock.h"
#include "bus/log.h"
#include "bus/owned.h"

enum { PUTS_PER_TICK = 8 };

bool snapshot_is_needed(struct workspace *workspace, const char *app_id)
{
    struct fault ignored;
    OWNED(fd) int app = workspace_app(workspace, app_id, /* make= */ false, &ignored);

    return app < 0 || (faccessat(app, "data", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT);
}

bool snapshot_recover(struct workspace *workspace, const char *app_id, struct text archive,
                      struct fault *fault)
{
    OWNED(fd) int app = workspace_app(workspace, app_id, /* make= */ true, fault);

    return app >= 0 && workspace_recover_data(workspace, app, archive, fault);
}

bool sandbox_recover(struct sandbox *self, struct call *call, struct text app_id,
                     struct fault *fault)
{
    const struct app_ref request = {.app_id = app_id};
    struct data_reply reply = {.at = 0};
    char name[APP_ID_SIZE];

    if (!text_is_app_id(app_id) || !text_to_string(app_id, name, sizeof name))
        return fault_set(fault, FAULT_malformed, "Invalid appId format");
    if (!snapshot_is_needed(&self->workspace, name))
        return true;
    if (!call_ask(call, &method_store_data_get, &request, &reply, fault))
        return fault_while(fault, "the app's data");
    if (!reply.archive.at)
        return true;
    if (!snapshot_recover(&self->workspace, name, reply.archive, fault))
        return fault_while(fault, "the app's data");
    log_line(LOG_INFO, call_request_id(call), "data_recovered app=%s kept_at=%" PRId64
             " octets=%zu", name, reply.at, reply.archive.size);
    return true;
}

/* ---- keeping ---- */

static void want_running(struct sandbox *self)
{
    struct run_view *views = calloc(SANDBOX_RUNS_MAX, sizeof *views);
    struct fault ignored;
    size_t count = 0;

    if (views && supervisor_list(self->supervisor, views, SANDBOX_RUNS_MAX, &count, &ignored))
        for (size_t i = 0; i < count; i++)
            snapshots_want(self->snapshots, views[i].app_id);
    free(views);
}

static bool put(struct call *call, const struct snapshot *snapshot, struct fault *fault)
{
    const struct data_put_request request = {.app_id = text_from(snapshot->app_id),
                                             .archive = snapshot->archive};
    struct nothing done;

    return call_ask(call, &method_store_data_put, &request, &done, fault);
}

void sandbox_keep_data(struct sandbox *self, struct call *call)
{
    int64_t every_ms = (int64_t)self->options.settings->sandbox_snapshot_ms;
    struct snapshot snapshot;
    struct fault fault;

    if (every_ms == 0)
        return;
    if (clock_now_ms() >= self->snapshots_at_ms) {
        self->snapshots_at_ms = clock_now_ms() + every_ms;
        want_running(self);
    }
    for (int i = 0; i < PUTS_PER_TICK && snapshots_take(self->snapshots, &snapshot); i++)
        snapshots_settle(self->snapshots, put(call, &snapshot, &fault) ? NULL : &fault);
}
