/* protocol.h - what isekai-init and isekai-guest say to each other through gVisor's wall.
 *
 * Over one stream socket, which is all that runsc takes into its sandbox beside the two ends of the
 * log: isekai-guest has it as descriptor 0. First comes a guest_start with its texts behind it, then
 * one octet per wish to end the app; back comes one guest_end. The end of the stream ends the guest.
 * isekai-init believes nothing of it: who holds the guest can only lie about how the app ended.
 * Units: octets, mebibytes where the name says so.
 */
#ifndef ISEKAI_SANDBOX_GUEST_PROTOCOL_H
#define ISEKAI_SANDBOX_GUEST_PROTOCOL_H

#include <stdint.h>

#include "actors/sandbox/init/protocol.h"

enum {
    GUEST_FD = 0,
    GUEST_FILTER_OCTETS_MAX = 4096 * 8,         /* BPF_MAXINSNS */
    GUEST_ENVIRONMENT_MAX = 64 + INIT_SECRETS_MAX,
    GUEST_ARGUMENTS_MAX = 64,
    GUEST_TEXTS_OCTETS_MAX = INIT_SECRETS_OCTETS + 32768,
};

struct guest_start {
    uint32_t filter_octets;         /* the seccomp program of the app, which comes first */
    uint32_t environment, arguments;        /* how many texts, each with its NUL */
    uint32_t texts_octets;
    uint64_t open_files, file_mb, processes;
};

struct guest_end { int32_t status; };       /* of wait(2) */

#endif
