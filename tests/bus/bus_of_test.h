/* bus_of_test.h - a private bus for a test: a directory, a real broker and actors as processes.
 *
 * A test program that is started with a role's name as its first word becomes that role: so
 * a broker or an actor can be killed without killing the test.
 *
 * Owns:     test_bus_end() kills the processes and removes the directory.
 * Fails as: an assertion of cmocka.
 */
#ifndef ISEKAI_TESTS_BUS_BUS_OF_TEST_H
#define ISEKAI_TESTS_BUS_BUS_OF_TEST_H

#include <sys/types.h>

#include "bus/client.h"

enum { SOON_MS = 10000 };       /* what a test waits for an event at most */

struct test_bus {
    char directory[64];
    char endpoint[96];
    struct bus_settings settings;
    pid_t broker;
};

void  test_bus_begin(struct test_bus *self);            /* no broker yet */
void  test_bus_end(struct test_bus *self);
void  test_bus_start_broker(struct test_bus *self);
void  test_bus_kill_broker(struct test_bus *self);      /* SIGKILL, and it is gone */
pid_t test_bus_spawn(const struct test_bus *self, const char *role);
void  test_bus_kill(pid_t pid);
void  test_bus_settings(struct bus_settings *out, const char *endpoint);

/* In main(): when this process is to be a role, be it and give its exit code; else -1. */
int test_bus_be_role(int argc, char **argv);
/* What the role named other than "broker" does; a test program defines it. */
int test_role(const char *role, const struct bus_settings *bus);

#endif
