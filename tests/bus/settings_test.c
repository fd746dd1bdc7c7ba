/* settings_test - flags, environment and defaults; and where a set of processes lives. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/settings.h"

struct loaded {
    struct bus_settings bus;
    struct broker_settings broker;
    struct fault fault;
    enum settings_outcome outcome;
};

/* The words end with NULL. */
static void load(struct loaded *out, char **words)
{
    const struct setting_group groups[] = {{&settings_of_bus, &out->bus},
                                           {&settings_of_broker, &out->broker}};
    char *argv[16] = {"isekai-test"};
    int argc = 1;

    for (; *words; words++)
        argv[argc++] = *words;
    out->fault = (struct fault){0};
    out->outcome = settings_load(groups, 2, "A test.", argc, argv, &out->fault);
}
#define LOAD(out, ...) load((out), (char *[]){__VA_ARGS__, NULL})

static void assert_refused(struct loaded *loaded, const char *reason)
{
    assert_int_equal(loaded->outcome, SETTINGS_REFUSED);
    assert_int_equal(loaded->fault.kind, FAULT_malformed);
    assert_string_equal(loaded->fault.reason, reason);
}

static int clear(void **state)
{
    char name[64];

    (void)state;
    for (size_t t = 0; setting_tables[t]; t++)
        for (size_t i = 0; i < setting_tables[t]->count; i++) {
            setting_env_name(setting_tables[t]->rows[i].name, name);
            unsetenv(name);
        }
    unsetenv("NODE_ENV");
    return 0;
}

static void test_rising_order(void **state)
{
    struct loaded loaded;

    (void)state;
    load(&loaded, (char *[]){NULL});
    assert_int_equal(loaded.outcome, SETTINGS_LOADED);
    assert_int_equal(loaded.broker.queue_messages_max, 1000);
    setenv("QUEUE_MESSAGES_MAX", "20", 1);
    setenv("ISEKAI_NODE", "north", 1);
    load(&loaded, (char *[]){NULL});
    assert_int_equal(loaded.broker.queue_messages_max, 20);
    assert_string_equal(loaded.bus.isekai_node, "north");
    LOAD(&loaded, "--queue-messages-max=30", "--node", "south");
    assert_int_equal(loaded.broker.queue_messages_max, 30);
    assert_string_equal(loaded.bus.isekai_node, "south");
}

static void test_refusals(void **state)
{
    struct loaded loaded;

    (void)state;
    LOAD(&loaded, "--queue-messages-max=0");
    assert_refused(&loaded, "queue_messages_max: '0' is not a number in 1..1000000");
    LOAD(&loaded, "--queue-messages-max=-1");
    assert_refused(&loaded, "queue_messages_max: '-1' is not a number in 1..1000000");
    LOAD(&loaded, "--queue-messages-max= 5");
    assert_refused(&loaded, "queue_messages_max: ' 5' is not a number in 1..1000000");
    LOAD(&loaded, "--queue-messages-max=5x");
    assert_refused(&loaded, "queue_messages_max: '5x' is not a number in 1..1000000");
    LOAD(&loaded, "--queue-messages-max=99999999999999999999");
    assert_refused(&loaded,
                   "queue_messages_max: '99999999999999999999' is not a number in 1..1000000");
    LOAD(&loaded, "--node=");
    assert_refused(&loaded, "isekai_node: '' has 0 octets, not 1..64");
    LOAD(&loaded, "--nope=1");
    assert_refused(&loaded, "unknown flag, or no value: '--nope=1'");
    LOAD(&loaded, "--node");
    assert_refused(&loaded, "unknown flag, or no value: '--node'");
    LOAD(&loaded, "--nod=x");
    assert_refused(&loaded, "unknown flag, or cut short: --node");
    LOAD(&loaded, "word");
    assert_refused(&loaded, "stray word 'word'");
    LOAD(&loaded, "--env=staging");
    assert_refused(&loaded, "isekai_env: 'staging' is neither development nor production");
    LOAD(&loaded, "--log-level=loud");
    assert_refused(&loaded, "log_level: 'loud' is none of error, warn, info, debug");
    setenv("QUEUE_BYTES_MAX", "many", 1);
    load(&loaded, (char *[]){NULL});
    assert_refused(&loaded, "queue_bytes_max: 'many' is not a number in 65536..4294967296");
}

static void test_node_env(void **state)
{
    struct loaded loaded;

    (void)state;
    setenv("NODE_ENV", "production", 1);
    load(&loaded, (char *[]){NULL});
    assert_string_equal(loaded.bus.isekai_env, "production");
    setenv("ISEKAI_ENV", "development", 1);
    load(&loaded, (char *[]){NULL});
    assert_string_equal(loaded.bus.isekai_env, "development");
}

/* Every row's default is within its own bounds, and every flag's name is its own. */
static void test_every_table(void **state)
{
    char flags[200][64];
    size_t count = 0;

    (void)state;
    for (size_t t = 0; setting_tables[t]; t++)
        for (size_t i = 0; i < setting_tables[t]->count; i++) {
            const struct setting *row = &setting_tables[t]->rows[i];
            size_t length = strlen(row->fallback);
            unsigned long long number = strtoull(row->fallback, NULL, 10);
            if (row->kind == SETTING_COUNT)
                assert_true(number >= row->min && number <= row->max);
            if (row->kind == SETTING_TEXT)
                assert_true(length >= row->min && length <= row->max);
            assert_true(count < 200);
            setting_flag_name(row->name, flags[count]);
            for (size_t k = 0; k < count; k++)
                assert_string_not_equal(flags[k], flags[count]);
            count++;
        }
    assert_true(count > 50);
}

static void test_names(void **state)
{
    char name[64];

    (void)state;
    setting_env_name("isekai_listen", name);
    assert_string_equal(name, "ISEKAI_LISTEN");
    setting_flag_name("isekai_listen", name);
    assert_string_equal(name, "--listen");
    setting_flag_name("max_memory_mb", name);
    assert_string_equal(name, "--max-memory-mb");
}

/* ---- places ---- */

static void complete(struct bus_settings *bus, const char *data, const char *run)
{
    struct fault fault = {0};

    *bus = (struct bus_settings){.isekai_data = data, .isekai_run = run, .bus_endpoints = "",
                                 .isekai_env = "development", .log_level = "info"};
    if (!settings_complete(bus, &fault))
        fail_msg("%s", fault.reason);
}

static void test_a_run_directory_for_each_data_directory(void **state)
{
    struct bus_settings one, same, other;

    (void)state;
    complete(&one, "/srv/one", "");
    complete(&same, "/srv/./x/..//one/", "");
    complete(&other, "/srv/other", "");
    assert_string_equal(one.isekai_data, "/srv/one");
    assert_string_equal(same.isekai_data, "/srv/one");
    assert_string_equal(one.isekai_run, same.isekai_run);
    assert_string_not_equal(one.isekai_run, other.isekai_run);
    assert_true(strlen(one.isekai_run) <= 48);
    assert_memory_equal(one.bus_endpoints, "ipc:///", 7);
    assert_non_null(strstr(one.bus_endpoints, one.isekai_run));
    assert_string_equal(strrchr(one.bus_endpoints, '/') - 4, "/bus/broker");
}

static void test_relative_becomes_absolute(void **state)
{
    char here[512], expected[600];
    struct bus_settings bus;

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    snprintf(expected, sizeof expected, "%s/data", here);
    complete(&bus, "./data", "/run/x");
    assert_string_equal(bus.isekai_data, expected);
    assert_string_equal(bus.isekai_run, "/run/x");
    assert_string_equal(bus.bus_endpoints, "ipc:///run/x/bus/broker");
    complete(&bus, "/../..", "/");
    assert_string_equal(bus.isekai_data, "/");
}

static void test_paths_that_are_too_long(void **state)
{
    struct bus_settings bus = {.isekai_data = "/d", .bus_endpoints = "", .isekai_env = "production",
                               .log_level = "info"};
    struct fault fault = {0};

    (void)state;
    bus.isekai_run = "/0123456789/0123456789/0123456789/0123456789/01234";
    assert_false(settings_complete(&bus, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
    assert_non_null(strstr(fault.reason, "isekai_run"));
}

/* Without privilege the XDG directories count, when they are absolute. */
static void check_as_nobody(void)
{
    struct bus_settings bus;

    if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        _exit(1);
    setenv("HOME", "/home/x", 1);
    setenv("XDG_STATE_HOME", "relative", 1);
    unsetenv("XDG_RUNTIME_DIR");
    complete(&bus, "", "");
    assert_string_equal(bus.isekai_data, "/home/x/.local/state/isekai");
    assert_memory_equal(bus.isekai_run, "/tmp/isekai-", 12);
    setenv("XDG_STATE_HOME", "/state", 1);
    setenv("XDG_RUNTIME_DIR", "/run/user/65534", 1);
    complete(&bus, "", "");
    assert_string_equal(bus.isekai_data, "/state/isekai");
    assert_memory_equal(bus.isekai_run, "/run/user/65534/isekai/", 23);
    setenv("XDG_RUNTIME_DIR", "/a/very/long/runtime/directory/of/somebody", 1);
    complete(&bus, "", "");
    assert_memory_equal(bus.isekai_run, "/tmp/isekai-", 12);
    _exit(0);
}

static void test_places_without_privilege(void **state)
{
    int status = 0;

    (void)state;
    pid_t child = fork();
    if (child == 0)
        check_as_nobody();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rising_order, clear),
        cmocka_unit_test_setup(test_refusals, clear),
        cmocka_unit_test_setup(test_node_env, clear),
        cmocka_unit_test_setup(test_every_table, clear),
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup(test_a_run_directory_for_each_data_directory, clear),
        cmocka_unit_test(test_relative_becomes_absolute),
        cmocka_unit_test(test_paths_that_are_too_long),
        cmocka_unit_test(test_places_without_privilege),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
