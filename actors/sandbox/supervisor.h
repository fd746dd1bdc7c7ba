/* supervisor.h - the one thread that starts, watches and ends all cages.
 *
 * Workers ask and wait. Everything about a cage (its state, descriptors, timers, cgroup, log)
 * belongs to that thread alone; what is shared is the queue of requests and the list of ended runs,
 * under one lock.
 *
 * Owns:     its thread, all cages, their sockets and logs; supervisor_free() ends them all.
 *           With supervisor_begin() it takes over the copies named in the plan and discards
 *           them when the run is over, also when it never began.
 *           A run holds its plan's secrets by itself.
 * Borrows:  the parts in supervisor_parts, for its life; a plan's secrets until the begin is answered.
 * Units:    clock_now_ms() for deadlines, milliseconds since 1970 where a name says `wall`.
 * Fails as: unproven (prover.h), capacity (RUNNING_MAX and nobody idle), start_failed (the app, see outcome), conflict
 *           (another change of the app took over), interrupted (shutting down), internal.
 * Threads:  any, except new and free. supervisor_free() after all others returned.
 */
#ifndef ISEKAI_SANDBOX_SUPERVISOR_H
#define ISEKAI_SANDBOX_SUPERVISOR_H

#include "actors/sandbox/cage.h"
#include "actors/sandbox/attempts.h"
#include "actors/sandbox/door.h"
#include "actors/sandbox/egress.h"
#include "actors/sandbox/install_lock.h"
#include "actors/sandbox/prover.h"
#include "actors/sandbox/secrets.h"
#include "actors/sandbox/sweeper.h"
#include "actors/sandbox/verdict.h"
#include "actors/sandbox/workspace.h"
#include "bus/ids.h"

enum {
    RUN_ID_SIZE = 4 * 64 + 1,
    RUN_NOTE_SIZE = 48,
    LEVEL_SIZE = 200,
    PORT_FIRST = 9000,
    CAGES_MAX = 20000,
    ENDED_MAX = 4096,               /* reports kept for the store; the oldest goes */
    START_BOOST_PERCENT = 200,      /* CPU while an app starts, if its own limit is lower, */
    START_BOOST_MS = 2000,          /* for at most so long */
    EVICT_IDLE_MS = 5000,           /* an app idle for less is not put to sleep for another */
    SETTLE_MS = 2000,               /* between a start's answer and the report of its end: whoever
                                     * asked for the start writes it down first */
    ANSWERS_MS = 1000,              /* of the time to stop: for answers that are under way */
    KILL_AGAIN_MS = 20,
    LOG_LINES_TOLD = 50,            /* of an app that did not come up */
    TRIED_MAX = 256,                /* told attempts kept for the audit log; the oldest go */
    WARM_FIRST_MS = 1000,           /* what was running before comes back first */
    WARM_PAUSE_MS = 100,            /* without a start, before a warm cage is booted */
    WARM_AGAIN_MS = 1000,           /* after one that failed, then twice that, and so on up to */
    WARM_AGAIN_LAST_MS = 60000,
    WARM_BOOT_MS = 20000,           /* a boot may take so long */
    WARM_HANDOVER_MS = 1000,        /* and until a warm cage has begun with its app */
};

struct supervisor_parts {
    struct workspace *workspace;
    const struct cgroups *cgroups;
    const struct cage_host *host;
    struct prover *prover;
    struct sweeper *sweeper;
    const struct egress_host *egress;
    struct disk_quota *quota;       /* NULL: none */
    const char *run, *user;         /* the run directory; who may connect to apps */
    uint64_t running_max, log_bytes_max;
    const char *level;              /* the isolation there is, for the records of runs */
    uint64_t warm_cages;            /* how many are kept */
    struct limits warm_limits;      /* what they are booted for */
};

enum run_role { RUN_SERVES, RUN_TRIAL, RUN_WARM };     /* the last: booted, for whoever comes */

/* Everything about a run before it begins; copied. */
struct run_plan {
    char app_id[APP_ID_SIZE], run_id[RUN_ID_SIZE];
    uint64_t version;
    enum run_role role;
    struct limits limits;
    struct entry entry;
    uid_t uid;
    uint64_t warm;              /* of supervisor_take_warm(); 0: a cage of its own */
    uid_t lent_uid;             /* a trial's, of its warm cage: given back with data_copy */
    char installed[INSTALL_KEY_SIZE];       /* the tree of installs.h it has; "": none */
    char app_copy[WORKSPACE_NAME_SIZE];
    char data_copy[WORKSPACE_NAME_SIZE];    /* "": the app's own data */
    int64_t deadline_ms;                    /* of its start, beside the start timeout */
    bool keep_door;             /* if it does not answer, connections wait for the next */
    struct secrets *secrets;    /* NULL: none */
};

/* How a begun run came out: answered, or why not. */
struct run_outcome {
    struct verdict verdict;         /* of a failed one */
    uint64_t log_after;             /* its lines have a higher seq */
};

/* A run, or what is left of an app's last one, as seen at one moment. */
struct run_view {
    char app_id[APP_ID_SIZE], run_id[RUN_ID_SIZE];
    bool is_known, is_running;      /* neither: this sandbox never ran it */
    uint64_t version;
    uint16_t port;
    int64_t answered_wall_ms, uptime_ms;
    uint64_t memory_bytes;
    double cpu_seconds;
    uint64_t disk_bytes, disk_files;
    enum app_status status;
    struct run_end end;             /* of the last run; reason absent: none has ended */
    struct hits hits;               /* of the last run; of this one while it runs */
};

/* A run that ended, for the store. */
struct ended_run {
    char app_id[APP_ID_SIZE], run_id[RUN_ID_SIZE];
    enum app_status status;
    bool is_record;                 /* whoever ended it tells what the app is now */
    uint64_t version;
    char level[LEVEL_SIZE];
    char text[VERDICT_TEXT_SIZE];
    struct run_end end;
    struct hits hits;
    uint64_t log_after, log_until;  /* its lines */
    char note[RUN_NOTE_SIZE];       /* run_notes.h; "": none */
    uint64_t number;                /* names this report to supervisor_forget_ended() */
};

/* What an app tried to reach since the last one of these, for the audit log. */
struct tried {
    char app_id[APP_ID_SIZE], run_id[RUN_ID_SIZE], event_id[UUID_SIZE];
    int64_t at;
    struct { struct egress_report what; uint64_t count; } rows[ATTEMPTS_MAX];
    size_t count;
    uint64_t others;
};

struct supervisor;

struct supervisor *supervisor_new(const struct supervisor_parts *parts, struct fault *fault);
/* False: its thread goes on, and with it what it uses. NULL is welcome. */
bool supervisor_free(struct supervisor *self, int64_t deadline_ms);

/* Start a run and wait until it answers HTTP. On false nothing of it is left, and *outcome tells
 * why when the fault is start_failed or internal. A run that serves must be the only one. */
bool supervisor_begin(struct supervisor *self, const struct run_plan *plan,
                      struct run_outcome *outcome, struct fault *fault);

/* Take a warm cage that fits the plan, for it alone; false: there is none. plan->warm names it, and
 * plan->uid is its user, whose the files of the run must be. It has to be begun with
 * or dropped. Should it be gone when the run begins, the run gets a fresh cage. */
bool supervisor_take_warm(struct supervisor *self, struct run_plan *plan);
void supervisor_drop_warm(struct supervisor *self, uint64_t warm);      /* 0: nothing to do */
uint64_t supervisor_count_warm(const struct supervisor *self);      /* booted, nobody's yet */

/* The same in two steps, to have several under way. Every ticket must be waited for. */
struct request;
struct request *supervisor_ask_begin(struct supervisor *self, const struct run_plan *plan);
bool supervisor_wait_begin(struct supervisor *self, struct request *ticket,
                           struct run_outcome *outcome, struct fault *fault);

/* End an app's run of that role and wait until nothing of it is left. True with *ended absent
 * (reason 0) when there was none. keep_door: connections wait for the next run. `plan` (may be
 * NULL) is what it was begun with; its secrets are held for the caller, who drops them. */
bool supervisor_end(struct supervisor *self, const char *app_id, enum run_role role,
                    bool keep_door, struct run_end *ended, struct run_plan *plan,
                    struct fault *fault);
void supervisor_close_door(struct supervisor *self, const char *app_id);

/* A change takes over: starts of this app that have not answered end with conflict. */
void supervisor_abandon(struct supervisor *self, const char *app_id);

bool supervisor_get(struct supervisor *self, const char *app_id, struct run_view *out,
                    struct fault *fault);
/* At most `capacity` running ones. */
bool supervisor_list(struct supervisor *self, struct run_view *out, size_t capacity,
                     size_t *count, struct fault *fault);

/* The oldest report that is due; false: none. It stays until it is forgotten. */
bool supervisor_next_ended(struct supervisor *self, struct ended_run *out);
void supervisor_forget_ended(struct supervisor *self, uint64_t number);
/* Report an end that the supervisor did not see: a run that could not be brought back. */
void supervisor_report(struct supervisor *self, const struct ended_run *ended);

/* How runs have ended since the start, and what was refused to them; names in the arena. */
uint32_t supervisor_counters(struct supervisor *self, struct arena *arena, struct count_of *out);

/* From now on the app may reach these, and nothing else. A lower revision than that of the grants it
 * has changes nothing. It need not run. */
bool supervisor_allow(struct supervisor *self, const char *app_id, uint64_t revision,
                      const struct egress_grants *grants, struct fault *fault);
/* The app is removed: one made later by its id begins without grants and attempts. */
void supervisor_forget_app(struct supervisor *self, const char *app_id);
/* What the app's last run tried to reach. */
bool supervisor_attempts(struct supervisor *self, const char *app_id, struct attempts *out,
                         struct fault *fault);
/* The oldest that is not told; false: none. It stays until it is forgotten by its event's id. */
bool supervisor_next_tried(struct supervisor *self, struct tried *out);
void supervisor_forget_tried(struct supervisor *self, const char *event_id);

/* False once a cage could not be built and until one could again. */
bool supervisor_is_well(struct supervisor *self);

#endif
