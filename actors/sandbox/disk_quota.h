/* disk_quota.h - a hard end to what an app writes, where the file system has one to give.
 *
 * As root each app has a uid of its own, so that a quota of users holds for it: ext4 mounted with
 * usrquota, XFS with uquota. The watch (disk_watch.h) ends an app at its limit, and says so; this is
 * the wall behind it, for what would be written until the watch has noticed: the shares that a uid
 * was given, of its runs and installs, and a little more for the copies that are made of its files.
 * Who is given no share has no limit: nobody runs as that uid.
 *
 * Of users and not of projects, because an owner stays with a file: a project is a mark on each
 * directory and file, across which nothing can be renamed, and which links and sockets cannot get.
 *
 * Only CAP_SYS_ADMIN may set limits. The sandbox gives it up; a child of it, the keeper, has kept it
 * and nothing else: it sets limits of the apps' uids on this one file system, and makes no other
 * system call.
 *
 * Owns:     a disk_quota owns the keeper, which ends with it or with the process.
 * Units:    octets; an entry is a file, a directory, a link, a socket.
 * Fails as: internal.
 * Threads:  disk_quota_new() forks, so it comes before there are any; the rest may be called by all.
 */
#ifndef ISEKAI_SANDBOX_DISK_QUOTA_H
#define ISEKAI_SANDBOX_DISK_QUOTA_H

#include <sys/types.h>

#include "schemas/fault.h"

enum { DISK_QUOTA_MORE_MB = 96, DISK_QUOTA_MORE_ENTRIES = 12000 };

struct disk_quota;

struct disk_share { uid_t uid; uint64_t octets, entries; };     /* uid 0: none */

/* For the file system that `directory` is on and the uids from `first` on; what an earlier life has
 * limited there is free again. NULL, without a fault, where no quotas of users are enforced or we may
 * not set them. */
struct disk_quota *disk_quota_new(const char *directory, uid_t first, uid_t count);
void disk_quota_free(struct disk_quota *self);      /* NULL is welcome */

/* Whether an open directory is on that file system. */
bool disk_quota_is_of(const struct disk_quota *self, int directory);

/* Give the share's uid so much more; on false it has what it had, and *share is empty. Without
 * quotas (NULL) nothing is given. */
bool disk_quota_give(struct disk_quota *self, struct disk_share *share, struct fault *fault);
/* And take it back: *share is empty. */
void disk_quota_take_back(struct disk_quota *self, struct disk_share *share);

#endif
