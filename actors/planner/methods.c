/* methods.c - the planner's front door: which name calls which function.
 *
 * Every row PLANNER_METHOD(x, ...) of the contract must have a planner_x() here; a missing one does
 * not link, an unlisted one cannot be called.
 */
#include "actors/planner/planner.h"

bool planner_analyze(struct call *call, const struct plan_request *request,
                     struct plan_reply *reply, struct fault *fault)
{
    return planner_make_plan(call_self(call), request, call_arena(call), reply, fault);
}

bool planner_revise(struct call *call, const struct revise_request *request,
                    struct revise_reply *reply, struct fault *fault)
{
    return planner_make_revision(call_self(call), request, call_arena(call), reply, fault);
}

bool planner_suggest(struct call *call, const struct suggest_request *request,
                     struct infer_reply *reply, struct fault *fault)
{
    return planner_make_suggestions(call_self(call), request, call_arena(call), reply, fault);
}

static void attach_broken(struct call *call, const struct violation_list *broken)
{
    struct failure *failure = arena_take(call_arena(call), sizeof *failure);

    if (!failure || broken->count == 0)
        return;
    failure->name = text_from(fault_name(FAULT_malformed));
    failure->details.at = broken->at;
    failure->details.count = broken->count;
    call_attach(call, failure);
}

bool planner_infer(struct call *call, const struct infer_request *request,
                   struct infer_reply *reply, struct fault *fault)
{
    struct violation_list *broken = arena_take(call_arena(call), sizeof *broken);

    if (!broken)
        return fault_set(fault, FAULT_internal, "out of memory");
    if (planner_make_inference(call_self(call), request, call_arena(call), reply, broken, fault))
        return true;
    attach_broken(call, broken);
    return false;
}

/* The loop hands over void pointers, handlers take their own structs: one thunk each between. */
#define PLANNER_METHOD(name, scope, lane, retry, request_, reply_, doc)                       \
    static bool name##_thunk(struct call *call, const void *request, void *reply,             \
                             struct fault *fault)                                             \
    {                                                                                         \
        return planner_##name(call, request, reply, fault);                                   \
    }
#include "schemas/contract.def"

const struct actor_method planner_methods[] = {
#define PLANNER_METHOD(name, scope, lane, retry, request, reply, doc) \
    {&method_planner_##name, name##_thunk},
#include "schemas/contract.def"
};
const size_t planner_method_count = sizeof planner_methods / sizeof *planner_methods;
