/* secrets.h - the secrets of one start, and how they stay out of everything but the app.
 *
 * They come from the store, go to the app through a pipe that isekai-init's child reads (init/become.h),
 * or to the node of a warm cage with its entry (warm.c), and are looked for in what the app writes
 * (app_log.h). They are in no argument vector, in the environment of
 * no process but the app's, and in no file.
 *
 * Owns:     counted, because a run, its trial and the log share one set: whoever keeps one has taken
 *           it by secrets_hold() and gives it back by secrets_drop(). The last wipes it. NULL is an
 *           app without secrets, and welcome everywhere.
 * Units:    octets.
 * Fails as: internal (no memory, no pipe), malformed (more than the contract lets in).
 * Threads:  a set never changes, and its count is atomic.
 */
#ifndef ISEKAI_SANDBOX_SECRETS_H
#define ISEKAI_SANDBOX_SECRETS_H

#include <sys/uio.h>

#include "schemas/message.h"

enum {
    SECRET_HIDDEN_OCTETS_MIN = 8,       /* a shorter value is a word that anything may contain */
    SECRET_STEPS_MAX = 4 << 20,         /* octets compared for one line */
};

struct secrets;

/* A set of one holder, the caller; NULL when `rows` are none. The rows' values are wiped: they lie in
 * the memory of a call. */
bool secrets_new(struct reveal_reply *rows, struct secrets **out, struct fault *fault);
struct secrets *secrets_hold(struct secrets *self);
void secrets_drop(struct secrets **self);

/* The read end of a pipe that holds NAME=VALUE and a NUL for each, and then ends. */
bool secrets_pipe(const struct secrets *self, int *read_end, struct fault *fault);

/* The same for sendmsg(): SECRETS_MAX pieces at most; gives how many. They live as long as the set. */
size_t secrets_pieces(const struct secrets *self, struct iovec out[SECRETS_MAX]);

/* Is one among them that node or its libraries read when the process begins, before any script? */
bool secrets_are_for_boot(const struct secrets *self);

/* Copy what begins in the first `size` octets of `line` to `out`, with `[secret NAME]` in the place of
 * each value, and of each line of a value that has several, from SECRET_HIDDEN_OCTETS_MIN octets up.
 * Of `whole` octets all are looked at, so that a value is known that begins before `size` and ends
 * behind it. A line that takes more than SECRET_STEPS_MAX is withheld. Gives the octets written, at
 * most `capacity`; *steps says what it took. */
size_t secrets_hide(struct secrets *const *sets, size_t count, const char *line, size_t size,
                    size_t whole, char *out, size_t capacity, uint64_t *steps);

#endif
