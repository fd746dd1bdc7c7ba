/* supervisor.h - run the roles of one host, restart what dies, stop all in order.
 *
 * Owns:     the child processes; supervisor_run() returns when none is left.
 * Units:    a role that dies is started again after 100 ms, doubling up to 10 s; a life of 30 s
 *           makes it 100 ms again. A role that does not end 10 s after SIGTERM is killed.
 * Fails as: internal when a role cannot be started at all (its executable is missing); forbidden,
 *           with the role's own reason, when one ends with EXIT_CONFIG or EXIT_MISUSED before all
 *           were ready: it would do so again.
 * Threads:  the calling thread alone; roles die with it (PR_SET_PDEATHSIG, bus/supervised.h).
 */
#ifndef ISEKAI_CLI_SUPERVISOR_H
#define ISEKAI_CLI_SUPERVISOR_H

#include "schemas/fault.h"

struct supervisor_options {
    int programs;                       /* directory descriptor of the executables */
    bool (*is_ready)(void *self);       /* asked ten times a second until true; must not block long */
    void (*ready)(void *self);          /* told once */
    void *self;
};

/* Until SIGTERM or SIGINT. */
bool supervisor_run(const struct supervisor_options *options, struct fault *fault);

#endif
