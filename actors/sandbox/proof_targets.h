/* proof_targets.h - what isekai-proof is let loose on: things of ours that a cage must not reach.
 *
 * A file of another app that its uid may read, listeners on loopback and on an address of this
 * host, an abstract socket, and a canary: a process of the same uid that does nothing and dies of
 * any signal.
 *
 * Owns:     its descriptors, the canary and the files below <data>/runtime/proof;
 *           proof_targets_drop() gives them back.
 * Fails as: internal, disk_full.
 */
#ifndef ISEKAI_SANDBOX_PROOF_TARGETS_H
#define ISEKAI_SANDBOX_PROOF_TARGETS_H

#include <netinet/in.h>

#include "actors/sandbox/proof.h"

enum { REACHED_PLACES = 2, ABSTRACT_SIZE = 64 };   /* loopback, the host's address */

struct proof_targets {
    char app[PATH_MAX], data[PATH_MAX], other[PATH_MAX];    /* on the host */
    int runtime, root;                  /* <data>/runtime and proof/ in it */
    int tcp[REACHED_PLACES], udp[REACHED_PLACES];           /* -1: no such address */
    char address[INET_ADDRSTRLEN];
    uint16_t tcp_port, udp_port;
    int abstract;
    char abstract_name[ABSTRACT_SIZE];
    pid_t canary;
    int canary_pidfd;
};

bool proof_targets_make(struct proof_targets *out, const struct proof_place *place,
                        struct fault *fault);
void proof_targets_drop(struct proof_targets *self);    /* of a failed one too */
/* Let cpu begin. */
void proof_targets_go(const struct proof_targets *self);
/* What was reached is broke, whatever the cage said. */
void proof_targets_look(const struct proof_targets *self, struct proof *proof);

#endif
