/* run_view.c - what can be seen of a run from outside. */
#include "actors/sandbox/supervisor_inside.h"

#include <stdio.h>

#include "bus/clock.h"

void run_describe(const struct supervisor *self, const struct cage *cage, struct run_view *out)
{
    struct disk_usage disk = disk_watch_last(self->disk, cage->number);
    struct group_usage usage;

    group_read_usage(&cage->group, &usage);
    *out = (struct run_view){
        .is_known = true,
        .is_running = cage->state == CAGE_RUNNING,
        .version = cage->plan.version,
        .port = cage->hosted->port,
        .answered_wall_ms = cage->answered_wall_ms,
        .uptime_ms = clock_now_ms() - cage->answered_ms,
        .memory_bytes = usage.memory_bytes,
        .cpu_seconds = (double)(usage.cpu_us - cage->warmth.cpu_us) / 1e6,
        .disk_bytes = disk.octets,
        .disk_files = disk.entries,
        .status = cage->asked == end_reason_evicted ? app_status_sleeping
                  : cage->state == CAGE_RUNNING     ? app_status_running
                                                    : app_status_stopped,
        .end = cage->hosted->last.end,
    };
    run_read_hits(cage, &usage, &out->hits);
    (void) snprintf(out->app_id, sizeof out->app_id, "%s", cage->plan.app_id);
    (void) snprintf(out->run_id, sizeof out->run_id, "%s", cage->plan.run_id);
}
