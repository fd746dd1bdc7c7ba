/* main.c - the store process: read settings, become nobody in particular, open, serve, close. */
#include <stdlib.h>
#include <sys/stat.h>

#include "actors/store/store.h"
#include "bus/identity.h"
#include "bus/log.h"

enum {
    TICK_MS = 200,
    WRITES_AT_ONCE = 16,        /* threads beyond the readers', for calls that wait for a batch */
};

static enum log_level level_of(const struct bus_settings *bus)
{
    enum log_level level = LOG_INFO;

    (void) log_level_from_name(bus->log_level, &level);
    return level;
}

static bool serve(const struct bus_settings *bus, const struct store_settings *settings,
                  struct fault *fault)
{
    char directory[DATABASE_PATH_SIZE];
    struct store store;

    (void) snprintf(directory, sizeof directory, "%s/store", bus->isekai_data);
    if (!identity_become_role(bus->isekai_user, fault) ||
        !store_open(&store, directory, settings, bus, fault))
        return false;
    bool served = actor_run(&(struct actor){
        .name = "store",
        .methods = store_methods,
        .method_count = store_method_count,
        .self = &store,
        .threads[LANE_QUICK] = (uint32_t)settings->store_reader_threads + WRITES_AT_ONCE,
        .tick = store_tick,
        .tick_ms = TICK_MS,
        .healthy = store_is_healthy,
    }, bus, fault);
    store_close(&store);
    return served;
}

int main(int argc, char **argv)
{
    struct bus_settings bus;
    struct store_settings settings;
    const struct setting_group groups[] = {{&settings_of_bus, &bus},
                                           {&settings_of_store, &settings}};
    struct fault fault = {0};

    (void) umask(077);
    switch (settings_load(groups, 2, "keep apps, versions, runs and operations", argc, argv,
                          &fault)) {
    case SETTINGS_HELPED:
        return EXIT_SUCCESS;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai-store: %s\n", fault.reason);
        return EXIT_CONFIG;
    case SETTINGS_LOADED:
        break;
    }
    log_begin("store", level_of(&bus));
    if (serve(&bus, &settings, &fault))
        return EXIT_SUCCESS;
    log_line(LOG_ERROR, NULL, "store_failed fault=%s reason=%s", fault_name(fault.kind),
             fault.reason);
    return EXIT_SYSTEM;
}
