/* diff.c - a unified diff of two sets of files; see diff.h. */
#include "actors/apps/diff.h"

#include <inttypes.h>

#include "actors/apps/edits.h"
#include "actors/apps/files.h"

enum { SCRATCH_OCTETS_MAX = 33554432 };     /* the lines of two files of the largest size */

static const struct text cut = {"... cut\n", 8}, unended = {"\n\\ No newline at end of file\n", 29};

struct printer {
    char *at;
    size_t size;
    bool is_cut;
    uint64_t steps_left;
};

/* ---- lines of the diff ---- */

static void put(struct printer *self, struct text text)
{
    memcpy(self->at + self->size, text.at, text.size);
    self->size += text.size;
}

/* All of a line or nothing, and behind nothing only the mark, for which there always is room. */
static void put_line(struct printer *self, struct text first, struct text rest, struct text end)
{
    size_t size = first.size + rest.size + end.size;

    if (self->is_cut)
        return;
    self->is_cut = size > DIFF_OCTETS_MAX - cut.size - self->size;
    if (self->is_cut) {
        put(self, cut);
        return;
    }
    put(self, first);
    put(self, rest);
    put(self, end);
}

static void put_name(struct printer *self, const char *mark, const char *side,
                     const struct file *file)
{
    char first[8];
    bool has_space = file && memchr(file->path.at, ' ', file->path.size);

    (void) snprintf(first, sizeof first, "%s %s", mark, file ? side : "");
    put_line(self, text_from(first), file ? file->path : TEXT_OF("/dev/null"),
             has_space ? TEXT_OF("\t\n") : TEXT_OF("\n"));
}

static void put_source_line(struct printer *self, const char *sign, struct text line)
{
    bool is_ended = line.at[line.size - 1] == '\n';

    put_line(self, text_from(sign), line, is_ended ? TEXT_OF("") : unended);
}

/* ---- hunks ---- */

struct hunk { uint32_t before, before_end, after, after_end; };

static void pass_same(const struct side *before, const struct side *after, uint32_t *i, uint32_t *j)
{
    while (*i < before->count && *j < after->count && !before->is_edited[*i] &&
           !after->is_edited[*j])
        (*i)++, (*j)++;
}

static void pass_edited(const struct side *before, const struct side *after, uint32_t *i,
                        uint32_t *j)
{
    while (before->is_edited[*i])
        (*i)++;
    while (after->is_edited[*j])
        (*j)++;
}

static uint32_t at_most(uint32_t number, uint32_t max)
{
    return number < max ? number : max;
}

/* The next one behind *hunk, with its context; false when none is left. */
static bool next_hunk(const struct side *before, const struct side *after, struct hunk *hunk)
{
    uint32_t i = hunk->before_end, j = hunk->after_end, same;

    pass_same(before, after, &i, &j);
    if (i == before->count && j == after->count)
        return false;
    same = at_most(i - hunk->before_end, DIFF_CONTEXT_LINES);
    hunk->before = i - same;
    hunk->after = j - same;
    do {
        pass_edited(before, after, &i, &j);
        hunk->before_end = i;
        hunk->after_end = j;
        pass_same(before, after, &i, &j);
        same = i - hunk->before_end;
    } while (same <= 2 * DIFF_CONTEXT_LINES && (i < before->count || j < after->count));
    hunk->before_end += at_most(same, DIFF_CONTEXT_LINES);
    hunk->after_end += at_most(same, DIFF_CONTEXT_LINES);
    return true;
}

static void put_range(struct printer *self, const struct hunk *hunk)
{
    char line[80];
    uint32_t before = hunk->before_end - hunk->before, after = hunk->after_end - hunk->after;

    /* A range without lines names the line in front of it. */
    (void) snprintf(line, sizeof line, "@@ -%" PRIu32 ",%" PRIu32 " +%" PRIu32 ",%" PRIu32 " @@\n",
                    hunk->before + (before > 0), before, hunk->after + (after > 0), after);
    put_line(self, text_from(line), TEXT_OF(""), TEXT_OF(""));
}

static void put_hunk(struct printer *self, const struct side *before, const struct side *after,
                     const struct hunk *hunk)
{
    uint32_t i = hunk->before, j = hunk->after;

    put_range(self, hunk);
    while ((i < hunk->before_end || j < hunk->after_end) && !self->is_cut) {
        while (before->is_edited[i] && !self->is_cut)
            put_source_line(self, "-", side_line(before, i++));
        while (after->is_edited[j] && !self->is_cut)
            put_source_line(self, "+", side_line(after, j++));
        for (; i < hunk->before_end && !before->is_edited[i] && !after->is_edited[j]; j++)
            put_source_line(self, " ", side_line(before, i++));
    }
}

/* ---- files ---- */

static struct text content_of(const struct file *file)
{
    return file ? file->content : TEXT_OF("");
}

static bool put_file(struct printer *self, const struct file *old, const struct file *new,
                     struct arena *scratch, struct fault *fault)
{
    struct side before, after;
    struct hunk hunk = {0};

    if (!side_split(&before, content_of(old), scratch, fault) ||
        !side_split(&after, content_of(new), scratch, fault) ||
        !edits_find(&before, &after, &self->steps_left, scratch, fault))
        return false;
    put_name(self, "---", "a/", old);
    put_name(self, "+++", "b/", new);
    while (!self->is_cut && next_hunk(&before, &after, &hunk))
        put_hunk(self, &before, &after, &hunk);
    return true;
}

static bool compare(struct printer *self, const struct file *old, const struct file *new,
                    struct fault *fault)
{
    if (self->is_cut || (old && new && text_equals(old->content, new->content)))
        return true;
    struct arena *scratch = arena_new(SCRATCH_OCTETS_MAX);
    bool done = scratch ? put_file(self, old, new, scratch, fault)
                        : fault_set(fault, FAULT_internal, "no memory to compare files");
    arena_free(scratch);
    return done;
}

bool diff_files(struct files before, struct files after, struct arena *arena, struct text *out,
                struct fault *fault)
{
    struct printer printer = {.at = arena_take(arena, DIFF_OCTETS_MAX),
                              .steps_left = DIFF_STEPS_MAX};

    *out = (struct text){0};
    if (!printer.at)
        return fault_set(fault, FAULT_internal, "no memory for a diff");
    for (uint32_t i = 0; i < after.count; i++)
        if (!compare(&printer, files_find(before, after.at[i].path), &after.at[i], fault))
            return false;
    for (uint32_t i = 0; i < before.count; i++)
        if (!files_find(after, before.at[i].path) &&
            !compare(&printer, &before.at[i], NULL, fault))
            return false;
    if (printer.size > 0)
        *out = (struct text){printer.at, printer.size};
    return true;
}
