/* plan.c - from a sentence to a new app: which template, which title, which features. */
#include "actors/planner/draft.h"
#include "actors/planner/planner.h"
#include "actors/planner/title.h"
#include "schemas/token.h"

static const char framework[] = "node:http";

/* The title that came with the prompt; absent when there is none. */
static bool title_of_context(const struct plan_request *request, struct arena *arena,
                             struct text *title, struct fault *fault)
{
    struct plan_context context;
    struct token token;

    if (!request->context.at)
        return true;
    if (!message_decode(&plan_context_message, request->context, LENIENT, arena, &context, NULL,
                        fault))
        return fault_while(fault, "context");
    if (!context.title.at)
        return true;
    struct reader reader = reader_of(context.title);
    if (!token_read(&reader, &token) || (token.kind != TOKEN_TEXT && token.kind != TOKEN_NIL))
        return fault_set(fault, FAULT_malformed, "context.title must be a text");
    if (token.kind == TOKEN_TEXT)
        *title = title_clean(token.octets, arena);
    return true;
}

static bool choose_title(const struct library *library, const struct template *template,
                         const struct plan_request *request, const struct words *words,
                         struct arena *arena, struct text *title, struct fault *fault)
{
    *title = (struct text){0};
    if (!title_of_context(request, arena, title, fault))
        return false;
    if (!title->at)
        *title = title_named(words, arena);
    if (!title->at && template == library_generic(library))
        *title = title_made(words, arena);
    if (!title->at)
        *title = template->title;
    return true;
}

static struct feature_list features_in(const struct words *words)
{
    struct feature_list features = {.count = 0};
    bool is_negative = false;
    struct clause clause;

    for (size_t next = 0; clause_next(words, next, words->count, &clause); next = clause.end)
        clause_features(words, &clause, ASKED_AT_ALL, &is_negative, &features);
    return features;
}

/* What the template offers of what was asked; the rest is no fault of a new app. */
static bool add_features(struct draft *draft, const struct template *template,
                         struct feature_list asked, struct feature_list *added,
                         struct fault *fault)
{
    enum feature_outcome outcome;
    struct text missing;

    for (size_t i = 0; i < asked.count; i++) {
        if (!draft_add_feature(draft, template, asked.at[i], &outcome, &missing, fault))
            return false;
        if (outcome == FEATURE_ADDED)
            feature_list_add(added, asked.at[i]);
    }
    return true;
}

static bool fill_outline(const struct template *template, const struct feature_list *added,
                         struct arena *arena, struct plan_outline *outline, struct fault *fault)
{
    enum { FEATURES_TOLD_MAX = 64 };
    size_t count = template->features.count;
    struct text *told = arena_take(arena, (count + added->count + 1) * sizeof *told);

    if (!told)
        return fault_set(fault, FAULT_internal, "out of memory");
    memcpy(told, template->features.at, count * sizeof *told);
    for (size_t i = 0; i < added->count && count < FEATURES_TOLD_MAX; i++)
        told[count++] = text_from(feature_label(added->at[i]));
    outline->framework = text_from(framework);
    outline->features = (struct texts){told, (uint32_t)count};
    outline->libraries = template->libraries;
    return true;
}

bool planner_make_plan(const struct library *library, const struct plan_request *request,
                       struct arena *arena, struct plan_reply *reply, struct fault *fault)
{
    struct words words = words_split(request->prompt, arena);
    const struct template *template = library_choose(library, &words);
    struct draft *draft = arena_take(arena, sizeof *draft);
    struct plan_outline *outline = arena_take(arena, sizeof *outline);
    struct app_code *code = arena_take(arena, sizeof *code);
    struct feature_list added = {.count = 0};

    if (arena_is_exhausted(arena))
        return fault_set(fault, FAULT_internal, "out of memory");
    if (!choose_title(library, template, request, &words, arena, &reply->name, fault) ||
        !draft_fill(draft, template, reply->name, arena, fault) ||
        !add_features(draft, template, features_in(&words), &added, fault) ||
        !draft_files(draft, false, &code->files, fault) ||
        !fill_outline(template, &added, arena, outline, fault))
        return false;
    reply->intent = template->intent;
    reply->template = template->name;
    reply->components = template->components;
    reply->plan = outline;
    reply->code = code;
    return true;
}
