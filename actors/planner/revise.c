/* revise.c - from a sentence to changes of an app that is there.
 *
 * All of what was understood is done, or nothing is; an app never becomes another one.
 */
#include "actors/planner/draft.h"
#include "actors/planner/planner.h"
#include "actors/planner/title.h"
#include "actors/planner/wishes.h"

enum { DONE_MAX = 16, DONE_CHARACTERS_MAX = 200 };

struct revision {
    struct draft draft;
    struct text done[DONE_MAX];
    uint32_t done_count;
};

static bool tell(struct revision *self, struct text sentence, struct fault *fault)
{
    if (!sentence.at)
        return fault_set(fault, FAULT_internal, "out of memory");
    if (self->done_count < DONE_MAX)
        self->done[self->done_count++] = text_cut(sentence, DONE_CHARACTERS_MAX);
    return true;
}

static bool set_title(struct revision *self, struct text title, struct fault *fault)
{
    struct arena *arena = self->draft.arena;
    size_t found;
    bool changed;

    if (!draft_set_title(&self->draft, title, &found, &changed, fault))
        return false;
    if (found == 0)
        return fault_set(fault, FAULT_conflict,
                         "No .html file of this app has a <title> or an element with id=app-title");
    return tell(self, changed ? arena_print(arena, "Changed the title to \"%.*s\".",
                                            TEXT_ARGS(title))
                              : arena_print(arena, "The title is \"%.*s\" already.",
                                            TEXT_ARGS(title)), fault);
}

static bool add_feature(struct revision *self, const struct template *template,
                        enum feature feature, struct fault *fault)
{
    struct arena *arena = self->draft.arena;
    const char *label = feature_label(feature);
    enum feature_outcome outcome;
    struct text missing;

    if (!template)
        return fault_set(fault, FAULT_conflict,
                         "Cannot add %s: the files did not grow from one of our templates", label);
    if (!draft_add_feature(&self->draft, template, feature, &outcome, &missing, fault))
        return false;
    switch (outcome) {
    case FEATURE_ADDED:
        return tell(self, arena_print(arena, "Added %s.", label), fault);
    case FEATURE_THERE_ALREADY:
        return tell(self, arena_print(arena, "There is %s already.", label), fault);
    case FEATURE_NOT_OFFERED:
        return fault_set(fault, FAULT_conflict, "An app of the kind %.*s cannot get %s",
                         TEXT_ARGS(template->name), label);
    case FEATURE_WITHOUT_PLACE:
        return fault_set(fault, FAULT_conflict,
                         "Cannot add %s: no file has the line slot:%.*s any more", label,
                         TEXT_ARGS(missing));
    }
    return false;
}

static const struct template *template_of(const struct library *library,
                                          const struct revise_request *request,
                                          struct arena *arena)
{
    const struct template *named =
        request->template.at ? library_find(library, request->template) : NULL;

    return named ? named : library_guess(library, request->files, arena);
}

static bool grant(struct revision *self, const struct library *library,
                  const struct revise_request *request, const struct wishes *wishes,
                  struct fault *fault)
{
    struct arena *arena = self->draft.arena;
    const struct template *template =
        wishes->features.count > 0 ? template_of(library, request, arena) : NULL;

    for (size_t i = 0; i < wishes->features.count; i++)
        if (!add_feature(self, template, wishes->features.at[i], fault))
            return false;
    if (wishes->title.at && !set_title(self, wishes->title, fault))
        return false;
    if (wishes->left_out.at)
        return tell(self, arena_print(arena, "Left as it is, for it was not understood: \"%.*s\".",
                                      TEXT_ARGS(wishes->left_out)), fault);
    return true;
}

bool planner_make_revision(const struct library *library, const struct revise_request *request,
                           struct arena *arena, struct revise_reply *reply, struct fault *fault)
{
    struct revision *self = arena_take(arena, sizeof *self);
    struct wishes wishes = wishes_read(request->prompt, arena);

    if (arena_is_exhausted(arena))
        return fault_set(fault, FAULT_internal, "out of memory");
    if (wishes.features.count == 0 && !wishes.title.at)
        return fault_set(fault, FAULT_malformed,
                         "Cannot do that yet; ask for: dark mode, a title change, search, sorting");
    draft_begin(&self->draft, request->files, arena);
    if (!grant(self, library, request, &wishes, fault) ||
        !draft_files(&self->draft, true, &reply->changes, fault))
        return false;
    reply->name = wishes.title;
    reply->done = (struct texts){self->done, self->done_count};
    return true;
}
