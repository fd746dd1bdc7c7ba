/* allow.c - what an app may reach, as the bus says it, and what it tried, as the bus hears it. */
#include <stdio.h>

#include "actors/sandbox/sandbox.h"

_Static_assert(EGRESS_CONNECTED == (int)egress_outcome_connected &&
               EGRESS_UNREACHABLE == (int)egress_outcome_unreachable, "the same words");

static bool read_grants(const struct egress_list *list, struct egress_grants *out,
                        struct fault *fault)
{
    *out = (struct egress_grants){.count = 0};
    for (uint32_t i = 0; i < list->grants.count && i < EGRESS_GRANTS_MAX; i++) {
        struct egress_allowed *allowed = &out->at[out->count++];
        if (!host_pattern_read(list->grants.at[i].host, allowed->host))
            return fault_set(fault, FAULT_malformed, "grants[%u].host", i);
        allowed->port = (uint16_t)list->grants.at[i].port;
    }
    return true;
}

bool sandbox_allow(struct sandbox *self, struct text app_id, const struct egress_list *list,
                   struct fault *fault)
{
    struct egress_grants grants;
    char name[APP_ID_SIZE];

    if (!text_is_app_id(app_id) || !text_to_string(app_id, name, sizeof name))
        return fault_set(fault, FAULT_malformed, "Invalid appId format");
    return read_grants(list, &grants, fault) &&
           supervisor_allow(self->supervisor, name, list->revision, &grants, fault);
}

void attempt_fill(const struct egress_report *what, uint64_t count, int64_t last_at,
                  struct egress_attempt *out)
{
    *out = (struct egress_attempt){
        .host = text_from(what->host), .port = what->port,
        .outcome = (enum egress_outcome)what->end, .count = count, .last_at = last_at,
    };
}

bool sandbox_tried(struct sandbox *self, struct text app_id, struct arena *arena,
                   struct egress_attempts *out, struct fault *fault)
{
    struct attempts *attempts = arena_take(arena, sizeof *attempts);
    struct egress_attempt *rows = arena_take(arena, ATTEMPTS_MAX * sizeof *rows);
    char name[APP_ID_SIZE];

    if (!text_is_app_id(app_id) || !text_to_string(app_id, name, sizeof name))
        return fault_set(fault, FAULT_malformed, "Invalid appId format");
    if (!attempts || !rows)
        return fault_set(fault, FAULT_internal, "no memory for attempts");
    if (!supervisor_attempts(self->supervisor, name, attempts, fault))
        return false;
    for (size_t i = 0; i < attempts->count; i++)
        attempt_fill(&attempts->at[i].what, attempts->at[i].count, attempts->at[i].last_wall_ms,
                     &rows[i]);
    out->attempts.at = rows;
    out->attempts.count = (uint32_t)attempts->count;
    out->others = attempts->others;
    return true;
}
