/* proof.c - isekai-proof: run in place of an app, it tries what an app must not be able to do.
 *
 * It is built as isekai-init is and believed as little as any other program of a cage: what can
 * be seen from outside (connections, datagrams, signals, CPU) the sandbox looks at itself.
 * Nothing it tries does harm where a cage does not hold: it reads, connects and counts, and the
 * one signal it sends to everybody is one that nobody minds (SIGURG).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actors/sandbox/proof/probes.h"

enum { EXIT_MISUSED = 64 };

static const struct row {
    const char *name;
    enum proof_cage cage;
    bool (*probe)(const struct targets *targets, char detail[DETAIL_SIZE]);
} rows[] = {
#define PROBE(name, cage, level, doc) {#name, PROOF_CAGE_##cage, probe_##name},
#include "actors/sandbox/proof.def"
};

const char *target(const struct targets *targets, enum proof_word which)
{
    return targets->words[which];
}

unsigned long target_number(const struct targets *targets, enum proof_word which)
{
    return strtoul(targets->words[which], NULL, 10);
}

bool broke(char detail[DETAIL_SIZE], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void) vsnprintf(detail, DETAIL_SIZE, format, args);
    va_end(args);
    return false;
}

static void run(const struct row *row, const struct targets *targets)
{
    char detail[DETAIL_SIZE] = "";

    if (row->probe(targets, detail))
        (void) dprintf(STDOUT_FILENO, "held %s\n", row->name);
    else
        (void) dprintf(STDOUT_FILENO, "broke %s %s\n", row->name, detail);
}

int main(int argc, char **argv)
{
    struct targets targets = {.words = argv};

    if (argc != PROOF_WORDS || access("/isekai/init", F_OK) < 0) {
        (void) dprintf(STDERR_FILENO, "isekai-proof tries what it must not: only a sandbox runs it\n");
        return EXIT_MISUSED;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].cage == target_number(&targets, PROOF_WORD_CAGE))
            run(&rows[i], &targets);
    return EXIT_SUCCESS;
}
