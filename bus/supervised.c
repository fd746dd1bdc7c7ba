/* supervised.c - end with the supervisor; see supervised.h. */
#include "bus/supervised.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

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
