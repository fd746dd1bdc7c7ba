/* proof.h - does a cage of this host hold? Tried out with hostile programs, not assumed.
 *
 * Three cages are built exactly as those of apps are, and isekai-proof runs in them in place of an
 * app. What it says of each row of proof.def is believed only as far as nothing outside speaks
 * against it: a connection or datagram that came through, a dead canary, a CPU limit that never
 * held anybody back. A row about which nothing was said is `unknown`, and that is not held.
 *
 * A host that builds no cage at all (no user namespaces for ordinary users, a container's seccomp
 * profile) is told by bubblewrap's own words and by what an operator may do about it.
 *
 * Borrows:  the place, during the call.
 * Units:    a few hundred milliseconds, with gVisor seconds; PROOF_MS at the most.
 * Fails as: forbidden (no cage can be built), timed_out, interrupted, internal. What a cage does not
 *           hold is no failure but the result.
 * Threads:  one call at a time, from a thread that lives through it.
 */
#ifndef ISEKAI_SANDBOX_PROOF_H
#define ISEKAI_SANDBOX_PROOF_H

#include <stdatomic.h>

#include "actors/sandbox/cage_host.h"
#include "actors/sandbox/cgroup.h"
#include "schemas/message.h"

enum { PROOF_MS = 60000, FINDING_DETAIL_SIZE = 96 };

enum proof_row {
#define PROBE(name, cage, level, doc) PROOF_##name,
#include "actors/sandbox/proof.def"
    PROOF_ROWS
};

struct finding { enum proof_outcome outcome; char detail[FINDING_DETAIL_SIZE]; };

struct proof {
    enum sandbox_level level;       /* the highest all whose rows held */
    int64_t at_wall_ms, took_ms;
    struct finding findings[PROOF_ROWS];
};

struct proof_place {
    const struct cage_host *host;
    const struct cgroups *cgroups;
    const char *runtime, *run;      /* <data>/runtime and the run directory */
    uid_t uid;                      /* as whom; 0: who we are */
};

/* `stop` true ends it early. */
bool proof_run(const struct proof_place *place, const atomic_bool *stop, struct proof *out,
               struct fault *fault);

const char *proof_name(enum proof_row row);
enum sandbox_level proof_level_of(enum proof_row row);      /* the lowest that needs it */

/* ---- what proof_run() is made of, for its test ---- */

/* Take one line that a cage wrote; false: it says what it cannot say. */
bool proof_take_line(struct proof *self, const char *line, size_t size);
void proof_judge(struct proof *self);           /* findings -> level */

#endif
