/* main.c - the audit process: read settings, become its user, open the log, serve it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/audit/audit.h"
#include "bus/identity.h"
#include "bus/log.h"
#include "bus/settings.h"
#include "bus/supervised.h"

enum { QUICK_THREADS = 8 };

static bool is_healthy(void *self, char level[200])
{
    const struct audit *audit = self;

    if (!writer_is_well(audit->writer, level))
        return false;
    if (audit_log_is_well(audit->log))
        return true;
    snprintf(level, 200, "the log was hurt; restart to check it");
    return false;
}

static bool open_log(const struct bus_settings *bus, uint64_t segment_octets_max,
                     struct audit *audit, struct fault *fault)
{
    uint64_t torn_octets;
    char path[256];

    snprintf(path, sizeof path, "%s/audit", bus->isekai_data);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fault_set(fault, FAULT_internal, "make '%s': %s", path, strerror(errno));
    audit->log = audit_log_open(path, segment_octets_max, &torn_octets, fault);
    if (!audit->log)
        return false;
    if (torn_octets > 0)
        log_line(LOG_WARN, NULL, "torn_tail_cut octets=%llu", (unsigned long long)torn_octets);
    audit->writer = writer_new(audit->log, fault);
    return audit->writer;
}

static bool serve(const struct bus_settings *bus, uint64_t segment_octets_max, struct fault *fault)
{
    struct audit audit = {0};
    struct actor actor = {
        .name = "audit",
        .methods = audit_methods,
        .method_count = audit_method_count,
        .self = &audit,
        .threads = {[LANE_QUICK] = QUICK_THREADS},
        .healthy = is_healthy,
    };
    bool served = identity_become_role(bus->isekai_user, fault) && supervised_follow(fault) &&
                  open_log(bus, segment_octets_max, &audit, fault) &&
                  actor_run(&actor, bus, fault);

    writer_free(audit.writer);
    audit_log_close(audit.log);
    return served;
}

int main(int argc, char **argv)
{
    struct bus_settings bus;
    struct audit_settings settings;
    const struct setting_group groups[] = {{&settings_of_bus, &bus},
                                           {&settings_of_audit, &settings}};
    struct fault fault = {0};
    enum log_level level = LOG_INFO;

    switch (settings_load(groups, 2, "The audit log of Isekai.", argc, argv, &fault)) {
    case SETTINGS_HELPED:
        return EXIT_SUCCESS;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai-audit: %s\n", fault.reason);
        return EXIT_MISUSED;
    case SETTINGS_LOADED:
        break;
    }
    (void) log_level_from_name(bus.log_level, &level);
    log_begin("audit", level);
    if (!serve(&bus, settings.audit_segment_bytes_max, &fault))
        return supervised_give_up("audit", &fault);
    return EXIT_SUCCESS;
}
