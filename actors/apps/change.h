/* change.h - one change of one app, as an operation that survives whoever makes it.
 *
 *   change_begin   the row is written and held
 *   change_store   the new version is kept beside the one that serves
 *   change_run     the sandbox runs it; the app answered
 *   change_finish  version, status, run, audit events: one transaction
 *
 * When any step fails, change_fail() ends the operation with the fault. When even that cannot be
 * said (store gone, time up, process killed), the lease runs out and apps_settle_tick() of any
 * apps process brings the app to a defined state.
 *
 * Owns:     a begun change holds a lease; finish and fail let it go, change_drop() does so in any
 *           case: every path ends in one of the three.
 * Borrows:  the call; everything lives in its arena.
 * Fails as: what the store or the sandbox answered; busy, in_flight, key_reused, app_not_found,
 *           precondition from begin; interrupted when another process took the operation over.
 */
#ifndef ISEKAI_ACTORS_APPS_CHANGE_H
#define ISEKAI_ACTORS_APPS_CHANGE_H

#include "actors/apps/place.h"
#include "bus/ids.h"

struct change {
    struct call *call;
    struct apps *apps;
    enum operation_kind kind;
    struct text app_id;
    struct text node;                   /* the host the app is on; absent: it has run nowhere */
    char operation_id[OPERATION_ID_SIZE];
    char run_id[UUID_SIZE];
    uint64_t version;                   /* that it stored; 0 before */
    const struct operation *operation;  /* as begun, or as it was */
    const struct stored_app *before;    /* NULL: the app is new */
    bool replayed;                      /* the key was used before, and that operation has ended */
    struct operation_result result;     /* once finished, or replayed */
    struct texts secrets;               /* names that it sets or removes, for the audit event */
    const struct failure *told;         /* with a fault, when it is more than the last call said */
    bool held;
    bool is_unsure;                     /* what runs now is not what the store says, or may not be */
};

/* How a change begins; the rest is read from the call. */
struct change_start {
    enum operation_kind kind;
    struct text app_id;
    struct text name, prompt;           /* of a new app */
    uint64_t if_version;                /* 0: any */
};

/* On true with `replayed` the operation ended without a fault before: answer with `result`, as the
 * first time. One that ended with a fault makes begin fail with that fault again. */
bool change_begin(struct change *self, struct call *call, const struct change_start *start,
                  struct fault *fault);

/* Go on with an operation that was claimed from an owner who is gone, and is held by a lease already:
 * with a new run id, for the old one may be anywhere. The caller sets `before` and `node`. */
void change_adopt(struct change *self, struct call *call, const struct operation *operation);

bool change_store(struct change *self, const struct version_content *content, struct fault *fault);

/* Keep beside the app's secrets what this change makes of them, for its run alone. */
bool change_store_secrets(struct change *self, const struct secret_change *secrets, uint32_t count,
                          struct fault *fault);

/* Run the stored version (or `version`, when it stored none). *run is what finish needs. */
bool change_run(struct change *self, uint64_t version, struct files files,
                const struct run_config *config, struct run *run, struct run_state *state,
                struct fault *fault);

/* `more` says what changed; operation, owner and the audit event are filled in. On true `result` is
 * what the transaction left. */
bool change_finish(struct change *self, struct finish_request more, struct fault *fault);

/* The app as the change left it, now or when its key was used first. */
bool change_answer(const struct change *self, struct app *out, struct fault *fault);

/* Ask the sandbox of the app's host to do something to the app. When no answer came, it may or may not be done: then
 * change_fail() leaves the operation open, and settling finds out and brings order. */
bool change_ask_sandbox(struct change *self, const struct method *method, uint32_t within_ms,
                        const void *request, void *reply, struct fault *fault);

/* End it with `fault`, which stays as it is; always false. The failure of the last call (details,
 * log) goes to the caller too. `more` says what is true of the app now. */
bool change_fail(struct change *self, struct finish_request more, struct fault *fault);

/* The same for one whose fault is `interrupted` by right: its owner is gone. */
bool change_fail_as(struct change *self, struct finish_request more, struct fault *fault);

void change_drop(struct change *self);

#endif
