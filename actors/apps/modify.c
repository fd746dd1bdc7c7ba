/* modify.c - changing the files of an app: by words, by files, by a suggestion. The version that
 * serves goes on serving until the new one has answered. */
#include <inttypes.h>
#include <stdlib.h>

#include "actors/apps/change.h"
#include "actors/apps/diff.h"
#include "actors/apps/files.h"

struct wish {
    enum operation_kind kind;
    struct text app_id;
    struct text prompt;             /* absent: none */
    struct files changes;
    struct text suggestion_id;      /* absent: none */
    uint64_t if_version;
};

/* An ETag is "7.19a1b2c3d4e", and "7", W/"7" or 7 will do; * is any version there is. What stands
 * behind the version is not compared: an app that was stopped since loses nothing by a change. */
static bool read_if_match(struct text tag, uint64_t *out, struct fault *fault)
{
    char digits[24];
    char *end;

    *out = 0;
    if (!tag.at || text_is(tag, "*"))
        return true;
    if (tag.size > 2 && memcmp(tag.at, "W/", 2) == 0)
        tag = (struct text){tag.at + 2, tag.size - 2};
    if (tag.size > 2 && tag.at[0] == '"' && tag.at[tag.size - 1] == '"')
        tag = (struct text){tag.at + 1, tag.size - 2};
    if (!text_to_string(tag, digits, sizeof digits) || digits[0] < '1' || digits[0] > '9')
        return fault_set(fault, FAULT_precondition, "If-Match names no version of this app");
    *out = strtoull(digits, &end, 10);
    if ((*end != '\0' && *end != '.') || *out > 1000000000)
        return fault_set(fault, FAULT_precondition, "If-Match names no version of this app");
    return true;
}

static struct files files_of(const struct app *app)
{
    return app->code ? app->code->files : (struct files){0};
}

static struct text template_of(const struct app *app)
{
    return app->metadata ? app->metadata->template : (struct text){0};
}

/* The files as the sentence wants them, and the title if that changed. */
static bool follow_prompt(struct change *change, const struct wish *wish, struct files *files,
                          struct text *name, struct fault *fault)
{
    const struct app *app = change->before->app;
    const struct revise_request request = {.prompt = wish->prompt,
                                           .template = template_of(app),
                                           .files = *files};
    struct revise_reply revised;
    bool differs;

    call_progress(change->call, "planning", NULL);
    if (!call_ask(change->call, &method_planner_revise, &request, &revised, fault))
        return false;
    if (revised.name.at)
        *name = revised.name;
    return files_merge(*files, revised.changes, call_arena(change->call), files, &differs, fault);
}

static bool follow_suggestion(struct change *change, const struct wish *wish, struct files *changes,
                              struct fault *fault)
{
    const struct apply_request request = {.app_id = wish->app_id,
                                          .suggestion_id = wish->suggestion_id};
    struct suggestion_reply kept;

    if (!call_ask(change->call, &method_store_suggestion, &request, &kept, fault))
        return false;
    if (kept.version != change->before->app->version)
        return fault_set(fault, FAULT_stale, "made for version %" PRIu64 ", the app has %" PRIu64,
                         kept.version, change->before->app->version);
    *changes = kept.suggestion->changes;
    return true;
}

/* Work out what the app would become. */
static bool work_out(struct change *change, const struct wish *wish, struct version_content *out,
                     bool *differs, struct fault *fault)
{
    const struct app *app = change->before->app;
    struct arena *arena = call_arena(change->call);
    struct files files = files_of(app);
    struct files changes = wish->changes;
    struct files ignored;
    bool differs_now;

    *out = (struct version_content){.name = app->name, .metadata = app->metadata,
                                    .note = wish->prompt};
    if (wish->suggestion_id.at && !follow_suggestion(change, wish, &changes, fault))
        return false;
    if (wish->prompt.at && !follow_prompt(change, wish, &files, &out->name, fault))
        return false;
    if (!files_merge(files, changes, arena, &out->files, &differs_now, fault))
        return false;
    /* Compared with what serves now, whatever road led there. */
    return files_merge(files_of(app), out->files, arena, &ignored, differs, fault) &&
           ((*differs = *differs || out->files.count != files_of(app).count ||
                        !text_equals(out->name, app->name)),
            files_fit(out->files, change->apps->settings->app_bytes_max, fault));
}

/* The sandbox's own words, and what was tried against what serves. What cannot be told is left out. */
static void tell_differences(struct change *change, struct files tried)
{
    struct arena *arena = call_arena(change->call);
    struct failure *failure = arena_take(arena, sizeof *failure);
    const struct failure *answered = call_failure(change->call);
    struct files serving = files_of(change->before->app);
    struct fault ignored = {0};

    if (!failure || !answered)
        return;
    *failure = *answered;
    (void) files_list_differences(serving, tried, arena, failure);
    (void) diff_files(serving, tried, arena, &failure->diff, &ignored);
    change->told = failure;
}

static bool fail_to_run(struct change *change, struct files tried, struct fault *fault)
{
    if (fault->kind == FAULT_start_failed)
        tell_differences(change, tried);
    return change_fail(change, (struct finish_request){0}, fault);
}

static bool run_and_finish(struct change *change, const struct version_content *content,
                           struct fault *fault)
{
    const struct stored_app *before = change->before;
    const struct run_config *config = before->run ? before->run->config : NULL;
    struct finish_request finish = {.serve = true};
    struct run_state state;
    struct run run;

    /* A stopped app stays stopped; any other shows that the new version answers. */
    if (before->app->status != app_status_stopped) {
        if (!change_run(change, 0, content->files, config, &run, &state, fault))
            return fail_to_run(change, content->files, fault);
        finish.status = app_status_running;
        finish.desire = app_desire_running;
        finish.run = &run;
    }
    return change_finish(change, finish, fault);
}

static bool change_files(struct call *call, const struct wish *wish, struct app *out,
                         struct fault *fault)
{
    const struct change_start start = {.kind = wish->kind, .app_id = wish->app_id,
                                       .if_version = wish->if_version};
    struct version_content content;
    struct change change;
    bool differs;

    if (!change_begin(&change, call, &start, fault))
        return false;
    if (change.replayed)
        return change_answer(&change, out, fault);
    if (!work_out(&change, wish, &content, &differs, fault))
        return change_fail(&change, (struct finish_request){0}, fault);
    if (!differs) {
        if (!change_finish(&change, (struct finish_request){0}, fault))
            return false;
    } else if (!change_store(&change, &content, fault)) {
        return change_fail(&change, (struct finish_request){0}, fault);
    } else if (!run_and_finish(&change, &content, fault)) {
        return false;
    }
    return change_answer(&change, out, fault);
}

bool apps_modify(struct call *call, const struct modify_request *in, struct app *out,
                 struct fault *fault)
{
    struct wish wish = {.kind = operation_kind_modify, .app_id = in->app_id,
                        .prompt = in->prompt, .changes = in->changes};

    if (!read_if_match(in->if_match, &wish.if_version, fault))
        return false;
    if (in->prompt.at || in->changes.count > 0)
        return change_files(call, &wish, out, fault);
    /* Nothing is asked for: nothing changes, but the condition is still the caller's. */
    if (!apps_find_own(call, in->app_id, out, fault))
        return false;
    if (wish.if_version && wish.if_version != out->version)
        return fault_set(fault, FAULT_precondition, "the app has version %" PRIu64, out->version);
    return true;
}

bool apps_apply(struct call *call, const struct apply_request *in, struct app *out,
                struct fault *fault)
{
    const struct wish wish = {.kind = operation_kind_apply, .app_id = in->app_id,
                              .suggestion_id = in->suggestion_id};

    return change_files(call, &wish, out, fault);
}

bool apps_update_run(struct call *call, const struct run_update_request *in,
                     struct run_update_reply *out, struct fault *fault)
{
    const struct wish wish = {.kind = operation_kind_modify, .app_id = in->app_id,
                              .changes = in->files};
    struct app app;

    if (!change_files(call, &wish, &app, fault))
        return false;
    *out = (struct run_update_reply){
        .status = TEXT_OF("updated"),
        .message = arena_print(call_arena(call), "Version %" PRIu64 " serves now.", app.version),
    };
    return out->message.at || fault_set(fault, FAULT_internal, "no memory");
}
