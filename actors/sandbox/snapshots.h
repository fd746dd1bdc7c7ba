/* snapshots.h - the thread that packs what apps keep in /data, so that a lost host does not take it along.
 *
 * It packs what it is asked for, one app after another, when nobody changes the app and its data is
 * not what was last kept; into memory, so that neither a full disk nor the thread's end leaves
 * anything. What an app writes meanwhile may be in or not. Data of more than SNAPSHOT_OCTETS_MAX
 * packed, DATA_COPY_OCTETS_MAX as it is, or DATA_COPY_ENTRIES_MAX entries is not packed.
 *
 * Owns:     its thread and what it remembers of each app; snapshots_free() ends it after the app it
 *           is at, at the latest at the deadline.
 * Borrows:  workspace and claims, for its life.
 * Gives:    a ready snapshot until snapshots_settle().
 * Threads:  any may ask; take and settle from one.
 */
#ifndef ISEKAI_SANDBOX_SNAPSHOTS_H
#define ISEKAI_SANDBOX_SNAPSHOTS_H

#include "actors/sandbox/claims.h"
#include "actors/sandbox/workspace.h"

enum { SNAPSHOT_OCTETS_MAX = 10 << 20, SNAPSHOT_MARK_OCTETS = 32 };

struct snapshots;

struct snapshot {
    char app_id[APP_ID_SIZE];
    struct text archive;
    unsigned char mark[SNAPSHOT_MARK_OCTETS];   /* of what was packed: names, sizes, times */
};

/* What is known of an app's snapshots since this sandbox began. */
struct snapshot_view {
    int64_t kept_at;                /* 0: none yet */
    char error[160];                /* "": the last went well */
};

struct snapshots *snapshots_new(struct workspace *workspace, struct claims *claims,
                                struct fault *fault);
/* False: its thread goes on, and with it what it uses. NULL is welcome. */
bool snapshots_free(struct snapshots *self, int64_t deadline_ms);

void snapshots_want(struct snapshots *self, const char *app_id);
/* The next that is ready, within a moment while one is packed; it stays until it is settled. */
bool snapshots_take(struct snapshots *self, struct snapshot *out);
/* NULL: it was kept. */
void snapshots_settle(struct snapshots *self, const struct fault *why_not);
void snapshots_forget(struct snapshots *self, const char *app_id);
void snapshots_look(struct snapshots *self, const char *app_id, struct snapshot_view *out);

/* ---- recover.c ---- */

/* An app without data here gets what `archive` holds, as its own uid's. */
bool snapshot_recover(struct workspace *workspace, const char *app_id, struct text archive,
                      struct fault *fault);
bool snapshot_is_needed(struct workspace *workspace, const char *app_id);

#endif
