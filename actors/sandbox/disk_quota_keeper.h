/* disk_quota_keeper.h - the process that may set quotas, and does nothing else; see disk_quota.h.
 *
 * Borrows:  the descriptors, which are the new process's own copies.
 */
#ifndef ISEKAI_SANDBOX_DISK_QUOTA_KEEPER_H
#define ISEKAI_SANDBOX_DISK_QUOTA_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Over the socket, one at a time; the answer is an int32_t, an errno or 0. */
struct keeper_order {
    uint32_t uid;
    uint64_t octets, entries;       /* 0: no limit */
};

/* Whether quotas of users are enforced where the directory is. */
bool keeper_is_enforced(int directory);

/* Serve until the other end is closed. */
__attribute__((noreturn)) void keeper_run(int socket, int directory, uid_t first, uid_t count);

#endif
