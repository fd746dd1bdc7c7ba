/* planner.h - the planner actor: sentences become files. It keeps nothing between calls.
 *
 * Borrows:  the library is read before the first call and shared by all threads, constant.
 * Gives:    replies point into the request, the library and the arena.
 * Fails as: malformed  nothing of the sentence was understood; the reason says what can be asked
 *           conflict   the app's files have no place for what was asked
 *           too_large  a file would become larger than files may be
 */
#ifndef ISEKAI_ACTORS_PLANNER_PLANNER_H
#define ISEKAI_ACTORS_PLANNER_PLANNER_H

#include "actors/planner/library.h"
#include "bus/actor.h"

/* The four methods without a call around them. */
bool planner_make_plan(const struct library *library, const struct plan_request *request,
                       struct arena *arena, struct plan_reply *reply, struct fault *fault);
bool planner_make_revision(const struct library *library, const struct revise_request *request,
                           struct arena *arena, struct revise_reply *reply, struct fault *fault);
bool planner_make_suggestions(const struct library *library, const struct suggest_request *request,
                              struct arena *arena, struct infer_reply *reply, struct fault *fault);
/* What in the free context was not as it should be is added to `broken`. */
bool planner_make_inference(const struct library *library, const struct infer_request *request,
                            struct arena *arena, struct infer_reply *reply,
                            struct violation_list *broken, struct fault *fault);

#define PLANNER_METHOD(name, scope, lane, retry, request_, reply_, doc)                       \
    bool planner_##name(struct call *call, const struct request_ *request,                    \
                        struct reply_ *reply, struct fault *fault);
#include "schemas/contract.def"

extern const struct actor_method planner_methods[];
extern const size_t planner_method_count;

#endif
