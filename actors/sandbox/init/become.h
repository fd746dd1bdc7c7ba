/* become.h - the child of process 1 becomes the app, or the runtime that the app is a guest of.
 *
 * It lowers its limits, lets the kernel take it first when memory runs out, closes Landlock's fence and
 * the seccomp filter around itself, reads the secrets, which process 1 never has, and executes. None of
 * process 1's descriptors goes along.
 *
 * Fails as: a line in the app's log, the only place where it can be told, and the end of the process.
 * Threads:  the one of a child that was just forked.
 */
#ifndef ISEKAI_SANDBOX_INIT_BECOME_H
#define ISEKAI_SANDBOX_INIT_BECOME_H

#include <stdbool.h>

#include "actors/sandbox/init/guest.h"
#include "actors/sandbox/init/protocol.h"

/* `filter_socket`: the listener of the filter is handed to process 1 over it. */
void become_app(int filter_socket, char **argv) __attribute__((noreturn));
void become_runtime(const struct guest *guest, char **argv) __attribute__((noreturn));

/* ---- what process 1 itself uses too ---- */

unsigned long init_argument(char **argv, enum init_argument which);
bool init_is_warm(char **argv);
void init_fail(const char *step) __attribute__((noreturn));

#endif
