/* verdict.h - why a run ended, from what was seen of it.
 *
 * Pure: the same facts give the same verdict. An end that was asked for keeps its reason; else
 * its disk and its memory come first, for a process killed for them also shows a signal.
 */
#ifndef ISEKAI_SANDBOX_VERDICT_H
#define ISEKAI_SANDBOX_VERDICT_H

#include "actors/sandbox/disk_measure.h"
#include "actors/sandbox/hits.h"
#include "actors/sandbox/limits.h"

enum { VERDICT_TEXT_SIZE = 160 };

struct end_facts {
    enum end_reason asked;      /* stopped, evicted, wall, start_failed; absent: by itself */
    bool began;                 /* isekai-init was running */
    bool answered;              /* it had answered HTTP */
    bool exited;                /* isekai-init told how: */
    int status;                 /* as of wait(2) */
    uint64_t oom_kills, memory_peak_bytes;
    const struct disk_usage *disk;  /* it was ended for what it held there; NULL: it was not */
    uint16_t port;
    const struct limits *limits;
};

struct verdict {
    struct run_end end;         /* reason, signal, exit_code */
    enum app_status status;     /* what the app is after it */
    char text[VERDICT_TEXT_SIZE];   /* "exited with code 1"; "" when it was asked for */
    bool is_our_failure;        /* the cage itself could not be built */
    struct hits hits;
};

void verdict_of(const struct end_facts *facts, struct verdict *out);

#endif
