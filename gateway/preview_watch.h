/* preview_watch.h - which version of an app serves, for pages that wait for the next one: the
 * store is asked once a second for each app, however many listen.
 *
 * Owns:     the table of what is watched.
 * Fails as: overloaded beyond LISTENERS_MAX, or APP_LISTENERS_MAX of one app.
 * Threads:  any; locked inside. The thread of one listener asks for all of that app.
 */
#ifndef ISEKAI_GATEWAY_PREVIEW_WATCH_H
#define ISEKAI_GATEWAY_PREVIEW_WATCH_H

#include "gateway/preview.h"

/* Each listener holds a thread; one app's pages must leave room for those of others. */
enum { LISTENERS_MAX = 256, APP_LISTENERS_MAX = 64, WATCH_LOOK_MS = 1000 };

struct preview_watch;

struct serving {
    uint64_t version;
    bool is_known;              /* the store has answered */
    bool exists;
    bool can_be_seen;           /* it runs, or wakes for whoever comes */
};

struct preview_watch *preview_watch_new(struct fault *fault);
void preview_watch_free(struct preview_watch *self);        /* NULL is welcome */

/* Count a listener of exchange->label in; each that got in leaves. */
bool preview_watch_enter(struct preview_watch *self, const char *label, struct fault *fault);
void preview_watch_leave(struct preview_watch *self, const char *label);

/* What is known, at most a second old while the store answers; asks it when it is time. */
struct serving preview_watch_look(struct preview_watch *self, struct exchange *exchange);

#endif
