/* main.c - the planner process: read settings and templates, become its user, serve. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actors/planner/planner.h"
#include "bus/beside.h"
#include "bus/identity.h"
#include "bus/log.h"
#include "bus/settings.h"
#include "bus/supervised.h"

/* The setting's directory; else the installed one; else that of the tree this was built from. */
static struct library *find_templates(const struct planner_settings *settings, struct fault *fault)
{
    char installed[PATH_MAX];

    if (settings->planner_templates[0])
        return library_read(settings->planner_templates, fault);
    if (!beside_program(ISEKAI_TEMPLATES_INSTALLED, installed, fault))
        return NULL;
    return library_read(access(installed, R_OK) == 0 ? installed : ISEKAI_TEMPLATES_DIR, fault);
}

/* Templates that cannot be used now cannot be used later: this ends `isekai up`. */
static struct library *read_templates(const struct planner_settings *settings, struct fault *fault)
{
    struct library *library = find_templates(settings, fault);

    if (!library)
        fault->kind = FAULT_malformed;
    return library;
}

/* Templates are read with the rights of the starter: a clone's files may be closed to others. */
static bool serve(const struct bus_settings *bus, const struct planner_settings *settings,
                  struct fault *fault)
{
    struct library *library = read_templates(settings, fault);
    struct actor actor = {
        .name = "planner",
        .methods = planner_methods,
        .method_count = planner_method_count,
        .self = library,
        .threads = {[LANE_WORK] = (uint32_t)settings->planner_work_threads},
    };
    bool served = library && identity_become_role(bus->isekai_user, fault) &&
                  supervised_follow(fault) && actor_run(&actor, bus, fault);

    library_free(library);
    return served;
}

int main(int argc, char **argv)
{
    struct bus_settings bus;
    struct planner_settings settings;
    const struct setting_group groups[] = {{&settings_of_bus, &bus},
                                           {&settings_of_planner, &settings}};
    struct fault fault = {0};
    enum log_level level = LOG_INFO;

    switch (settings_load(groups, 2, "The planner of Isekai.", argc, argv, &fault)) {
    case SETTINGS_HELPED:
        return EXIT_SUCCESS;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai-planner: %s\n", fault.reason);
        return EXIT_MISUSED;
    case SETTINGS_LOADED:
        break;
    }
    (void) log_level_from_name(bus.log_level, &level);
    log_begin("planner", level);
    if (!serve(&bus, &settings, &fault))
        return supervised_give_up("planner", &fault);
    return EXIT_SUCCESS;
}
