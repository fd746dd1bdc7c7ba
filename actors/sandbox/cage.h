/* cage.h - one bubblewrap cage: what is in it, and starting it.
 *
 * Owns:     struct cage_process owns its descriptors; cage_process_drop() closes them, and with
 *           the lifeline's end process 1 and everything in the cage ends.
 * Borrows:  the spec and its descriptors, during the call.
 * Fails as: internal (no memory, no process, no descriptor). What goes wrong in the new process
 *           before isekai-init reports INIT_BEGAN is written to its standard error.
 * Threads:  PR_SET_PDEATHSIG fires when the THREAD that started a process ends: call
 *           from one that lives as long as the process.
 */
#ifndef ISEKAI_SANDBOX_CAGE_H
#define ISEKAI_SANDBOX_CAGE_H

#include <sys/types.h>

#include "actors/sandbox/cage_host.h"
#include "actors/sandbox/cgroup.h"
#include "actors/sandbox/entry.h"
#include "actors/sandbox/limits.h"
#include "actors/sandbox/secrets.h"

enum {
    CAGE_UID = 1000,                    /* what the app sees itself as */
    CAGE_TMP_OCTETS = 64 << 20,         /* /tmp; it counts as the app's memory */
    CAGE_SHM_OCTETS = 16 << 20,         /* /dev/shm */
    RUNTIME_STATE_OCTETS = 4 << 20,     /* /run, where the runtime keeps something there */
    CAGE_ARGUMENTS_MAX = 192,
    CAGE_TEXT_OCTETS = 32768,
};

/* Something of the host that this cage alone sees besides, read-only. */
struct cage_mount { const char *from, *to; };

struct cage_spec {
    const struct cage_host *host;
    const char *app_path, *data_path;   /* on the host; /app and /data in the cage */
    const char *egress_path;            /* its socket out; NULL: none */
    const struct cage_mount *mounts;
    size_t mount_count;
    const struct entry *entry;          /* NULL: a warm cage, which is told later; its port is 0,
                                         * and `listener` what it is told over */
    const char *const *program;         /* NULL: node and the entry; else this with its words */
    const struct limits *limits;
    uint16_t port;
    uid_t uid;                          /* 0: stay who we are */
    int listener, filter;
    const struct cage_group *group;
    const struct secrets *secrets;      /* NULL: none */
};

/* An argument vector in one piece of memory. */
struct cage_arguments {
    const char *at[CAGE_ARGUMENTS_MAX];
    size_t count, used;
    bool is_full;
    char texts[CAGE_TEXT_OCTETS];
};

struct cage_process {
    pid_t pid;
    int pidfd;                          /* of bwrap, which ends when the cage is gone */
    int control;                        /* init/protocol.h */
    int log[2];                         /* standard output and error, to read */
    int lifeline;
};

bool cage_arguments(const struct cage_spec *spec, struct cage_arguments *out, struct fault *fault);
bool cage_start(const struct cage_spec *spec, struct cage_process *out, struct fault *fault);
void cage_process_drop(struct cage_process *self);

/* Kill it and wait: bubblewrap's end is its cage's; its cgroup may take the kernel a moment more. One
 * that stays is swept by the next start. For whoever has started it on its own thread. */
void cage_end(struct cage_process *self, struct cage_group *group);

#endif
