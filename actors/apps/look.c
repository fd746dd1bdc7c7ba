/* look.c - what only reads: the owner is checked by the store, then the sandbox or the planner is
 * asked. */
#include "actors/apps/place.h"
#include "bus/clock.h"
#include "bus/ids.h"

bool apps_find_own(struct call *call, struct text app_id, struct app *out, struct fault *fault)
{
    const struct app_ref request = {.app_id = app_id};

    return call_ask(call, &method_store_get, &request, out, fault);
}

bool apps_logs(struct call *call, const struct logs_request *in, struct logs_reply *out,
               struct fault *fault)
{
    struct place_reply place;

    if (!place_find(call, in->app_id, &place, fault))
        return false;
    if (place_ask(call, place.node, &method_sandbox_logs, lane_deadline_ms(LANE_QUICK), in, out,
                  fault))
        return true;
    if (fault->kind != FAULT_app_not_found)
        return false;
    *out = (struct logs_reply){0};      /* it never ran, so it said nothing */
    return true;
}

bool apps_run(struct call *call, const struct app_ref *in, struct run_state *out,
              struct fault *fault)
{
    struct place_reply place;

    if (!place_find(call, in->app_id, &place, fault))
        return false;
    if (place_ask(call, place.node, &method_sandbox_get, lane_deadline_ms(LANE_QUICK), in, out,
                  fault))
        return true;
    if (fault->kind != FAULT_app_not_found && fault->kind != FAULT_not_found)
        return false;
    /* The sandbox has nothing of it: what the store says is all there is. */
    *out = (struct run_state){.id = in->app_id, .status = place.status, .version = place.version};
    return true;
}

/* A proposal becomes a suggestion when it belongs to an app and can be named. */
static bool adopt(const struct proposal *proposal, struct text app_id, struct arena *arena,
                  struct suggestion *out, struct fault *fault)
{
    char id[UUID_SIZE];

    uuid_make(id);
    *out = (struct suggestion){
        .id = arena_text(arena, text_from(id)),
        .app_id = app_id,
        .type = proposal->type,
        .title = proposal->title,
        .description = proposal->description,
        .confidence = proposal->confidence,
        .changes = proposal->changes,
        .auto_apply = proposal->auto_apply,
        .created_at = clock_wall_ms(),
    };
    return out->id.at || fault_set(fault, FAULT_internal, "no memory for suggestions");
}

bool apps_act(struct call *call, const struct action_request *in, struct suggestions_reply *out,
              struct fault *fault)
{
    struct arena *arena = call_arena(call);
    struct app app;
    struct infer_reply inferred;
    struct nothing kept;

    if (!apps_find_own(call, in->app_id, &app, fault))
        return false;
    const struct suggest_request request = {
        .action = in->action,
        .target = in->target,
        .data = in->data,
        .template = app.metadata ? app.metadata->template : (struct text){0},
        .files = app.code ? app.code->files : (struct files){0},
    };
    if (!call_ask(call, &method_planner_suggest, &request, &inferred, fault))
        return false;
    struct suggestion *suggestions =
        arena_take(arena, (inferred.suggestions.count + 1) * sizeof *suggestions);
    if (!suggestions)
        return fault_set(fault, FAULT_internal, "no memory for suggestions");
    for (uint32_t i = 0; i < inferred.suggestions.count; i++)
        if (!adopt(&inferred.suggestions.at[i], app.id, arena, &suggestions[i], fault))
            return false;
    out->suggestions.at = suggestions;
    out->suggestions.count = inferred.suggestions.count;
    const struct suggestions_put put = {
        .app_id = app.id,
        .version = app.version,
        .suggestions = {suggestions, inferred.suggestions.count},
    };
    return call_ask(call, &method_store_suggest, &put, &kept, fault);
}
