/* main.c - the apps process: read settings, hold leases, serve. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/apps/apps.h"
#include "bus/identity.h"
#include "bus/log.h"
#include "bus/supervised.h"

static bool serve(struct apps *apps, struct fault *fault)
{
    const struct actor actor = {
        .name = "apps",
        .methods = apps_methods,
        .method_count = apps_method_count,
        .self = apps,
        .threads = {(uint32_t)apps->settings->apps_quick_threads,
                    (uint32_t)apps->settings->apps_work_threads,
                    (uint32_t)apps->settings->apps_long_threads},
        .tick = apps_settle_tick,
        .tick_ms = 1000,
        .tick_deadline_ms = 120000,     /* settling may wait for an app to start */
    };

    if (!identity_become_role(apps->bus->isekai_user, fault) || !supervised_follow(fault))
        return false;
    apps->leases = leases_new(apps->bus, (uint32_t)apps->settings->apps_lease_ms, fault);
    bool served = apps->leases && actor_run(&actor, apps->bus, fault);
    leases_free(apps->leases);
    return served;
}

int main(int argc, char **argv)
{
    struct bus_settings bus;
    struct apps_settings settings;
    struct apps apps = {.settings = &settings, .bus = &bus};
    const struct setting_group groups[] = {{&settings_of_bus, &bus}, {&settings_of_apps, &settings}};
    struct fault fault = {0};
    enum log_level level = LOG_INFO;

    switch (settings_load(groups, 2, "Life of apps: plan, store, run.", argc, argv, &fault)) {
    case SETTINGS_HELPED:
        return EXIT_SUCCESS;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai-apps: %s\n", fault.reason);
        return EXIT_MISUSED;
    case SETTINGS_LOADED:
        break;
    }
    (void) log_level_from_name(bus.log_level, &level);
    log_begin("apps", level);
    if (sodium_init() < 0 || !serve(&apps, &fault))
        return supervised_give_up("apps", &fault);
    return EXIT_SUCCESS;
}
