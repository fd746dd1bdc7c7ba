/* counters.c - how runs ended since the start, and what their limits did not give, in sums. */
#include "actors/sandbox/sandbox.h"
#include "actors/sandbox/supervisor_inside.h"

void counters_add(struct supervisor *self, const struct verdict *verdict)
{
    pthread_mutex_lock(&self->lock);
    self->ended_by[verdict->end.reason]++;
    hits_add(&self->hits, &verdict->hits);
    pthread_mutex_unlock(&self->lock);
}

struct sums { uint64_t ended_by[END_REASONS]; struct hits hits; };

static void read_sums(struct supervisor *self, struct sums *out)
{
    pthread_mutex_lock(&self->lock);
    memcpy(out->ended_by, self->ended_by, sizeof out->ended_by);
    out->hits = self->hits;
    pthread_mutex_unlock(&self->lock);
}

static void add(struct count_of *out, uint32_t *count, struct text name, uint64_t value)
{
    if (*count < ACTOR_COUNTERS_MAX)
        out[(*count)++] = (struct count_of){.name = name, .count = value};
}

uint32_t supervisor_counters(struct supervisor *self, struct arena *arena, struct count_of *out)
{
    struct sums sums;
    uint32_t count = 0;

    read_sums(self, &sums);
    for (int reason = 1; reason < end_reason_choices.count; reason++)
        add(out, &count,
            arena_print(arena, "runs_ended.%s", choice_name(&end_reason_choices, reason)),
            sums.ended_by[reason]);
    add(out, &count, TEXT_OF("hits.cpu_throttled_ms"), sums.hits.cpu_throttled_ms);
    add(out, &count, TEXT_OF("hits.pids_refused"), sums.hits.pids_refused);
    add(out, &count, TEXT_OF("hits.disk_refused"), sums.hits.disk_refused);
    add(out, &count, TEXT_OF("hits.egress_denied"), sums.hits.egress_denied);
    add(out, &count, TEXT_OF("hits.log_bytes_dropped"), sums.hits.log_octets_dropped);
    for (uint32_t i = 0; i < sums.hits.refused_count; i++)
        add(out, &count, arena_print(arena, "syscalls_refused.%s", sums.hits.refused[i].name),
            sums.hits.refused[i].count);
    return count;
}
