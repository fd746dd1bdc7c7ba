/* run_disk.c - what a run holds on disk: it is watched from before its process begins until it has
 * ended, and ended when it holds too much.
 */
#include "actors/sandbox/supervisor_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bus/clock.h"
#include "bus/owned.h"

static int open_part(const struct cage *cage, const char *name)
{
    return openat(cage->hosted->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool run_disk_begin(struct supervisor *self, struct cage *cage, struct fault *fault)
{
    const struct run_plan *plan = &cage->plan;
    OWNED(fd) int app = open_part(cage, plan->app_copy);
    OWNED(fd) int data = open_part(cage, *plan->data_copy ? plan->data_copy : "data");
    const struct disk_watched what = {
        .number = cage->number, .app = app, .data = data,
        .octets_max = plan->limits.disk_mb << 20, .entries_max = plan->limits.files,
    };

    if (app < 0 || data < 0)
        return fault_set(fault, FAULT_internal, "open what a run may write: %s", strerror(errno));
    disk_quota_take_back(self->parts.quota, &cage->share);      /* of a cage that it had before */
    cage->share = (struct disk_share){plan->uid, what.octets_max, what.entries_max};
    return disk_quota_give(self->parts.quota, &cage->share, fault) &&
           disk_watch_add(self->disk, &what, fault);
}

/* It gets no time to end by itself: it would use it to go on writing. */
static void end_at_once(struct supervisor *self, struct cage *cage)
{
    if (cage->state == CAGE_STARTING || cage->state == CAGE_RUNNING)
        run_stop(self, cage, end_reason_absent);
    cage->late_at_ms = clock_now_ms();
}

void run_disk_end_full(struct supervisor *self)
{
    struct disk_usage usage;
    uint64_t number;

    while (disk_watch_next_over(self->disk, &number, &usage))
        for (struct cage *cage = self->cages; cage; cage = cage->next) {
            if (cage->number != number || cage->state == CAGE_GONE)
                continue;
            cage->disk = usage;
            cage->is_disk_over = true;
            end_at_once(self, cage);
        }
}
