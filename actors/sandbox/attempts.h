/* attempts.h - what an app tried to reach, with counts: bounded, folded, and told in order.
 *
 * A row for each host, port and end, at most ATTEMPTS_MAX; what is tried beyond them is one number. Each
 * row is said in the app's log when it is new, then at most every ATTEMPTS_SAY_MS with its count; and
 * told to the audit log as often.
 *
 * Owns:     nothing; a plain value.
 * Units:    now_ms is clock_now_ms(), last_wall_ms milliseconds since 1970.
 * Threads:  the supervisor's alone.
 */
#ifndef ISEKAI_SANDBOX_ATTEMPTS_H
#define ISEKAI_SANDBOX_ATTEMPTS_H

#include "actors/sandbox/egress/protocol.h"

enum { ATTEMPTS_MAX = 64, ATTEMPTS_SAY_MS = 10000 };

struct attempt {
    struct egress_report what;
    uint64_t count, said, told;
    int64_t last_wall_ms, say_at_ms;
};

struct attempts {
    struct attempt at[ATTEMPTS_MAX];
    size_t count;
    uint64_t others, others_told;
    int64_t tell_at_ms;
};

void attempts_note(struct attempts *self, const struct egress_report *what, int64_t wall_ms);

/* The next row that is due to be said, and how many attempts it stands for; NULL: none. `all`: what is
 * not due yet too, for the run is over. */
const struct attempt *attempts_next_said(struct attempts *self, int64_t now_ms, bool all,
                                         uint64_t *count);
/* When the next row is due; INT64_MAX: none waits. */
int64_t attempts_next_ms(const struct attempts *self);

/* Was anything tried since it was told, and is it due? */
bool attempts_are_untold(const struct attempts *self, int64_t now_ms, bool all);

const char *attempt_in_words(uint16_t end);     /* "denied: not granted" */
bool attempt_is_denied(uint16_t end);

#endif
