/* apps.h - the life of an app: the one order of plan, store, run for every caller.
 *
 * Every change is an operation (change.h). What only reads goes straight to store or sandbox after
 * the owner was checked.
 *
 * Threads:  struct apps is constant but for `leases`, which locks itself.
 */
#ifndef ISEKAI_ACTORS_APPS_H
#define ISEKAI_ACTORS_APPS_H

#include "actors/apps/leases.h"
#include "bus/actor.h"

struct apps {
    const struct apps_settings *settings;
    const struct bus_settings *bus;
    struct leases *leases;
};

#define APPS_METHOD(name, scope, lane, retry, request, reply, doc)                        \
    bool apps_##name(struct call *call, const struct request *in, struct reply *out,       \
                     struct fault *fault);
#include "schemas/contract.def"

extern const struct actor_method apps_methods[];
extern const size_t apps_method_count;

/* The app if the caller may see it, with its files, in the call's arena. */
bool apps_find_own(struct call *call, struct text app_id, struct app *out, struct fault *fault);

/* Take over operations whose owner is gone and bring each to a defined state; the tick. */
void apps_settle_tick(struct call *call, void *self);

#endif
