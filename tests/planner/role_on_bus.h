/* role_on_bus.h - one role as the program it is, on a real broker, in directories of its own.
 *
 * As root the role becomes the user nobody, who owns the directories.
 *
 * Owns:     role_begin() starts both processes, role_end() ends them and removes the directories.
 * Fails as: an assertion of cmocka.
 */
#ifndef ISEKAI_TESTS_PLANNER_ROLE_ON_BUS_H
#define ISEKAI_TESTS_PLANNER_ROLE_ON_BUS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/types.h>

#include "bus/client.h"

struct role_on_bus {
    char place[40], data[64], run[64];
    const char *role_program;
    struct bus_settings bus;
    pid_t broker, role;
    struct bus_client *client;
    struct arena *arena;
};

/* `directory` is made below the data directory; NULL: none is needed. */
void role_begin(struct role_on_bus *self, const char *broker_program, const char *role_program,
                const char *directory);
void role_end(struct role_on_bus *self);

/* End the role by that signal and wait; its status as waitpid() gives it. */
int  role_stop(struct role_on_bus *self, int signal);
void role_start(struct role_on_bus *self);

bool role_ask(struct role_on_bus *self, const struct method *method, const void *request,
              void *reply, struct fault *fault);
/* Ask until it is answered; fails the test when that takes longer than a minute. */
void role_ask_until(struct role_on_bus *self, const struct method *method, const void *request,
                    void *reply);

#endif
