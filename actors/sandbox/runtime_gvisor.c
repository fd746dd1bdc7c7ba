/* runtime_gvisor.c - runsc in a cage, with the app as its guest; see runtime.h.
 *
 * Tried with Debian's runsc 20221219. bubblewrap's user is root of its namespace here, for runsc
 * builds namespaces of its own in there: nothing else of the cage changes. The bundle is the same for
 * every app, since it only repeats what bubblewrap shows; what is the app's own comes over isekai-guest's
 * socket. /run of the cage is a tmpfs for runsc's state; isekai-guest covers it, as it does gVisor's /sys.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/sandbox/cage.h"
#include "actors/sandbox/host_switches.h"
#include "actors/sandbox/runtime.h"
#include "actors/sandbox/tree.h"
#include "bus/owned.h"

static const char *const isolation[] = {
    "--uid", "0", "--gid", "0",
    "--cap-drop", "ALL",
    "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SYS_CHROOT", "--cap-add", "CAP_SYS_PTRACE",
    "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP",
    "--cap-add", "CAP_CHOWN", "--cap-add", "CAP_DAC_OVERRIDE", "--cap-add", "CAP_DAC_READ_SEARCH",
    "--cap-add", "CAP_FOWNER", "--cap-add", "CAP_FSETID",
    NULL,
};

/* ptrace: the platform that needs nothing of the host. Its cgroup and its network are the cage's. */
static const char *const command[] = {
    RUNTIME_IN_CAGE "/runsc", "--platform=ptrace", "--network=host", "--ignore-cgroups", "--fsgofer-host-uds",
    "--root=" RUNTIME_IN_CAGE "/state", "run", "--bundle=" RUNTIME_IN_CAGE "/bundle", "app", NULL,
};

enum { COVER_OCTETS = 4096 };       /* of the tmpfs that is over /run, for the app's side */

/* ---- the bundle ---- */

/* What isekai-guest needs before it drops everything: mounts, a namespace, another user. */
static json_t *capabilities(void)
{
    json_t *list = json_pack("[sssssss]", "CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID",
                             "CAP_SETPCAP", "CAP_KILL", "CAP_DAC_OVERRIDE", "CAP_CHOWN");

    return json_pack("{sOsOso}", "bounding", list, "effective", list, "permitted", list);
}

static json_t *mount_of(const char *type, const char *to, const char *option, int octets)
{
    char size[32];

    (void) snprintf(size, sizeof size, "size=%d", octets);
    return json_pack("{ssssss s[ss]}", "destination", to, "type", type, "source",
                     strcmp(type, "bind") == 0 ? to : type, "options", option,
                     octets ? size : option);
}

static json_t *mounts(void)
{
    return json_pack("[ooooooo]", mount_of("proc", "/proc", "nosuid", 0),
                     mount_of("tmpfs", RUNTIME_IN_CAGE, "nosuid", COVER_OCTETS),
                     mount_of("tmpfs", "/dev", "nosuid", 0),
                     mount_of("tmpfs", "/dev/shm", "nosuid", CAGE_SHM_OCTETS),
                     mount_of("tmpfs", "/tmp", "nosuid", CAGE_TMP_OCTETS),
                     mount_of("bind", "/app", "rbind", 0), mount_of("bind", "/data", "rbind", 0));
}

static json_t *bundle(void)
{
    return json_pack(
        "{ss s{sb s{si si} s[s] s[s] ss so} s{ss sb} ss so s{s[{ss}{ss}{ss}{ss}]}}",
        "ociVersion", "1.0.0",
        "process",
            "terminal", 0,
            "user", "uid", 0, "gid", 0,
            "args", "/isekai/guest",
            "env", "PATH=/nowhere",
            "cwd", "/app",
            "capabilities", capabilities(),
        "root", "path", "/", "readonly", 1,
        "hostname", "app",
        "mounts", mounts(),
        "linux", "namespaces", "type", "pid", "type", "mount", "type", "ipc", "type", "uts");
}

static bool write_bundle(const struct cage_host *host, struct fault *fault)
{
    json_t *what = bundle();
    char *text = what ? json_dumps(what, JSON_COMPACT) : NULL;
    bool written = text ? cage_host_put(host, "bundle", "config.json", text, fault)
                        : fault_set(fault, FAULT_internal, "no memory for runsc's bundle");

    free(text);
    json_decref(what);
    return written;
}

/* ---- the row ---- */

static bool find(struct cage_host *host, struct fault *fault)
{
    if (!cage_host_program("runsc", host->runsc))
        return fault_set(fault, FAULT_not_found, "runsc is not in PATH; install it with: apt-get "
                         "install runsc, or set SANDBOX_RUNTIME=bwrap");
    return write_bundle(host, fault);
}

static const char *what_to_do(void)
{
    const char *found = host_switches_found();

    return found ? found : "set SANDBOX_RUNTIME=bwrap; known to work is Debian's runsc 20221219";
}

const struct runtime runtime_gvisor = {
    .name = "gvisor",
    .find = find,
    .isolation = isolation,
    .command = command,
    .memory_mb = 40,
    .pids = 64,
    .pids_each = 16,
    .open_files = 65536,
    .needs_cgroups = true,          /* this gVisor obeys no RLIMIT_DATA */
    .what_to_do = what_to_do,
};
