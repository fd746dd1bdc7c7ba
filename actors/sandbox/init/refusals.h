/* refusals.h - the app's system calls that are refused by name: answered with EPERM, and counted.
 *
 * The filter sends them here by user notification; the caller waits in the kernel for the answer.
 * They cost the app its own time, for process 1 lives in its cgroup; one is answered per turn of
 * the loop, so that a flood does not keep the relay waiting.
 *
 * Owns:     the listener, until refusals_handle() finds that no process is left to refuse.
 * Source:   seccomp_unotify(2).
 * One thread.
 */
#ifndef ISEKAI_SANDBOX_INIT_REFUSALS_H
#define ISEKAI_SANDBOX_INIT_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

enum { REFUSALS_CALLS = 1024 };         /* numbers of system calls that are counted */

struct refusals {
    int listener;                       /* -1: none */
    uint32_t counts[REFUSALS_CALLS];
    uint32_t told[REFUSALS_CALLS];      /* as refusals_report() said last */
    bool changed;                       /* since then */
};

/* In the app's process: a filter in force, whose listener goes to process 1 over `pair`. False with
 * errno. */
struct sock_fprog;
bool refusals_install(const struct sock_fprog *program, int pair);

/* In process 1: the listener from the other end of the pair, -1 with errno. */
int refusals_receive(int pair);

/* Answer one call. False: no process with that filter is left, and the listener is closed. */
bool refusals_handle(struct refusals *self);

/* Calls `report` with each number whose count has changed, and its count. */
void refusals_report(struct refusals *self, void (*report)(uint32_t call, uint32_t count));

#endif
