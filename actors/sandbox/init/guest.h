/* guest.h - the app as a guest of runsc: isekai-init's end of the socket to isekai-guest.
 *
 * Owns:     its end of the socket, until isekai-guest's is closed.
 * Source:   guest/protocol.h.
 * One thread.
 */
#ifndef ISEKAI_SANDBOX_INIT_GUEST_H
#define ISEKAI_SANDBOX_INIT_GUEST_H

#include <stdbool.h>

#include "actors/sandbox/guest/protocol.h"

struct guest {
    int ends[2];                    /* ours, isekai-guest's; -1: none */
    struct guest_end end;
    bool has_ended;                 /* `end` came */
};

bool guest_open(struct guest *self);        /* before the fork; false with errno */

/* In the child: tell all, which fits into the socket, and make the other end descriptor 0. False with
 * errno. `texts` of environment and arguments, as start says. */
bool guest_tell(const struct guest *self, struct guest_start *start, const void *filter,
                char *const *environment, char *const *arguments);

/* In process 1. */
void guest_forked(struct guest *self);      /* the other end is the child's */
void guest_stop(const struct guest *self);
void guest_handle(struct guest *self);
/* What became of the app: as isekai-guest said, else as it follows from how runsc ended. */
int  guest_status(struct guest *self, int status);

#endif
