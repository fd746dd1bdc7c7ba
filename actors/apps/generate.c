/* generate.c - apps.generate and apps.execute: from a sentence, or from files, to a running app. */
#include "actors/apps/change.h"
#include "actors/apps/dependencies.h"
#include "actors/apps/files.h"

static struct finish_request failed(const struct fault *fault, bool serve)
{
    return (struct finish_request){
        .status = app_status_error,
        .desire = app_desire_stopped,
        .error = text_from(fault_told(fault)),
        .serve = serve,
    };
}

/* Store the version, run it, end the operation. On failure a new app keeps its code, so that its
 * owner can read and mend it; an app that existed keeps what it was. */
static bool bring_up(struct change *change, const struct version_content *content,
                     const struct run_config *config, struct run_state *state, struct fault *fault)
{
    struct apps *apps = change->apps;
    struct run run;
    const bool is_new = change->before == NULL;

    if (!files_fit(content->files, apps->settings->app_bytes_max, fault) ||
        !change_store(change, content, fault))
        return change_fail(change, is_new ? failed(fault, false) : (struct finish_request){0},
                           fault);
    if (!change_run(change, 0, content->files, config, &run, state, fault))
        return change_fail(change, is_new ? failed(fault, true) : (struct finish_request){0},
                           fault);
    return change_finish(change, (struct finish_request){.serve = true,
                                                         .status = app_status_running,
                                                         .desire = app_desire_running,
                                                         .run = &run,
                                                         .logs = {state->logs.at,
                                                                  state->logs.count}}, fault);
}

bool apps_generate(struct call *call, const struct generate_request *in, struct app *out,
                   struct fault *fault)
{
    struct plan_reply plan;
    struct run_state state;
    struct change change;
    char app_id[UUID_SIZE];

    uuid_make(app_id);
    const struct change_start start = {.kind = operation_kind_generate,
                                       .app_id = arena_text(call_arena(call), text_from(app_id)),
                                       .name = TEXT_OF("New app"),
                                       .prompt = in->prompt};
    if (!change_begin(&change, call, &start, fault))
        return false;
    if (change.replayed)
        return change_answer(&change, out, fault);

    const struct plan_request request = {.prompt = in->prompt, .context = in->context};
    call_progress(call, "planning", NULL);
    if (!call_ask(call, &method_planner_analyze, &request, &plan, fault))
        return change_fail(&change, failed(fault, false), fault);
    const struct app_metadata metadata = {
        .context = in->context,
        .intent = plan.intent,
        .template = plan.template,
        .components = plan.components,
        .features = plan.plan->features,
        .libraries = plan.plan->libraries,
    };
    const struct version_content content = {.name = plan.name,
                                            .files = plan.code->files,
                                            .metadata = &metadata,
                                            .note = in->prompt};
    return bring_up(&change, &content, NULL, &state, fault) &&
           change_answer(&change, out, fault);
}

static bool tell_run(const struct change *change, struct execute_reply *out, struct fault *fault)
{
    struct app app;

    if (!change_answer(change, &app, fault))
        return false;
    *out = (struct execute_reply){.app_id = app.id,
                                  .url = app.preview_url,
                                  .status = app.status};
    out->logs.at = change->result.logs.at;
    out->logs.count = change->result.logs.count;
    if (out->url.at)
        return true;
    return fault_set(fault, FAULT_conflict, "the app does not run any more");
}

bool apps_execute(struct call *call, const struct execute_request *in, struct execute_reply *out,
                  struct fault *fault)
{
    const struct change_start start = {.kind = operation_kind_execute,
                                       .app_id = in->app_id,
                                       .name = in->app_id,
                                       .prompt = TEXT_OF("")};
    struct version_content content = {.name = in->app_id};
    struct run_state state = {0};
    struct change change;

    if (!dependencies_put(in->dependencies, in->files, call_arena(call), &content.files, fault))
        return false;
    if (!change_begin(&change, call, &start, fault))
        return false;
    return (change.replayed || bring_up(&change, &content, in->config, &state, fault)) &&
           tell_run(&change, out, fault);
}
