/* hits.c - what a run wanted and its limits did not give; see hits.h. */
#include "actors/sandbox/hits.h"

#include <stdio.h>
#include <string.h>

/* NULL: as many names as there may be are there. */
static struct refused_call *call_of(struct hits *self, const char *name)
{
    uint32_t at = 0;

    while (at < self->refused_count && strcmp(self->refused[at].name, name) != 0)
        at++;
    if (at == REFUSED_CALLS_MAX)
        return NULL;
    if (at == self->refused_count) {
        self->refused[self->refused_count++] = (struct refused_call){.count = 0};
        (void) snprintf(self->refused[at].name, sizeof self->refused[at].name, "%s", name);
    }
    return &self->refused[at];
}

void hits_set_refused(struct hits *self, const char *name, uint64_t count)
{
    struct refused_call *call = call_of(self, name);

    if (call)
        call->count = count;
}

void hits_add(struct hits *self, const struct hits *more)
{
    self->cpu_throttled_ms += more->cpu_throttled_ms;
    self->pids_refused += more->pids_refused;
    self->disk_refused += more->disk_refused;
    self->log_octets_dropped += more->log_octets_dropped;
    self->egress_denied += more->egress_denied;
    for (uint32_t i = 0; i < more->refused_count; i++) {
        struct refused_call *call = call_of(self, more->refused[i].name);
        if (call)
            call->count += more->refused[i].count;
    }
}

const struct run_hits *hits_say(const struct hits *self, struct hits_words *words)
{
    words->said = (struct run_hits){
        .cpu_throttled_ms = self->cpu_throttled_ms,
        .pids_refused = self->pids_refused,
        .disk_refused = self->disk_refused,
        .log_bytes_dropped = self->log_octets_dropped,
        .egress_denied = self->egress_denied,
        .syscalls_refused = {words->calls, self->refused_count},
    };
    for (uint32_t i = 0; i < self->refused_count; i++)
        words->calls[i] = (struct count_of){.name = text_from(self->refused[i].name),
                                            .count = self->refused[i].count};
    return &words->said;
}

void hits_hear(struct hits *self, const struct run_hits *said)
{
    char name[REFUSED_NAME_SIZE];

    *self = (struct hits){
        .cpu_throttled_ms = said->cpu_throttled_ms,
        .pids_refused = said->pids_refused,
        .disk_refused = said->disk_refused,
        .log_octets_dropped = said->log_bytes_dropped,
        .egress_denied = said->egress_denied,
    };
    for (uint32_t i = 0; i < said->syscalls_refused.count; i++)
        if (text_to_string(said->syscalls_refused.at[i].name, name, sizeof name))
            hits_set_refused(self, name, said->syscalls_refused.at[i].count);
}
