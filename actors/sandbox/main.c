/* main.c - the sandbox process: read settings, clear the past, give up what is not used, serve. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "actors/sandbox/alone.h"
#include "actors/sandbox/capabilities.h"
#include "actors/sandbox/sandbox.h"
#include "bus/beside.h"
#include "bus/clock.h"
#include "bus/log.h"
#include "bus/supervised.h"

enum { TICK_MS = 1000, CLOSE_MS = 4000 };

/* Every cage costs about ten descriptors. */
static void raise_open_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* What cages have less of than they could, and how they would have it. */
static void log_what_is_missing(const struct sandbox *sandbox)
{
    if (sandbox->cgroups.kind == CGROUP_NONE)
        log_line(LOG_WARN, NULL, "cgroups_missing memory=per_process cpu=unlimited why=\"%s\" "
                 "next=\"%s\"", sandbox->cgroups.why_not,
                 sandbox->workspace.owns_uids
                     ? "let this host's or container's root write its cgroups"
                     : "systemd-run --user --scope -p Delegate=yes isekai up");
    if (!capabilities_see_open_files())
        log_line(LOG_WARN, NULL, "open_files_unseen why=\"CAP_SYS_PTRACE is missing\" effect=\"files "
                 "that apps removed but hold open do not count as their disk\"");
    if (!sandbox->workspace.owns_uids)
        log_line(LOG_WARN, NULL, "own_uids_missing why=\"not started as root\" effect=\"every cage "
                 "runs as the uid of this process; namespaces alone keep them apart\"");
}

/* The setting's directory, else the one beside this program, built or installed. */
static bool find_modules(const struct sandbox_settings *settings, char out[PATH_MAX],
                         struct fault *fault)
{
    if (!*settings->sandbox_modules)
        return beside_program(ISEKAI_MODULES, out, fault);
    (void) snprintf(out, PATH_MAX, "%s", settings->sandbox_modules);
    return true;
}

static bool serve(const struct sandbox_options *options, struct fault *fault)
{
    static struct sandbox sandbox;      /* outlives this call where closing it takes too long */
    const struct actor actor = {
        .name = "sandbox",
        .is_of_node = true,
        .methods = sandbox_methods,
        .method_count = sandbox_method_count,
        .self = &sandbox,
        .threads = {4, 0, (uint32_t)options->settings->sandbox_long_threads},
        .started = sandbox_started,
        .tick = sandbox_tick,
        .tick_ms = TICK_MS,
        .healthy = sandbox_healthy,
        .counters = sandbox_counters,
    };

    if (!sandbox_open(&sandbox, options, fault))
        return false;
    log_line(LOG_INFO, NULL, "sandbox_opened level=\"%s\" node=%s", sandbox.level,
             sandbox.host.node);
    log_what_is_missing(&sandbox);
    bool served = actor_run(&actor, options->bus, fault);
    sandbox_close(&sandbox, clock_now_ms() + CLOSE_MS);
    return served;
}

/* All of the process, from what only a full root has to what is left of it. */
static bool begin(struct sandbox_options *options, char init[PATH_MAX], char modules[PATH_MAX],
                  struct fault *fault)
{
    if (sodium_init() < 0 || !cage_host_own_init(init, fault) ||
        !find_modules(options->settings, modules, fault))
        return false;
    options->quota = disk_quota_new(options->bus->isekai_data,
                                    (uid_t)options->settings->sandbox_uid_first,
                                    (uid_t)options->settings->sandbox_uid_count);
    bool served = capabilities_keep_used(fault) && supervised_follow(fault) &&
                  alone_on_node(options->bus, fault) && serve(options, fault);
    disk_quota_free(options->quota);
    return served;
}

int main(int argc, char **argv)
{
    struct bus_settings bus;
    struct sandbox_settings settings;
    struct gateway_settings gateway;
    char init[PATH_MAX], modules[PATH_MAX];
    struct sandbox_options options = {&bus, &settings, &gateway, init, modules, /* quota= */ NULL};
    const struct setting_group groups[] = {{&settings_of_bus, &bus},
                                           {&settings_of_sandbox, &settings},
                                           {&settings_of_gateway, &gateway}};
    struct fault fault = {0};
    enum log_level level = LOG_INFO;

    switch (settings_load(groups, 3, "Runs apps, each in a cage of its own.", argc, argv, &fault)) {
    case SETTINGS_HELPED:
        return EXIT_SUCCESS;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai-sandbox: %s\n", fault.reason);
        return EXIT_MISUSED;
    case SETTINGS_LOADED:
        break;
    }
    (void) log_level_from_name(bus.log_level, &level);
    log_begin("sandbox", level);
    raise_open_files();
    if (!begin(&options, init, modules, &fault))
        return supervised_give_up("sandbox", &fault);
    return EXIT_SUCCESS;
}
