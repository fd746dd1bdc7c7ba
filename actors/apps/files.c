/* files.c - merging sets of files; see files.h. */
#include "actors/apps/files.h"

#include <inttypes.h>

const struct file *files_find(struct files files, struct text path)
{
    for (uint32_t i = 0; i < files.count; i++)
        if (text_equals(files.at[i].path, path))
            return &files.at[i];
    return NULL;
}

/* `dir` is a directory that `path` lies in. */
static bool lies_in(struct text path, struct text dir)
{
    return path.size > dir.size && path.at[dir.size] == '/' &&
           memcmp(path.at, dir.at, dir.size) == 0;
}

static bool stays_apart(struct files files, struct fault *fault)
{
    for (uint32_t i = 0; i < files.count; i++)
        for (uint32_t j = 0; j < files.count; j++)
            if (lies_in(files.at[i].path, files.at[j].path))
                return fault_set(fault, FAULT_malformed,
                                 "a file would stand where another needs a directory");
    return true;
}

bool files_merge(struct files files, struct files changes, struct arena *arena, struct files *out,
                 bool *differs, struct fault *fault)
{
    struct file *merged = arena_take(arena, (files.count + changes.count + 1) * sizeof *merged);
    uint32_t count = 0;

    if (!merged)
        return fault_set(fault, FAULT_internal, "no memory to merge files");
    *differs = false;
    for (uint32_t i = 0; i < files.count; i++) {
        const struct file *change = files_find(changes, files.at[i].path);
        if (change && (change->removed || !text_equals(change->content, files.at[i].content)))
            *differs = true;
        if (!change || !change->removed)
            merged[count++] = change ? *change : files.at[i];
    }
    for (uint32_t i = 0; i < changes.count; i++)
        if (!changes.at[i].removed && !files_find(files, changes.at[i].path)) {
            merged[count++] = changes.at[i];
            *differs = true;
        }
    *out = (struct files){merged, count};
    if (count == 0)
        return fault_set(fault, FAULT_malformed, "the change would leave no file");
    if (count > FILES_MAX)
        return fault_set(fault, FAULT_too_large, "%" PRIu32 " files are more than %d", count,
                         FILES_MAX);
    return stays_apart(*out, fault);
}

bool files_fit(struct files files, uint64_t octets_max, struct fault *fault)
{
    uint64_t octets = 0;

    for (uint32_t i = 0; i < files.count; i++)
        octets += files.at[i].path.size + files.at[i].content.size;
    if (octets > octets_max)
        return fault_set(fault, FAULT_too_large,
                         "the files are %" PRIu64 " octets together, APP_BYTES_MAX is %" PRIu64,
                         octets, octets_max);
    return true;
}

static bool note(struct violation *row, struct arena *arena, struct text path, const char *what)
{
    *row = (struct violation){.path = arena_print(arena, "files[\"%.*s\"]", TEXT_ARGS(path)),
                              .location = TEXT_OF("body"),
                              .msg = text_from(what)};
    return row->path.at != NULL;
}

bool files_list_differences(struct files before, struct files after, struct arena *arena,
                            struct failure *out)
{
    struct violation *rows = arena_take(arena, VIOLATIONS_MAX * sizeof *rows);
    uint32_t count = 0;
    bool fits = rows != NULL;

    for (uint32_t i = 0; fits && i < after.count && count < VIOLATIONS_MAX; i++) {
        const struct file *old = files_find(before, after.at[i].path);
        if (!old || !text_equals(old->content, after.at[i].content))
            fits = note(&rows[count++], arena, after.at[i].path, old ? "changed" : "added");
    }
    for (uint32_t i = 0; fits && i < before.count && count < VIOLATIONS_MAX; i++)
        if (!files_find(after, before.at[i].path))
            fits = note(&rows[count++], arena, before.at[i].path, "removed");
    if (fits) {
        out->details.at = rows;
        out->details.count = count;
    }
    return fits;
}
