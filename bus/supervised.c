/* supervised.c - end with the supervisor; see supervised.h. */
#include "bus/supervised.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bus/settings.h"

bool supervised_follow(struct fault *fault)
{
    const char *pid = getenv(SUPERVISOR_ENV);

    if (!pid)
        return true;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        return fault_set(fault, FAULT_internal, "cannot follow the supervisor's end");
    /* It may have died between fork and here. */
    if (strtol(pid, NULL, 10) != getppid())
        return fault_set(fault, FAULT_internal, "the supervisor is gone");
    return true;
}

static bool is_lasting(const struct fault *fault)
{
    return fault->kind == FAULT_malformed || fault->kind == FAULT_not_found ||
           fault->kind == FAULT_forbidden;
}

int supervised_give_up(const char *role, const struct fault *fault)
{
    const char *fd = getenv(SUPERVISOR_REASON_ENV);

    fprintf(stderr, "isekai-%s: %s\n", role, fault->reason);
    if (!is_lasting(fault))
        return EXIT_SYSTEM;
    if (fd)
        (void) !write((int)strtol(fd, NULL, 10), fault->reason, strlen(fault->reason));
    return EXIT_CONFIG;
}
