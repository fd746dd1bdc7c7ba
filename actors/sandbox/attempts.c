/* attempts.c - counting what an app tried to reach; see attempts.h. */
#include "actors/sandbox/attempts.h"

static const char *const words[] = {
    [EGRESS_CONNECTED] = "connected",
    [EGRESS_DENIED] = "denied: not granted",
    [EGRESS_PRIVATE] = "denied: no public address",
    [EGRESS_UNRESOLVED] = "not found",
    [EGRESS_UNREACHABLE] = "not reached",
};

const char *attempt_in_words(uint16_t end)
{
    return words[end];
}

bool attempt_is_denied(uint16_t end)
{
    return end == EGRESS_DENIED || end == EGRESS_PRIVATE;
}

static struct attempt *find(struct attempts *self, const struct egress_report *what)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct egress_report *known = &self->at[i].what;
        if (known->port == what->port && known->end == what->end &&
            strcmp(known->host, what->host) == 0)
            return &self->at[i];
    }
    if (self->count == ATTEMPTS_MAX)
        return NULL;
    self->at[self->count] = (struct attempt){.what = *what};
    return &self->at[self->count++];
}

void attempts_note(struct attempts *self, const struct egress_report *what, int64_t wall_ms)
{
    struct attempt *attempt = find(self, what);

    if (!attempt) {
        self->others++;
        return;
    }
    attempt->count++;
    attempt->last_wall_ms = wall_ms;
}

const struct attempt *attempts_next_said(struct attempts *self, int64_t now_ms, bool all,
                                         uint64_t *count)
{
    for (size_t i = 0; i < self->count; i++) {
        struct attempt *attempt = &self->at[i];
        if (attempt->count == attempt->said || (!all && now_ms < attempt->say_at_ms))
            continue;
        *count = attempt->count - attempt->said;
        attempt->said = attempt->count;
        attempt->say_at_ms = now_ms + ATTEMPTS_SAY_MS;
        return attempt;
    }
    return NULL;
}

int64_t attempts_next_ms(const struct attempts *self)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < self->count; i++)
        if (self->at[i].count > self->at[i].said && self->at[i].say_at_ms < next)
            next = self->at[i].say_at_ms;
    return next;
}

bool attempts_are_untold(const struct attempts *self, int64_t now_ms, bool all)
{
    bool is_new = self->others > self->others_told;

    for (size_t i = 0; i < self->count && !is_new; i++)
        is_new = self->at[i].count > self->at[i].told;
    return is_new && (all || now_ms >= self->tell_at_ms);
}
