/* edits.c - the shortest way from one text to another; see edits.h. */
#include "actors/apps/edits.h"

enum { OCTETS_PER_STEP = 32 };

/* ---- lines ---- */

static uint32_t count_lines(struct text text)
{
    uint32_t count = 0;

    for (const char *at = text.at, *end = text.at + text.size; at < end; count++) {
        const char *found = memchr(at, '\n', (size_t)(end - at));
        at = found ? found + 1 : end;
    }
    return count;
}

bool side_split(struct side *self, struct text text, struct arena *arena, struct fault *fault)
{
    uint32_t line = 0;

    self->text = text;
    self->count = count_lines(text);
    self->starts = arena_take(arena, (self->count + 1ul) * sizeof *self->starts);
    self->is_edited = arena_take(arena, self->count + 1ul);
    if (!self->starts || !self->is_edited)
        return fault_set(fault, FAULT_internal, "no memory to compare files");
    for (uint32_t i = 0; i < text.size; i++)
        if (text.at[i] == '\n' && i + 1 < text.size)
            self->starts[++line] = i + 1;
    self->starts[self->count] = (uint32_t)text.size;
    return true;
}

struct text side_line(const struct side *self, uint32_t index)
{
    uint32_t start = self->starts[index];

    return (struct text){self->text.at + start, self->starts[index + 1] - start};
}

/* ---- the search ---- */

/* What lies between the common beginning and end: `width` old lines, `height` new ones. A place
 * is x old and y new lines in; its diagonal is x - y. */
struct search {
    struct side *before, *after;
    uint32_t begin;
    int32_t width, height;
    int32_t *trace;             /* the furthest x after d edits, on d + 1 diagonals */
    uint64_t *steps_left;
};

static int32_t *furthest(const struct search *self, int32_t edits, int32_t diagonal)
{
    return &self->trace[edits * (edits + 1) / 2 + (diagonal + edits) / 2];
}

static bool is_same(const struct search *self, int32_t x, int32_t y)
{
    struct text old = side_line(self->before, self->begin + (uint32_t)x);
    struct text new = side_line(self->after, self->begin + (uint32_t)y);
    uint64_t steps = 1 + (old.size == new.size ? old.size / OCTETS_PER_STEP : 0);

    *self->steps_left -= steps < *self->steps_left ? steps : *self->steps_left;
    return text_equals(old, new);
}

/* Does the last of so many edits to this diagonal take a new line, or drop an old one? */
static bool takes_new(const struct search *self, int32_t edits, int32_t diagonal)
{
    return diagonal == -edits ||
           (diagonal != edits && *furthest(self, edits - 1, diagonal - 1) <
                                     *furthest(self, edits - 1, diagonal + 1));
}

static int32_t begin_of(const struct search *self, int32_t edits, int32_t diagonal)
{
    if (edits == 0)
        return 0;
    return takes_new(self, edits, diagonal) ? *furthest(self, edits - 1, diagonal + 1)
                                            : *furthest(self, edits - 1, diagonal - 1) + 1;
}

static bool reach(const struct search *self, int32_t edits, int32_t diagonal)
{
    int32_t x = begin_of(self, edits, diagonal);

    while (x < self->width && x - diagonal < self->height && is_same(self, x, x - diagonal))
        x++;
    *furthest(self, edits, diagonal) = x;
    return x >= self->width && x - diagonal >= self->height;
}

/* The least number of edits that reaches the end; -1: more than there is time or memory for. */
static int32_t count_edits(const struct search *self, int32_t edits_max)
{
    for (int32_t edits = 0; edits <= edits_max; edits++)
        for (int32_t diagonal = -edits; diagonal <= edits; diagonal += 2) {
            if (reach(self, edits, diagonal))
                return edits;
            if (*self->steps_left == 0)
                return -1;
        }
    return -1;
}

/* From the end back to the beginning, an edit at a time. */
static void mark_way(const struct search *self, int32_t edits)
{
    int32_t diagonal = self->width - self->height;

    for (; edits > 0; edits--) {
        bool is_new = takes_new(self, edits, diagonal);
        diagonal += is_new ? 1 : -1;
        int32_t x = *furthest(self, edits - 1, diagonal);
        if (is_new)
            self->after->is_edited[self->begin + (uint32_t)(x - diagonal)] = true;
        else
            self->before->is_edited[self->begin + (uint32_t)x] = true;
    }
}

static void mark_all(const struct search *self)
{
    memset(self->before->is_edited + self->begin, true, (size_t)self->width);
    memset(self->after->is_edited + self->begin, true, (size_t)self->height);
}

static bool same_at(const struct side *before, uint32_t i, const struct side *after, uint32_t j)
{
    return text_equals(side_line(before, i), side_line(after, j));
}

static struct search search_between(struct side *before, struct side *after, uint64_t *steps_left)
{
    uint32_t least = before->count < after->count ? before->count : after->count;
    uint32_t begin = 0, end = 0;

    while (begin < least && same_at(before, begin, after, begin))
        begin++;
    while (end < least - begin &&
           same_at(before, before->count - 1 - end, after, after->count - 1 - end))
        end++;
    return (struct search){.before = before, .after = after, .begin = begin,
                           .width = (int32_t)(before->count - begin - end),
                           .height = (int32_t)(after->count - begin - end),
                           .steps_left = steps_left};
}

bool edits_find(struct side *before, struct side *after, uint64_t *steps_left, struct arena *arena,
                struct fault *fault)
{
    struct search search = search_between(before, after, steps_left);
    int32_t edits_max = search.width + search.height;

    if (search.width == 0 || search.height == 0 || *steps_left == 0) {
        mark_all(&search);
        return true;
    }
    if (edits_max > EDITS_MAX)
        edits_max = EDITS_MAX;
    search.trace = arena_take(arena, (size_t)(edits_max + 1) * (size_t)(edits_max + 2) / 2 *
                                         sizeof *search.trace);
    if (!search.trace)
        return fault_set(fault, FAULT_internal, "no memory to compare files");
    int32_t edits = count_edits(&search, edits_max);
    if (edits < 0)
        mark_all(&search);
    else
        mark_way(&search, edits);
    return true;
}
