/* runtime.c - the table of runtimes, and the plain one; see runtime.h. */
#include "actors/sandbox/runtime.h"

#include <string.h>

#include "actors/sandbox/host_switches.h"

static bool nothing_more(struct cage_host *host, struct fault *fault)
{
    (void) host, (void) fault;
    return true;
}

static const char *const bwrap_isolation[] = {
    "--uid", "1000", "--gid", "1000", "--disable-userns", "--cap-drop", "ALL", NULL,
};

static const struct runtime runtime_bwrap = {
    .name = "bwrap",
    .find = nothing_more,
    .isolation = bwrap_isolation,
    .pids_each = 1,
    .has_warm_cages = true,
    .what_to_do = host_switches_what_to_do,
};

const struct runtime *runtime_named(const char *name, struct fault *fault)
{
    static const struct runtime *const all[] = {&runtime_bwrap, &runtime_gvisor};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    (void) fault_set(fault, FAULT_malformed, "SANDBOX_RUNTIME is bwrap or gvisor");
    return NULL;
}

struct group_limits runtime_group_limits(const struct runtime *self, const struct limits *limits)
{
    return (struct group_limits){
        .memory_bytes = (limits->memory_mb + self->memory_mb) << 20,
        .cpu_percent = limits->cpu_percent,
        .pids = limits->pids * self->pids_each + self->pids,
    };
}
