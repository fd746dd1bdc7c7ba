/* bus_of_test.c - directories, processes and settings of a private bus. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/bus/bus_of_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/broker.h"
#include "bus/log.h"

extern char **environ;

void test_bus_settings(struct bus_settings *out, const char *endpoint)
{
    *out = (struct bus_settings){
        .isekai_data = "", .isekai_run = "", .bus_endpoints = endpoint, .isekai_node = "local",
        .isekai_user = "isekai", .isekai_env = "development", .log_level = "error",
        .bus_message_bytes_max = 16777216,
    };
}

void test_bus_begin(struct test_bus *self)
{
    *self = (struct test_bus){.broker = -1};
    snprintf(self->directory, sizeof self->directory, "/tmp/isekai-bus-XXXXXX");
    assert_non_null(mkdtemp(self->directory));
    snprintf(self->endpoint, sizeof self->endpoint, "ipc://%s/broker", self->directory);
    test_bus_settings(&self->settings, self->endpoint);
}

void test_bus_end(struct test_bus *self)
{
    if (self->broker > 0)
        test_bus_kill_broker(self);
    DIR *directory = opendir(self->directory);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    assert_int_equal(rmdir(self->directory), 0);
}

pid_t test_bus_spawn(const struct test_bus *self, const char *role)
{
    char endpoint[96], name[32];
    char *argv[] = {name, endpoint, NULL};
    pid_t pid;

    snprintf(name, sizeof name, "%s", role);
    snprintf(endpoint, sizeof endpoint, "%s", self->endpoint);
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    return pid;
}

void test_bus_kill(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

void test_bus_start_broker(struct test_bus *self)
{
    self->broker = test_bus_spawn(self, "broker");
}

void test_bus_kill_broker(struct test_bus *self)
{
    test_bus_kill(self->broker);
    self->broker = -1;
}

static int be_broker(const char *endpoint)
{
    struct broker_options options = {
        .endpoint = endpoint,
        .bounds = {.queue_messages_max = 1000, .queue_bytes_max = 67108864,
                   .caller_bytes_max = 16777216},
        .message_bytes_max = 16777216,
    };
    struct fault fault = {0};
    struct broker *broker = broker_new(&options, &fault);
    bool served = broker && broker_run(broker, &fault);

    if (!served)
        fprintf(stderr, "broker: %s\n", fault.reason);
    broker_free(broker);
    return served ? EXIT_SUCCESS : EXIT_FAILURE;
}

int test_bus_be_role(int argc, char **argv)
{
    struct bus_settings bus;

    if (argc != 2 || strncmp(argv[1], "ipc://", 6) != 0) {
        log_begin("test", LOG_ERROR);
        return -1;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    log_begin(argv[0], getenv("TEST_LOG") ? LOG_DEBUG : LOG_ERROR);
    if (strcmp(argv[0], "broker") == 0)
        return be_broker(argv[1]);
    test_bus_settings(&bus, argv[1]);
    return test_role(argv[0], &bus);
}
