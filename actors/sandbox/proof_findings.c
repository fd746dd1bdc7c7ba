/* proof_findings.c - what was found, row by row, and the level that follows; see proof.h. */
#include "actors/sandbox/proof.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *name; enum sandbox_level level; } rows[PROOF_ROWS] = {
#define PROBE(name, cage, level, doc) [PROOF_##name] = {#name, sandbox_level_##level},
#include "actors/sandbox/proof.def"
};

const char *proof_name(enum proof_row row)
{
    return rows[row].name;
}

enum sandbox_level proof_level_of(enum proof_row row)
{
    return rows[row].level;
}

static bool begins(const char *line, size_t size, const char *word)
{
    return size >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

static bool is_name(const char *at, size_t size, enum proof_row row)
{
    return strlen(rows[row].name) == size && memcmp(at, rows[row].name, size) == 0;
}

/* Printable ASCII alone: it goes into logs and messages. */
static void take_detail(struct finding *finding, const char *at, size_t size)
{
    size_t kept = 0;

    for (size_t i = 0; i < size && kept < sizeof finding->detail - 1; i++)
        finding->detail[kept++] = at[i] >= ' ' && at[i] < 127 && at[i] != '"' ? at[i] : '?';
    finding->detail[kept] = '\0';
}

bool proof_take_line(struct proof *self, const char *line, size_t size)
{
    bool held = begins(line, size, "held "), broke = begins(line, size, "broke ");
    size_t at = held ? 5 : 6;
    const char *space = held || broke ? memchr(line + at, ' ', size - at) : NULL;
    size_t end = space ? (size_t)(space - line) : size;

    if ((!held && !broke) || (held && space))
        return false;
    for (int row = 0; row < PROOF_ROWS; row++) {
        struct finding *finding = &self->findings[row];
        if (!is_name(line + at, end - at, (enum proof_row)row))
            continue;
        if (finding->outcome != proof_outcome_unknown)
            return false;
        finding->outcome = held ? proof_outcome_held : proof_outcome_broke;
        if (space)
            take_detail(finding, space + 1, size - end - 1);
        return true;
    }
    return false;
}

void proof_judge(struct proof *self)
{
    self->level = sandbox_level_limits;
    for (int row = 0; row < PROOF_ROWS; row++)
        if (self->findings[row].outcome != proof_outcome_held && rows[row].level <= self->level)
            self->level = (enum sandbox_level)(rows[row].level - 1);
}
