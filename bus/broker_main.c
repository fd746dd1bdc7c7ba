/* broker_main.c - isekai-broker: settings, identity, then the broker until a signal ends it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bus/broker.h"
#include "bus/identity.h"
#include "bus/log.h"
#include "bus/supervised.h"

static struct broker *running;

static void stop_running(int signal_number)
{
    (void) signal_number;
    broker_stop(running);       /* one write(2) to an eventfd */
}

static void obey_signals(void)
{
    struct sigaction action = {.sa_handler = stop_running};

    (void) sigemptyset(&action.sa_mask);
    (void) sigaction(SIGTERM, &action, NULL);
    (void) sigaction(SIGINT, &action, NULL);
    (void) signal(SIGPIPE, SIG_IGN);
}

/* A connection is a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_line(LOG_WARN, NULL, "descriptor_limit_kept limit=%llu",
                 (unsigned long long)limit.rlim_cur);
}

static bool serve(const struct bus_settings *bus, const struct broker_settings *bounds,
                  struct fault *fault)
{
    const struct broker_options options = {
        .endpoint = bus->bus_endpoints,
        .bounds = *bounds,
        .message_bytes_max = bus->bus_message_bytes_max,
    };

    if (!identity_become_role(bus->isekai_user, fault) || !supervised_follow(fault))
        return false;
    raise_descriptor_limit();
    running = broker_new(&options, fault);
    if (!running)
        return false;
    obey_signals();
    bool served = broker_run(running, fault);
    broker_free(running);
    return served;
}

int main(int argc, char **argv)
{
    struct bus_settings bus;
    struct broker_settings bounds;
    const struct setting_group groups[] = {{&settings_of_bus, &bus},
                                           {&settings_of_broker, &bounds}};
    struct fault fault = {0};
    enum log_level level = LOG_INFO;

    switch (settings_load(groups, 2, "The broker of Isekai's bus.", argc, argv, &fault)) {
    case SETTINGS_HELPED:
        return EXIT_SUCCESS;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai-broker: %s\n", fault.reason);
        return EXIT_MISUSED;
    case SETTINGS_LOADED:
        break;
    }
    (void) log_level_from_name(bus.log_level, &level);
    log_begin("broker", level);
    if (serve(&bus, &bounds, &fault))
        return EXIT_SUCCESS;
    return supervised_give_up("broker", &fault);
}
