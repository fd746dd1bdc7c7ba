/* suggest.c - from what a user did to what could be added: the rows of suggestions.def that fit. */
#include <stdlib.h>

#include "actors/planner/draft.h"
#include "actors/planner/planner.h"
#include "schemas/token.h"

static const struct rule {
    enum feature feature;
    enum suggestion_type type;
    double confidence;
    uint64_t rows_min;
    const char *action, *target, *title, *description;
} rules[] = {
#define SUGGESTION(feature, type, confidence, rows_min, action, target, title, description) \
    {FEATURE_##feature, suggestion_type_##type, confidence, rows_min, action, target, title,  \
     description},
#include "actors/planner/suggestions.def"
};

enum { HISTORY_MAX = 100 };
static const double surer_by_history = 0.05, surest = 0.95;

struct act { struct words action, target; };

/* What was done, to what app. */
struct situation {
    struct act now;
    struct act before[HISTORY_MAX];
    size_t before_count;
    uint64_t rows;
    const struct template *template;        /* NULL: not known */
    struct files files;                     /* none: suggestions bring no changes */
    bool has_files;
};

static bool act_fits(const struct act *act, uint64_t rows, const struct rule *rule)
{
    if (rule->action[0] &&
        words_find(&act->action, 0, act->action.count, rule->action) == SIZE_MAX)
        return false;
    if (rule->target[0] &&
        words_find(&act->target, 0, act->target.count, rule->target) == SIZE_MAX)
        return false;
    return rows >= rule->rows_min;
}

/* What is done again and again is wanted more. */
static double confidence_of(const struct situation *situation, const struct rule *rule)
{
    double confidence = rule->confidence;

    if (rule->rows_min > 0)
        return confidence;
    for (size_t i = 0; i < situation->before_count && confidence < surest; i++)
        if (act_fits(&situation->before[i], 0, rule))
            confidence += surer_by_history;
    return confidence < surest ? confidence : surest;
}

static const struct rule *best_rule(const struct situation *situation, enum feature feature,
                                    double *confidence)
{
    const struct rule *best = NULL;

    *confidence = 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        double now = confidence_of(situation, &rules[i]);
        if (rules[i].feature == feature && now > *confidence &&
            act_fits(&situation->now, situation->rows, &rules[i])) {
            *confidence = now;
            best = &rules[i];
        }
    }
    return best;
}

/* *useful is false when the app has the feature or cannot get it. */
static bool compute_changes(const struct situation *situation, enum feature feature,
                            struct arena *arena, struct files *changes, bool *useful,
                            struct fault *fault)
{
    enum feature_outcome outcome;
    struct text missing;
    struct draft *draft = arena_take(arena, sizeof *draft);

    if (!draft)
        return fault_set(fault, FAULT_internal, "out of memory");
    draft_begin(draft, situation->files, arena);
    if (!situation->has_files) {
        const struct template *template = situation->template;
        *useful = !template ||
                  (!template->can[feature].is_built_in && template->can[feature].snippet_count > 0);
        return draft_files(draft, true, changes, fault);
    }
    *useful = situation->template;
    if (!*useful)
        return true;
    if (!draft_add_feature(draft, situation->template, feature, &outcome, &missing, fault))
        return false;
    *useful = outcome == FEATURE_ADDED;
    return draft_files(draft, true, changes, fault);
}

static int surest_first(const void *left_, const void *right_)
{
    const struct proposal *left = left_, *right = right_;

    return left->confidence > right->confidence ? -1 : left->confidence < right->confidence;
}

static bool propose(const struct situation *situation, struct arena *arena,
                    struct infer_reply *reply, struct fault *fault)
{
    struct proposal *proposals = arena_take(arena, FEATURES * sizeof *proposals);
    uint32_t count = 0;

    if (!proposals)
        return fault_set(fault, FAULT_internal, "out of memory");
    for (int feature = 0; feature < FEATURES; feature++) {
        double confidence;
        bool useful = false;
        const struct rule *rule = best_rule(situation, (enum feature)feature, &confidence);
        struct proposal *proposal = &proposals[count];
        if (!rule)
            continue;
        if (!compute_changes(situation, rule->feature, arena, &proposal->changes, &useful, fault))
            return false;
        if (!useful)
            continue;
        proposal->type = rule->type;
        proposal->title = text_from(rule->title);
        proposal->description = text_from(rule->description);
        proposal->confidence = confidence;
        count++;
    }
    qsort(proposals, count, sizeof *proposals, surest_first);
    reply->suggestions.at = proposals;
    reply->suggestions.count = count;
    reply->confidence = count > 0 ? proposals[0].confidence : 0;
    return true;
}

/* ---- what is known of an action ---- */

/* `rows` of free details: a number, or a list of rows. Anything else is no count of rows. */
static uint64_t rows_of(struct text data, struct arena *arena)
{
    struct action_data details;
    struct fault ignored = {0};
    struct token token;

    if (!data.at ||
        !message_decode(&action_data_message, data, LENIENT, arena, &details, NULL, &ignored) ||
        !details.rows.at)
        return 0;
    struct reader reader = reader_of(details.rows);
    if (!token_read(&reader, &token))
        return 0;
    return token.kind == TOKEN_COUNT ? token.count : token.kind == TOKEN_ARRAY ? token.items : 0;
}

static const struct template *template_of(const struct library *library, struct text name,
                                          struct files files, struct arena *arena)
{
    const struct template *named = name.at ? library_find(library, name) : NULL;

    return named || files.count == 0 ? named : library_guess(library, files, arena);
}

static struct situation *situation_new(struct arena *arena, struct text action, struct text target)
{
    struct situation *situation = arena_take(arena, sizeof *situation);

    if (situation) {
        situation->now.action = words_split(action.at ? action : TEXT_OF(""), arena);
        situation->now.target = words_split(target.at ? target : TEXT_OF(""), arena);
    }
    return situation;
}

bool planner_make_suggestions(const struct library *library, const struct suggest_request *request,
                              struct arena *arena, struct infer_reply *reply, struct fault *fault)
{
    struct situation *situation = situation_new(arena, request->action, request->target);

    if (!situation)
        return fault_set(fault, FAULT_internal, "out of memory");
    situation->rows = rows_of(request->data, arena);
    situation->files = request->files;
    situation->has_files = true;
    situation->template = template_of(library, request->template, request->files, arena);
    return propose(situation, arena, reply, fault);
}

/* ---- free input ---- */

/* Add what the free value of `field` breaks, with the field's name before each path. */
static void note_broken(struct violation_list *broken, const struct violation_list *found,
                        const char *field, struct arena *arena)
{
    for (uint32_t i = 0; i < found->count; i++) {
        if (broken->count == VIOLATIONS_MAX) {
            broken->dropped += found->count - i;
            return;
        }
        struct violation violation = found->at[i];
        violation.path = arena_print(arena, "%s.%.*s", field, TEXT_ARGS(violation.path));
        broken->at[broken->count++] = violation;
    }
    broken->dropped += found->dropped;
}

static bool decode_free(const struct message *message, struct text packed, const char *field,
                        struct arena *arena, void *out, struct violation_list *broken,
                        struct fault *fault)
{
    struct violation_list *found = arena_take(arena, sizeof *found);

    if (!found)
        return fault_set(fault, FAULT_internal, "out of memory");
    if (message_decode(message, packed, LENIENT, arena, out, found, fault))
        return true;
    note_broken(broken, found, field, arena);
    return fault_while(fault, "%s", field);
}

/* An action that is a text or an object. */
static bool read_action(struct text packed, struct arena *arena, struct infer_action *out,
                        struct violation_list *broken, struct fault *fault)
{
    struct reader reader = reader_of(packed);
    struct token token;

    memset(out, 0, sizeof *out);
    if (token_read(&reader, &token) && token.kind == TOKEN_TEXT)
        out->action = token.octets;
    else if (!decode_free(&infer_action_message, packed, "action", arena, out, broken, fault))
        return false;
    if (!out->action.at)
        out->action = out->type;
    return true;
}

/* Actions before: what does not read as one says nothing. */
static void read_history(struct text packed, struct arena *arena, struct situation *situation)
{
    struct reader reader = reader_of(packed);
    struct violation_list ignored_list = {0};
    struct fault ignored = {0};
    struct token token;

    if (!packed.at || !token_read(&reader, &token) || token.kind != TOKEN_ARRAY)
        return;
    for (uint32_t left = token.items; left > 0 && situation->before_count < HISTORY_MAX; left--) {
        struct infer_action action;
        if (!read_action(token_skip(&reader), arena, &action, &ignored_list, &ignored))
            continue;
        struct act *act = &situation->before[situation->before_count++];
        act->action = words_split(action.action.at ? action.action : TEXT_OF(""), arena);
        act->target = words_split(action.target.at ? action.target : TEXT_OF(""), arena);
    }
}

bool planner_make_inference(const struct library *library, const struct infer_request *request,
                            struct arena *arena, struct infer_reply *reply,
                            struct violation_list *broken, struct fault *fault)
{
    struct infer_context context = {.files = {0}};
    struct infer_action action;

    if (!read_action(request->action, arena, &action, broken, fault))
        return false;
    if (request->context.at && !decode_free(&infer_context_message, request->context, "context",
                                            arena, &context, broken, fault))
        return false;
    struct situation *situation = situation_new(arena, action.action, action.target);
    if (!situation)
        return fault_set(fault, FAULT_internal, "out of memory");
    situation->rows = rows_of(action.data, arena);
    situation->files = context.files;
    situation->has_files = context.files.at;
    situation->template = template_of(library, context.template, context.files, arena);
    read_history(request->history, arena, situation);
    return propose(situation, arena, reply, fault);
}
