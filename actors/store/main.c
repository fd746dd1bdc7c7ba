/* main.c - the store process: read settings, become its user, open the database, serve it. */
#include <stdlib.h>
#include <sys/stat.h>

#include "actors/store/store.h"
#include "bus/identity.h"
#include "bus/log.h"
#include "bus/supervised.h"

enum {
    TICK_MS = 1000,             /* also the longest that an audit log may take to answer */
    WRITES_AT_ONCE = 16,        /* threads beyond the readers', for calls that wait for a batch */
};

static bool open_store(const struct bus_settings *bus, const struct store_settings *settings,
                       struct store *store, struct fault *fault)
{
    char directory[DATABASE_PATH_SIZE];

    (void) snprintf(directory, sizeof directory, "%s/store", bus->isekai_data);
    return store_open(store, directory, settings, bus, fault);
}

static bool serve(const struct bus_settings *bus, const struct store_settings *settings,
                  struct fault *fault)
{
    struct store store = {.database.lock = -1};
    const struct actor actor = {
        .name = "store",
        .methods = store_methods,
        .method_count = store_method_count,
        .self = &store,
        .threads = {[LANE_QUICK] = (uint32_t)settings->store_reader_threads + WRITES_AT_ONCE},
        .tick = store_tick,
        .tick_ms = TICK_MS,
        .healthy = store_is_healthy,
    };
    bool served = identity_become_role(bus->isekai_user, fault) && supervised_follow(fault) &&
                  open_store(bus, settings, &store, fault) && actor_run(&actor, bus, fault);

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
    enum log_level level = LOG_INFO;

    switch (settings_load(groups, 2, "What Isekai remembers: apps, versions, runs, operations.",
                          argc, argv, &fault)) {
    case SETTINGS_HELPED:
        return EXIT_SUCCESS;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai-store: %s\n", fault.reason);
        return EXIT_MISUSED;
    case SETTINGS_LOADED:
        break;
    }
    (void) log_level_from_name(bus.log_level, &level);
    (void) umask(077);
    log_begin("store", level);
    if (!serve(&bus, &settings, &fault))
        return supervised_give_up("store", &fault);
    return EXIT_SUCCESS;
}
