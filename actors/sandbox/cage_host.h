/* cage_host.h - what every cage of this host shares: the programs, and the files it may see.
 *
 * The programs are found once, at the start. isekai-init, and isekai-guest, isekai-proof and
 * isekai-egress beside it, the static server and a small /etc are written below
 * <data>/runtime/cage, where the apps' users can read them even when our own build tree lies where
 * they cannot go.
 *
 * Owns:     nothing beyond the struct.
 * Fails as: not_found (bwrap, node or what the runtime needs is not installed), internal (not
 *           reachable, not written).
 */
#ifndef ISEKAI_SANDBOX_CAGE_HOST_H
#define ISEKAI_SANDBOX_CAGE_HOST_H

#include <limits.h>

#include "schemas/fault.h"

struct runtime;

struct cage_host {
    const struct runtime *runtime;
    char bwrap[PATH_MAX];
    char runsc[PATH_MAX];           /* of gvisor alone */
    char node[PATH_MAX];            /* an ELF file, without links */
    char node_lib[PATH_MAX];        /* lib beside its bin, if that is not /usr/lib; "": none */
    /* Where they are in the cage: where they are on the host below /usr, else below /opt/node, for
     * a path of the host may be in the way of the cage's own /app, /data or /tmp. */
    char caged_node[PATH_MAX], caged_lib[PATH_MAX];
    char files[PATH_MAX];           /* <data>/runtime/cage */
    const char *modules;            /* /node_modules of every cage; NULL: none */
    unsigned landlock;              /* the kernel's version of it; 0: none, or 1, which would keep
                                     * apps from moving files between directories */
};

/* node_path "" is the first node of PATH. `init` is the built isekai-init; the others lie beside it. They
 * go below `directory`. `for_others`: cages
 * run as other users than ours. */
bool cage_host_find(struct cage_host *out, const struct runtime *runtime, const char *node_path,
                    const char *init, const char *directory, bool for_others, struct fault *fault);

/* The isekai-init that was built and installed beside this program. */
bool cage_host_own_init(char out[PATH_MAX], struct fault *fault);

/* ---- for the runtimes ---- */

/* The first real program of that name in PATH; wrapper scripts are passed over. */
bool cage_host_program(const char *name, char out[PATH_MAX]);

/* A text as a new file of a directory below the shared files. */
bool cage_host_put(const struct cage_host *self, const char *directory, const char *name,
                   const char *text, struct fault *fault);

#endif
