/* supervisor_inside.h - what the files of the supervisor share; nobody else includes it.
 *
 * Everything here is touched by the supervisor's thread alone, except what stands under `lock`.
 */
#ifndef ISEKAI_SANDBOX_SUPERVISOR_INSIDE_H
#define ISEKAI_SANDBOX_SUPERVISOR_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "actors/sandbox/app_log.h"
#include "actors/sandbox/attempts.h"
#include "actors/sandbox/cage_state.h"
#include "actors/sandbox/disk_quota.h"
#include "actors/sandbox/disk_watch.h"
#include "actors/sandbox/probe.h"
#include "actors/sandbox/supervisor.h"

enum { END_REASONS = 16 };          /* room for every row of end_reason */

enum request_kind {
    REQUEST_BEGIN, REQUEST_END, REQUEST_CLOSE_DOOR, REQUEST_ABANDON, REQUEST_GET, REQUEST_LIST,
    REQUEST_TAKE_WARM, REQUEST_DROP_WARM, REQUEST_ALLOW, REQUEST_TRIED, REQUEST_FORGET
};

/* A worker's question. The worker and the supervisor each hold it once. */
struct request {
    struct request *next;
    atomic_int holders;
    enum request_kind kind;
    bool done, ok;                  /* under the supervisor's lock */
    struct fault fault;
    char app_id[APP_ID_SIZE];
    enum run_role role;
    bool keep_door;
    struct run_plan plan;           /* begin: in; end: out; take: both */
    struct run_outcome outcome;
    struct run_end end;
    struct run_view *views;         /* list: in the request's own memory */
    size_t capacity, count;
    uint64_t revision;              /* allow: of the grants */
    const struct egress_grants *grants;     /* allow: the worker's, until it is answered */
    struct attempts *attempts;      /* tried: the worker's */
};

/* An app that has cages here, or had one. */
struct hosted {
    struct hosted *next;
    char app_id[APP_ID_SIZE];
    size_t cages;                   /* while there are any: log, directory and port are held */
    int directory;
    struct app_log log;
    uint16_t port;
    struct door door;
    bool door_kept;                 /* nobody is behind it now, but somebody will be */
    struct run_view last;
    uint64_t egress_revision;       /* of the grants; a lower one comes too late */
    struct egress_grants *grants;   /* NULL: none */
    struct attempts *attempts;      /* of the last run and its trials; NULL: none */
};

/* What epoll knows is a cage's number and one of these, never a pointer: a descriptor that we
 * closed may live on for a moment in a child that has not reached its exec. */
enum watch_kind {
    WATCH_PROCESS, WATCH_CONTROL, WATCH_OUT, WATCH_ERR, WATCH_PROBE, WATCH_HANDOVER,
    WATCH_EGRESS_DOOR, WATCH_EGRESS_CONTROL, WATCH_EGRESS_PROCESS, WATCHES = 16
};

/* What there is of a cage that was booted before it was an app's. */
struct warmth {
    int handover;                   /* to warm.js; -1: none, or it has let go */
    bool is_booted, is_taken;       /* warm.js waits; a worker has it in its plan */
    bool is_told;                   /* warm.js has heard which app it is */
    bool is_given_up;               /* it did not take its app in time: killed, and then replaced */
    int64_t by_ms;                  /* 0: the app runs, or there is none yet */
    uint64_t cpu_us;                /* used before it was the app's */
};

struct cage {
    struct cage *next;
    uint64_t number;                /* from 1; never used again */
    struct hosted *hosted;          /* NULL: a warm cage, which is nobody's */
    struct run_plan plan;
    enum cage_state state;
    struct cage_process process;
    int init;                       /* pidfd of isekai-init; -1 until it reported */
    struct cage_group group;
    struct door door;               /* a trial's own */
    struct probe probe;
    struct egress egress;
    enum end_reason asked;
    bool began, exited, boosted, abandoned, keep_door, is_quiet;
    int status;
    uint64_t log_after, dropped_before;
    struct hits hits;
    int64_t begun_ms, begun_wall_ms, answered_ms, answered_wall_ms, active_ms;
    int64_t late_at_ms, boost_until_ms;
    struct warmth warmth;
    struct verdict verdict;         /* once it is clear */
    bool is_disk_over;
    struct disk_usage disk;         /* when it was found over its limits */
    struct disk_share share;        /* that its uid was given for it */
    struct request *starter, *enders;
};

struct tried_report { struct tried_report *next; struct tried tried; };

struct report { struct report *next; struct ended_run ended; int64_t due_ms; };

struct supervisor {
    struct supervisor_parts parts;
    struct doors doors;
    int filter, epoll, wake;
    struct disk_watch *disk;
    pthread_t thread;
    struct hosted *hosted;
    struct cage *cages;
    size_t cage_count;
    bool is_stopping;
    uint64_t cage_number;
    int64_t warm_at_ms;             /* not before this is another warm cage booted */
    uint32_t warm_failures;         /* in a row */
    _Atomic uint64_t warm_count;    /* of those that can be taken; any thread reads it */
    char scratch[65536];

    pthread_mutex_t lock;           /* guards what follows, and `done` of requests */
    pthread_cond_t changed;
    struct request *queue, **queue_end;
    struct report *reports, **reports_end;
    size_t report_count;
    uint64_t report_number;
    struct tried_report *tried, **tried_end;
    size_t tried_count;
    bool ending;                    /* supervisor_free() was called */
    bool ended;
    bool is_well;
    uint64_t ended_by[END_REASONS];
    struct hits hits;               /* of all runs that ended */
};

/* supervisor_ask.c */
struct request *request_new(enum request_kind kind, const char *app_id);    /* NULL: no memory */
void request_send(struct supervisor *self, struct request *request);
bool request_wait(struct supervisor *self, struct request *request, struct fault *fault);
void request_release(struct request *request);

/* supervisor.c */
void supervisor_wake(struct supervisor *self);      /* from any thread */
void request_answer(struct supervisor *self, struct request *request, bool ok);

/* hosted.c */
struct hosted *hosted_find(struct supervisor *self, const char *app_id);    /* NULL: unknown */
struct hosted *hosted_hold(struct supervisor *self, const char *app_id, struct fault *fault);
void hosted_release(struct supervisor *self, struct hosted *hosted);
/* Known from now on, running or not; NULL: no memory. */
struct hosted *hosted_know(struct supervisor *self, const char *app_id, struct fault *fault);
void hosted_free(struct hosted *hosted);
/* Somebody wanted an end of what does not run: known from now on, so that a page of the store
 * read before does not start it. */
void hosted_note_stopped(struct supervisor *self, const char *app_id, bool keep_door);
bool hosted_open_door(struct supervisor *self, struct hosted *hosted, struct fault *fault);

/* run.c: the life of cages */
struct cage *run_new(struct supervisor *self);          /* NULL: no memory */
void run_add(struct supervisor *self, struct cage *cage);
bool run_make_group(struct supervisor *self, struct cage *cage, struct fault *fault);
bool run_start_cold(struct supervisor *self, struct cage *cage, struct fault *fault);
void run_kill(struct cage *cage);
void run_begin(struct supervisor *self, struct request *request);
void run_end_asked(struct supervisor *self, struct request *request);
void run_stop(struct supervisor *self, struct cage *cage, enum end_reason reason);
void run_move(struct supervisor *self, struct cage *cage, enum cage_event event);
struct cage *run_of(struct supervisor *self, const char *app_id, enum run_role role);

/* counters.c */
void counters_add(struct supervisor *self, const struct verdict *verdict);

/* run_gone.c */
void run_note_beginning(struct supervisor *self, const struct cage *cage);
void run_read_hits(const struct cage *cage, const struct group_usage *usage, struct hits *out);

/* run_watch.c: what happens to them */
void run_watch(struct supervisor *self, struct cage *cage, enum watch_kind kind, int fd);
void run_handle(struct supervisor *self, uint64_t watched);
void run_tick(struct supervisor *self, struct cage *cage, int64_t now_ms);
int64_t run_next_ms(const struct supervisor *self, const struct cage *cage);
void run_drain_logs(struct supervisor *self, struct cage *cage);

/* run_disk.c: what they hold on disk */
bool run_disk_begin(struct supervisor *self, struct cage *cage, struct fault *fault);
void run_disk_end_full(struct supervisor *self);

/* warm.c: cages booted before anybody needs them */
void warm_refill(struct supervisor *self, int64_t now_ms);
int64_t warm_next_ms(const struct supervisor *self);
void warm_handle(struct cage *cage);
void warm_take(struct supervisor *self, struct request *request);
void warm_drop(struct supervisor *self, uint64_t number);
/* False: there is none for it, and it needs one of its own. */
bool warm_give(struct supervisor *self, struct cage *cage);
void warm_tell_node(struct cage *cage);        /* isekai-init is ready */
/* Its process has ended. True: before it took its app, which has a fresh cage now. */
bool warm_fall_back(struct supervisor *self, struct cage *cage);
void warm_take_back(struct supervisor *self, struct cage *cage);        /* a start failed after all */
void warm_gone(struct supervisor *self, struct cage *cage);

/* run_gone.c: what is left to do when one is gone */
bool run_try_clear(struct supervisor *self, struct cage *cage);

/* Somebody has asked for the app's end meanwhile: reports not yet sent shall not call it an
 * error. */
void reports_settle(struct supervisor *self, const char *app_id);

/* run_egress.c: the way out of a cage */
bool run_egress_open(struct supervisor *self, struct cage *cage, struct fault *fault);
void run_egress_handle(struct supervisor *self, struct cage *cage, enum watch_kind kind);
void run_egress_leave(struct supervisor *self, struct cage *cage);  /* it is no app's again */
void run_egress_tick(struct supervisor *self, struct cage *cage, int64_t now_ms);
int64_t run_egress_next_ms(const struct cage *cage);
void run_egress_end(struct supervisor *self, struct cage *cage);    /* no more attempts */
void run_egress_finish(struct supervisor *self, struct cage *cage); /* all are said and told */
void run_egress_allow(struct supervisor *self, struct request *request);
void run_egress_forget(struct supervisor *self, struct request *request);
void run_egress_tried(struct supervisor *self, struct request *request);

/* run_view.c */
void run_describe(const struct supervisor *self, const struct cage *cage, struct run_view *out);

#endif
