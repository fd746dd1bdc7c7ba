/* installs_inside.h - what the files of installs share; nobody else includes it.
 *
 * The list of what is under way, the counts and all changes of the directory's names are under the lock.
 */
#ifndef ISEKAI_SANDBOX_INSTALLS_INSIDE_H
#define ISEKAI_SANDBOX_INSTALLS_INSIDE_H

#include <pthread.h>

#include "actors/sandbox/install_host.h"
#include "actors/sandbox/installs.h"

struct installs {
    struct installs_parts parts;
    struct install_host host;
    int place;                      /* <data>/runtime/installed */
    _Atomic uint64_t sequence;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char under_way[INSTALLS_AT_ONCE][INSTALL_KEY_SIZE];     /* "": nothing */
    struct { uint64_t made, found, failed; } counts;
    struct install_event events[INSTALL_EVENTS_MAX];        /* the oldest first */
    size_t event_count;
};

/* installs_events.c, without the lock: for the audit log. `fault` is why, when it failed. */
void installs_note(struct installs *self, const struct install_order *order, enum install_outcome outcome,
                   const struct install_sum *sum, int64_t begun_ms, const struct fault *fault);

/* installs_make.c: npm's work, published under the key. `sum` is of the lock that npm wrote, also where
 * that was refused. */
struct install_made { struct install_sum sum; uint64_t octets; };
bool installs_make(struct installs *self, const struct install_order *order, const char *key,
                   struct install_made *made, struct fault *fault);

/* installs_evict.c, with the lock held */
void installs_evict(struct installs *self);

#endif
