/* up.c - `isekai up`: places, settings for the roles, the supervisor, and the word `ready`. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/beside.h"
#include "bus/log.h"
#include "bus/owned.h"
#include "cli/commands.h"
#include "cli/health.h"
#include "cli/places.h"
#include "cli/supervisor.h"

struct up {
    struct bus_settings bus;
    struct broker_settings broker;
    struct gateway_settings gateway;
    struct apps_settings apps;
    struct planner_settings planner;
    struct sandbox_settings sandbox;
    struct store_settings store;
    struct audit_settings audit;
};

/* The roles read the same tables from the environment: give them what was settled here. Nothing
 * secret is among it, for secrets are files. */
static bool export_setting(const struct setting *setting, const void *from)
{
    const void *at = (const char *)from + setting->offset;
    char name[64], number[24];

    setting_env_name(setting->name, name);
    switch (setting->kind) {
    case SETTING_COUNT:
        (void) snprintf(number, sizeof number, "%" PRIu64, *(const uint64_t *)at);
        return setenv(name, number, 1) == 0;
    case SETTING_FLAG:
        return setenv(name, *(const bool *)at ? "on" : "off", 1) == 0;
    case SETTING_TEXT:
    case SETTING_SECRET_FILE:
        break;
    }
    return setenv(name, *(const char *const *)at, 1) == 0;
}

static bool export_settings(const struct setting_group *groups, size_t count, struct fault *fault)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < groups[i].table->count; j++)
            if (!export_setting(&groups[i].table->rows[j], groups[i].out))
                return fault_set(fault, FAULT_internal, "setenv: %s", strerror(errno));
    return true;
}

/* The other executables lie beside this one. */
static int open_programs(struct fault *fault)
{
    char path[PATH_MAX];

    if (!beside_program(".", path, fault))
        return -1;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        (void) fault_set(fault, FAULT_internal, "cannot open the directory of isekai: %s",
                         strerror(errno));
    return fd;
}

static bool is_ready(void *self)
{
    const struct up *up = self;
    return health_is_ok(up->gateway.isekai_listen);
}

static void say_ready(void *self)
{
    const struct up *up = self;

    printf("ready http://%s\n", up->gateway.isekai_listen);
    (void) fflush(stdout);
}

static bool run(struct up *up, struct fault *fault)
{
    struct places places;
    OWNED(fd) int programs = open_programs(fault);
    const struct supervisor_options options = {
        .programs = programs, .is_ready = is_ready, .ready = say_ready, .self = up,
    };

    if (programs < 0 || !places_open(&up->bus, &places, fault))
        return false;
    bool done = supervisor_run(&options, fault);
    places_close(&places, &up->bus);
    return done;
}

int command_up(int argc, char **argv)
{
    static struct up up;
    const struct setting_group groups[] = {
        {&settings_of_bus, &up.bus},         {&settings_of_gateway, &up.gateway},
        {&settings_of_apps, &up.apps},       {&settings_of_planner, &up.planner},
        {&settings_of_sandbox, &up.sandbox}, {&settings_of_store, &up.store},
        {&settings_of_audit, &up.audit},     {&settings_of_broker, &up.broker},
    };
    const size_t count = sizeof groups / sizeof *groups;
    struct fault fault = {0};

    switch (settings_load(groups, count, "Run everything on this host.", argc, argv, &fault)) {
    case SETTINGS_HELPED:
        return EXIT_SUCCESS;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai up: %s\n", fault.reason);
        return EXIT_MISUSED;
    case SETTINGS_LOADED:
        break;
    }
    enum log_level level = LOG_INFO;
    (void) log_level_from_name(up.bus.log_level, &level);
    log_begin("up", level);
    if (export_settings(groups, count, &fault) && run(&up, &fault))
        return EXIT_SUCCESS;
    fprintf(stderr, "isekai up: %s\n", fault.reason);
    return fault.kind == FAULT_forbidden ? EXIT_CONFIG : EXIT_SYSTEM;
}
