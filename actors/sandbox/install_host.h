/* install_host.h - what every install on this host shares: npm, the registry, and the bounds.
 *
 * Nothing of the host's own npm configuration counts, and no credentials are in reach: the registry is
 * SANDBOX_REGISTRY, believed by SANDBOX_REGISTRY_CA_FILE. An empty npmrc and those certificates are
 * written below <data>/runtime/cage, where the apps' users can read them.
 *
 * Borrows:  the settings and the host, for its life.
 * Units:    octets, milliseconds.
 * Fails as: malformed (SANDBOX_REGISTRY), not_found (a setting names a file that is not there),
 *           disk_full, internal. A host without npm is no failure: `why_not` says so when it is needed.
 */
#ifndef ISEKAI_SANDBOX_INSTALL_HOST_H
#define ISEKAI_SANDBOX_INSTALL_HOST_H

#include "actors/sandbox/cage.h"
#include "actors/sandbox/egress/protocol.h"

enum { INSTALL_ORIGIN_SIZE = HOST_SIZE + 32, INSTALL_KIND_SIZE = 64, INSTALL_MOUNTS_MAX = 3 };

struct install_host {
    bool is_on;                     /* SANDBOX_REGISTRY is one; else nothing below counts */
    const char *registry;
    char origin[INSTALL_ORIGIN_SIZE];   /* "https://host[:port]/" */
    struct egress_allowed grant;    /* all that an install may connect to */
    char why_not[200];              /* npm cannot be used here; "": it can */
    char caged_npm[PATH_MAX + 32];  /* npm-cli.js in the cage */
    char npm[PATH_MAX], ca[PATH_MAX + 16], empty[PATH_MAX + 16], hidden[PATH_MAX + 32];
    struct cage_mount mounts[INSTALL_MOUNTS_MAX];   /* of an install's cage */
    size_t mount_count;
    bool has_ca;                    /* INSTALL_CA_IN_CAGE is there */
    char kind[INSTALL_KIND_SIZE];   /* what is installed for: platform, processor, Node.js's ABI */
    uint64_t packages_max, octets_max, files_max, cache_octets_max;
    struct limits limits;           /* of an install's cage */
    int64_t timeout_ms;
};

#define INSTALL_CA_IN_CAGE "/registry.pem"

/* `for_others`: as in cage_host_find(). `out` must not be moved. */
bool install_host_open(struct install_host *out, const struct sandbox_settings *settings,
                       const struct cage_host *host, bool for_others, struct fault *fault);

/* ---- what that is made of, for its test ---- */

bool install_read_registry(struct install_host *out, const char *registry, struct fault *fault);

#endif
