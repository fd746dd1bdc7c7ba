/* library_shared.c - what several templates take from one place. */
#include <stdlib.h>

#include "actors/planner/library_files.h"

/* Whether `path` is `directory` or lies below it, where "" is above all; *path becomes what is left
 * of it below the directory. */
static bool descend(struct text *path, struct text directory)
{
    if (directory.size == 0)
        return true;
    if (path->size < directory.size || memcmp(path->at, directory.at, directory.size) != 0)
        return false;
    if (path->size > directory.size && path->at[directory.size] != '/')
        return false;
    size_t behind = directory.size + (path->size > directory.size ? 1 : 0);
    *path = (struct text){path->at + behind, path->size - behind};
    return true;
}

/* ---- files ---- */

/* Neither the same path, nor a file where the other has a directory. */
static bool is_apart(struct text left, struct text right)
{
    struct text below_left = left, below_right = right;

    return !descend(&below_left, right) && !descend(&below_right, left);
}

static bool take_file(struct template *template, const struct file *shared, struct fault *fault)
{
    for (size_t i = 0; i < template->file_count; i++) {
        const struct file *file = &template->files[i];
        if (file->path.at == shared->path.at)
            return fault_set(fault, FAULT_internal, "'files/%.*s': is named twice",
                             TEXT_ARGS(shared->path));
        if (!is_apart(file->path, shared->path))
            return fault_set(fault, FAULT_internal,
                             "'files/%.*s': the template has its own 'files/%.*s'",
                             TEXT_ARGS(shared->path), TEXT_ARGS(file->path));
    }
    return template_add_file(template, *shared, fault) ||
           fault_while(fault, "'files/%.*s'", TEXT_ARGS(shared->path));
}

static bool take_files(struct template *template, const struct template *shared,
                       struct text directory, size_t *taken, struct fault *fault)
{
    for (size_t i = 0; i < shared->file_count; i++) {
        struct text path = shared->files[i].path;
        if (!descend(&path, directory))
            continue;
        if (!take_file(template, &shared->files[i], fault))
            return false;
        ++*taken;
    }
    return true;
}

/* ---- features ---- */

static bool take_snippet(struct template *template, enum feature feature,
                         const struct snippet *shared, struct fault *fault)
{
    const struct template_feature *can = &template->can[feature];
    const char *wrong = NULL;

    for (size_t i = 0; i < can->snippet_count && !wrong; i++)
        if (can->snippets[i].slot.at == shared->slot.at)
            wrong = "is named twice";
        else if (text_equals(can->snippets[i].slot, shared->slot))
            wrong = "the template has its own";
    if (wrong)
        fault_set(fault, FAULT_internal, "%s", wrong);
    return (!wrong && template_add_snippet(template, feature, *shared, fault)) ||
           fault_while(fault, "'features/%s/%.*s'", feature_directory(feature),
                       TEXT_ARGS(shared->slot));
}

static bool take_feature(struct template *template, const struct template *shared,
                         enum feature feature, struct text slot, size_t *taken,
                         struct fault *fault)
{
    const struct template_feature *can = &shared->can[feature];

    for (size_t i = 0; i < can->snippet_count; i++) {
        if (slot.size > 0 && !text_equals(slot, can->snippets[i].slot))
            continue;
        if (!take_snippet(template, feature, &can->snippets[i], fault))
            return false;
        ++*taken;
    }
    return true;
}

static bool take_features(struct template *template, const struct template *shared,
                          struct text path, size_t *taken, struct fault *fault)
{
    for (int i = 0; i < FEATURES; i++) {
        struct text slot = path;
        bool is_meant = path.size == 0 ||
                        descend(&slot, text_from(feature_directory((enum feature)i)));
        if (is_meant && !take_feature(template, shared, (enum feature)i, slot, taken, fault))
            return false;
    }
    return true;
}

/* ---- what template.json names ---- */

static bool take(struct template *template, const struct template *shared, struct text name,
                 struct fault *fault)
{
    struct text rest = name;
    size_t taken = 0;

    if (!text_is_file_path(name))
        return fault_set(fault, FAULT_internal, "'%.*s': is no path", TEXT_ARGS(name));
    if (descend(&rest, TEXT_OF("files"))) {
        if (!take_files(template, shared, rest, &taken, fault))
            return false;
    } else if (descend(&rest, TEXT_OF("features"))) {
        if (!take_features(template, shared, rest, &taken, fault))
            return false;
    }
    return taken > 0 ||
           fault_set(fault, FAULT_internal, "'%.*s': there is no such file", TEXT_ARGS(name));
}

/* The order in which a walk finds files: directory by directory, by name; '/' ends a name. */
static int in_walk_order(const void *left_, const void *right_)
{
    struct text left = ((const struct file *)left_)->path;
    struct text right = ((const struct file *)right_)->path;

    for (size_t i = 0; i < left.size && i < right.size; i++)
        if (left.at[i] != right.at[i]) {
            int left_octet = left.at[i] == '/' ? 0 : (unsigned char)left.at[i];
            int right_octet = right.at[i] == '/' ? 0 : (unsigned char)right.at[i];
            return left_octet - right_octet;
        }
    return left.size < right.size ? -1 : left.size > right.size;
}

static int by_slot(const void *left, const void *right)
{
    return strcmp(((const struct snippet *)left)->slot.at,
                  ((const struct snippet *)right)->slot.at);
}

bool template_take_shared(const struct library *library, struct template *template,
                          struct fault *fault)
{
    for (uint32_t i = 0; i < template->shared.count; i++)
        if (!take(template, library->shared, template->shared.at[i], fault))
            return fault_while(fault, "'template.json': shared");
    if (template->file_count > 0)
        qsort(template->files, template->file_count, sizeof *template->files, in_walk_order);
    for (int i = 0; i < FEATURES; i++)
        if (template->can[i].snippet_count > 0)
            qsort(template->can[i].snippets, template->can[i].snippet_count,
                  sizeof *template->can[i].snippets, by_slot);
    return true;
}
