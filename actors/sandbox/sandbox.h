/* sandbox.h - files in, a caged, answering process out.
 *
 * Owns:     a sandbox owns its workspace, cgroups, prover, supervisor, sweeper, claims, exports and
 *           installs and snapshots. sandbox_close() ends every app and leaves nothing but what is kept on
 *           disk.
 * Borrows:  the settings, for its life.
 * Gives:    replies live in the arena given.
 * Units:    deadline_ms is clock_now_ms(), absolute.
 * Fails as: start_failed (the app's fault; *failure has its last log lines), malformed, busy,
 *           conflict, capacity, disk_full, interrupted, internal.
 * Threads:  any may call the changes and looks; one change of an app at a time, the newest wins.
 */
#ifndef ISEKAI_SANDBOX_SANDBOX_H
#define ISEKAI_SANDBOX_SANDBOX_H

#include "actors/sandbox/claims.h"
#include "actors/sandbox/exports.h"
#include "actors/sandbox/installs.h"
#include "actors/sandbox/modules.h"
#include "actors/sandbox/prover.h"
#include "actors/sandbox/snapshots.h"
#include "actors/sandbox/supervisor.h"
#include "bus/actor.h"

enum { SANDBOX_RUNS_MAX = 1000 };       /* that are told at once */

struct sandbox_options {
    const struct bus_settings *bus;
    const struct sandbox_settings *settings;
    const struct gateway_settings *gateway;     /* where previews are reached */
    const char *init;                           /* the built isekai-init */
    const char *modules;                        /* of modules/install.sh; NULL: none */
    struct disk_quota *quota;                   /* borrowed for its life; NULL: none */
};

struct orphans { char (*app_ids)[APP_ID_SIZE]; size_t count, capacity; };

struct sandbox {
    struct sandbox_options options;
    struct workspace workspace;
    struct cgroups cgroups;
    struct cage_host host;
    struct modules modules;
    struct egress_host egress;
    struct disk_quota *quota;                   /* the options', where it is the workspace's; NULL: none */
    enum sandbox_level floor;
    struct prover *prover;
    struct sweeper *sweeper;
    struct supervisor *supervisor;
    struct claims *claims;
    struct exports *exports;
    struct installs *installs;
    struct snapshots *snapshots;
    char level[LEVEL_SIZE], missing[LEVEL_SIZE];    /* what holds the cages; what does not, in words */
    char gateway[256];              /* the address of this host's gateway */
    char preview_scheme[8], preview_port[8];    /* "http", ":8000"; "" for the scheme's own */
    /* Touched by the control thread alone. */
    struct orphans found_at_start;  /* workspaces there were; those the store does not know go */
    uint32_t restores;              /* how often the store was asked what should run */
    int64_t restore_at_ms;
    int64_t snapshots_at_ms;        /* when what runs is packed next */
};

bool sandbox_open(struct sandbox *out, const struct sandbox_options *options,
                  struct fault *fault);
/* Safe on a zeroed one. What does not end in time keeps using `self`: then only the process may end. */
void sandbox_close(struct sandbox *self, int64_t deadline_ms);

/* ---- changes.c: one app's process, changed in order ---- */

/* Start, or replace what runs: the new version is tried out on a copy of the data while the old one
 * serves; then the old one ends, the new one starts on the real data; if it does not
 * answer, the old one comes back, with the secrets it had. `secrets` are those of the new run. What it depends on and is not
 * here is installed first, for which `call` (may be NULL) is asked whether to give up. */
bool sandbox_start(struct sandbox *self, const struct start_request *request,
                   struct secrets *secrets, const struct call *call, int64_t deadline_ms,
                   struct arena *arena, struct run_state *out, struct failure *failure,
                   struct fault *fault);
/* What has to be installed for these files; *to_install is empty: nothing. */
bool sandbox_find_needs(struct sandbox *self, struct files files, struct arena *arena,
                        struct text *to_install, struct fault *fault);
bool sandbox_stop(struct sandbox *self, struct text app_id, int64_t deadline_ms,
                  struct arena *arena, struct run_state *out, struct fault *fault);
bool sandbox_remove(struct sandbox *self, struct text app_id, int64_t deadline_ms,
                    struct fault *fault);

/* ---- allow.c ---- */

bool sandbox_allow(struct sandbox *self, struct text app_id, const struct egress_list *list,
                   struct fault *fault);
bool sandbox_tried(struct sandbox *self, struct text app_id, struct arena *arena,
                   struct egress_attempts *out, struct fault *fault);
/* `out` borrows `what`. */
void attempt_fill(const struct egress_report *what, uint64_t count, int64_t last_at,
                  struct egress_attempt *out);

/* ---- export.c ---- */

/* Copy the app's data while no change of it is under way, and pack the copy with the files given.
 * Fails as: too_large, capacity, app_not_found (removed meanwhile), disk_full, busy, timed_out. */
bool sandbox_pack(struct sandbox *self, const struct pack_request *request, int64_t deadline_ms,
                  struct arena *arena, struct export_reply *out, struct fault *fault);

/* ---- look.c ---- */

bool sandbox_get(struct sandbox *self, struct text app_id, struct arena *arena,
                 struct run_state *out, struct fault *fault);
bool sandbox_list(struct sandbox *self, struct arena *arena, struct run_list *out,
                  struct fault *fault);
bool sandbox_logs(struct sandbox *self, const struct logs_request *request, struct arena *arena,
                  struct logs_reply *out, struct fault *fault);
bool sandbox_describe(struct sandbox *self, const struct run_view *view, struct arena *arena,
                      struct run_state *out, struct fault *fault);

/* ---- proof_tell.c ---- */

bool sandbox_proof(struct sandbox *self, struct arena *arena, struct proof_report *out,
                   struct fault *fault);
void sandbox_tell_proofs(struct sandbox *self, struct call *call);

/* ---- methods.c, restore.c: on the bus ---- */

/* The secrets for one run, from the store; the caller drops them. */
bool sandbox_reveal(struct call *call, struct text app_id, struct text run_id,
                    struct secrets **out, struct fault *fault);

/* recover.c: before a start, the data that this host does not have; and giving the store what there is. */
bool sandbox_recover(struct sandbox *self, struct call *call, struct text app_id,
                     struct fault *fault);
void sandbox_keep_data(struct sandbox *self, struct call *call);

extern const struct actor_method sandbox_methods[];
extern const size_t sandbox_method_count;
bool sandbox_healthy(void *self, char level[200]);
uint32_t sandbox_counters(void *self, struct arena *arena, struct count_of *out);
/* Starts what the store says should run, removes what it does not know, reports ended runs. */
void sandbox_started(struct call *call, void *self);
void sandbox_tick(struct call *call, void *self);
/* tried.c, installs_events.c: to the audit log */
void sandbox_tell_tried(struct sandbox *self, struct call *call);
void sandbox_tell_installs(struct sandbox *self, struct call *call);

#endif
