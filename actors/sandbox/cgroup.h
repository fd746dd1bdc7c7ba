/* cgroup.h - memory, CPU and process limits of cages, by whatever cgroups this host has.
 *
 * Version 2 where the controllers memory, cpu and pids can be had in a directory of ours;
 * else version 1 with its hierarchies memory, cpu and pids; else none, and rlimits must do. All
 * cages of one data directory are children of one directory, isekai-TAG, so that what an earlier
 * life left can be told from what others own.
 *
 * Owns:     struct cgroups owns descriptors of our directories, struct cage_group of one cage's;
 *           cgroups_close() and group_remove() give them back. A zeroed group is none.
 * Units:    octets, microseconds; cpu_percent 100 is one core.
 * Fails as: internal.
 * Threads:  struct cgroups is constant between opening and closing; a cage_group is one thread's.
 */
#ifndef ISEKAI_SANDBOX_CGROUP_H
#define ISEKAI_SANDBOX_CGROUP_H

#include <stdint.h>

#include "schemas/fault.h"

enum cgroup_kind { CGROUP_NONE, CGROUP_V1, CGROUP_V2 };

/* The places where files of a cage lie: four hierarchies in version 1, the first alone in 2. */
enum cgroup_place { PLACE_PIDS, PLACE_MEMORY, PLACE_CPU, PLACE_CPUACCT, PLACES };

enum { GROUP_NAME_SIZE = 64 };

struct cgroups {
    enum cgroup_kind kind;
    int dirs[PLACES];           /* of isekai-TAG; -1: not there */
    char why_not[120];          /* kind CGROUP_NONE: in words */
};

/* Where to look; tests bring their own trees. */
struct cgroup_host {
    const char *mountinfo;      /* /proc/self/mountinfo */
    const char *own;            /* /proc/self/cgroup */
    const char *prefix;         /* put before every mount point; "" on a real host */
};
extern const struct cgroup_host cgroup_this_host;

/* Never fails: what cannot be had makes kind CGROUP_NONE. */
void cgroups_open(struct cgroups *out, const struct cgroup_host *host, const char *tag);
void cgroups_close(struct cgroups *self);
/* Kill and remove every cage below isekai-TAG. For the start, before there are any. */
bool cgroups_sweep(struct cgroups *self, int64_t deadline_ms, struct fault *fault);
/* Remove isekai-TAG itself, when it is empty. */
void cgroups_remove(struct cgroups *self);

struct group_limits { uint64_t memory_bytes, cpu_percent, pids; };

struct cage_group {
    const struct cgroups *of;   /* NULL: none */
    char name[GROUP_NAME_SIZE];
    int dirs[PLACES];
};

struct group_usage {
    uint64_t memory_bytes, memory_peak_bytes, cpu_us;
    uint64_t oom_kills, throttled_count, throttled_us, pids_refused;
    bool has_cpu;
};

bool group_make(const struct cgroups *of, const char *name, const struct group_limits *limits,
                struct cage_group *out, struct fault *fault);
bool group_set_cpu(struct cage_group *self, uint64_t cpu_percent, struct fault *fault);
void group_read_usage(const struct cage_group *self, struct group_usage *out);

/* Descriptors into which a process writes "0" to join (version 1), or of the directory for
 * clone3 (version 2, one). The caller closes them. */
bool group_doors(const struct cage_group *self, int out[PLACES], size_t *count,
                 struct fault *fault);

/* Send SIGKILL to all in it; true when there is nobody left. */
bool group_kill(const struct cage_group *self);
bool group_is_empty(const struct cage_group *self);
/* False while the kernel still holds it; try again later. */
bool group_remove(struct cage_group *self);

#endif
