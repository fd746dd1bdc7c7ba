/* draft.c - changes of files that leave every octet which they do not mean. */
#include "actors/planner/draft.h"

#include "actors/planner/escape.h"
#include "actors/planner/html.h"
#include "actors/planner/slots.h"

static const char title_id[] = "app-title";

void draft_begin(struct draft *draft, struct files files, struct arena *arena)
{
    memset(draft, 0, sizeof *draft);
    draft->arena = arena;
    draft->count = files.count < FILES_MAX ? files.count : FILES_MAX;
    for (size_t i = 0; i < draft->count; i++)
        draft->files[i] = files.at[i];
}

bool draft_replace(struct draft *draft, size_t index, size_t begin, size_t end, struct text with,
                   struct fault *fault)
{
    struct file *file = &draft->files[index];
    size_t size = file->content.size - (end - begin) + with.size;

    if (size > FILE_CONTENT_OCTETS_MAX)
        return fault_set(fault, FAULT_too_large, "%.*s would be over %d octets",
                         TEXT_ARGS(file->path), FILE_CONTENT_OCTETS_MAX);
    char *content = arena_take(draft->arena, size + 1);
    if (!content)
        return fault_set(fault, FAULT_internal, "out of memory");
    memcpy(content, file->content.at, begin);
    memcpy(content + begin, with.at, with.size);
    memcpy(content + begin + with.size, file->content.at + end, file->content.size - end);
    file->content = (struct text){content, size};
    draft->differs[index] = true;
    return true;
}

bool draft_files(const struct draft *draft, bool only_changed, struct files *out,
                 struct fault *fault)
{
    struct file *files = arena_take(draft->arena, (draft->count + 1) * sizeof *files);
    uint32_t count = 0;

    if (!files)
        return fault_set(fault, FAULT_internal, "out of memory");
    for (size_t i = 0; i < draft->count; i++)
        if (!only_changed || draft->differs[i])
            files[count++] = draft->files[i];
    *out = (struct files){files, count};
    return true;
}

/* ---- filling a template ---- */

static bool fill_all(struct draft *draft, size_t index, const char *placeholder, struct text with,
                     struct fault *fault)
{
    size_t size = strlen(placeholder), at = 0;

    while (true) {
        struct text content = draft->files[index].content;
        const char *found = memmem(content.at + at, content.size - at, placeholder, size);
        if (!found)
            return true;
        at = (size_t)(found - content.at);
        if (!draft_replace(draft, index, at, at + size, with, fault))
            return false;
        at += with.size;        /* what the title says is no placeholder */
    }
}

bool draft_fill(struct draft *draft, const struct template *template, struct text title,
                struct arena *arena, struct fault *fault)
{
    struct text html = escape_html(title, arena), js = escape_js(title, arena);

    draft_begin(draft, (struct files){template->files, (uint32_t)template->file_count}, arena);
    if (!html.at || !js.at)
        return fault_set(fault, FAULT_internal, "out of memory");
    for (size_t i = 0; i < draft->count; i++)
        if (!fill_all(draft, i, "{{title:js}}", js, fault) ||
            !fill_all(draft, i, "{{title:html}}", html, fault))
            return false;
    return true;
}

/* ---- features ---- */

static bool holds(struct text content, struct text part)
{
    return part.size > 0 && content.size >= part.size &&
           memmem(content.at, content.size, part.at, part.size);
}

static bool is_there(const struct draft *draft, const struct snippet *snippet)
{
    for (size_t i = 0; i < draft->count; i++)
        if (holds(draft->files[i].content, snippet->content) ||
            holds(draft->files[i].content, snippet->marker))
            return true;
    return false;
}

static const struct file *home_of(const struct template *template, struct text slot)
{
    size_t begin;

    for (size_t i = 0; i < template->file_count; i++)
        if (slot_find(template->files[i].content, slot, &begin))
            return &template->files[i];
    return NULL;
}

/* In the file where the template has it, else in any other. */
static bool find_slot(const struct draft *draft, const struct template *template, struct text slot,
                      size_t *index, size_t *begin)
{
    const struct file *home = home_of(template, slot);

    for (int at_home = 1; at_home >= 0; at_home--)
        for (size_t i = 0; i < draft->count; i++)
            if ((home && text_equals(home->path, draft->files[i].path)) == at_home &&
                slot_find(draft->files[i].content, slot, begin)) {
                *index = i;
                return true;
            }
    return false;
}

static enum feature_outcome judge(const struct draft *draft, const struct template *template,
                                  const struct template_feature *can, struct text *missing)
{
    size_t there = 0, index, begin;

    if (can->is_built_in)
        return FEATURE_THERE_ALREADY;
    if (can->snippet_count == 0)
        return FEATURE_NOT_OFFERED;
    for (size_t i = 0; i < can->snippet_count; i++)
        there += is_there(draft, &can->snippets[i]);
    if (there == can->snippet_count)
        return FEATURE_THERE_ALREADY;
    for (size_t i = 0; i < can->snippet_count; i++)
        if (!is_there(draft, &can->snippets[i]) &&
            !find_slot(draft, template, can->snippets[i].slot, &index, &begin)) {
            *missing = can->snippets[i].slot;
            return FEATURE_WITHOUT_PLACE;
        }
    return FEATURE_ADDED;
}

bool draft_add_feature(struct draft *draft, const struct template *template, enum feature feature,
                       enum feature_outcome *outcome, struct text *missing, struct fault *fault)
{
    const struct template_feature *can = &template->can[feature];
    size_t index, begin;

    *outcome = judge(draft, template, can, missing);
    if (*outcome != FEATURE_ADDED)
        return true;
    for (size_t i = 0; i < can->snippet_count; i++)
        if (!is_there(draft, &can->snippets[i]) &&
            find_slot(draft, template, can->snippets[i].slot, &index, &begin) &&
            !draft_replace(draft, index, begin, begin, can->snippets[i].content, fault))
            return false;
    return true;
}

/* ---- the title ---- */

static bool is_page(struct text path)
{
    return path.size > 5 && memcmp(path.at + path.size - 5, ".html", 5) == 0;
}

static bool set_inside(struct draft *draft, size_t index, struct span inside, struct text html,
                       bool *changed, struct fault *fault)
{
    struct text content = draft->files[index].content;
    struct text before = {content.at + inside.begin, inside.end - inside.begin};

    if (text_equals(before, html))
        return true;
    *changed = true;
    return draft_replace(draft, index, inside.begin, inside.end, html, fault);
}

bool draft_set_title(struct draft *draft, struct text title, size_t *found, bool *changed,
                     struct fault *fault)
{
    struct text html = escape_html(title, draft->arena);
    struct span inside;

    *found = 0;
    *changed = false;
    if (!html.at)
        return fault_set(fault, FAULT_internal, "out of memory");
    for (size_t i = 0; i < draft->count; i++) {
        if (!is_page(draft->files[i].path))
            continue;
        if (html_find_title(draft->files[i].content, &inside)) {
            ++*found;
            if (!set_inside(draft, i, inside, html, changed, fault))
                return false;
        }
        if (html_find_id(draft->files[i].content, title_id, &inside)) {
            ++*found;
            if (!set_inside(draft, i, inside, html, changed, fault))
                return false;
        }
    }
    return true;
}
