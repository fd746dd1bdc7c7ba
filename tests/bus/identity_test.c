/* identity_test - what is left of root after the drop; and names and clocks, which need no file.
 *
 * Method: a child drops and then tries to get back; /proc tells what the kernel thinks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/clock.h"
#include "bus/identity.h"
#include "bus/ids.h"

enum { NOBODY = 65534 };
#define NO_CAPABILITIES "0000000000000000\n"

/* The line of /proc/self/status that begins so. */
static bool status_says(const char *line)
{
    char read[256];
    bool found = false;
    FILE *file = fopen("/proc/self/status", "r");

    while (file && fgets(read, sizeof read, file))
        found |= strcmp(read, line) == 0;
    if (file)
        fclose(file);
    return found;
}

static int check_dropped(void)
{
    struct fault fault;

    if (!identity_drop(NOBODY, NOBODY, &fault))
        return 1;
    if (!status_says("Uid:\t65534\t65534\t65534\t65534\n") ||
        !status_says("Gid:\t65534\t65534\t65534\t65534\n") || !status_says("Groups:\t \n"))
        return 2;
    if (!status_says("CapInh:\t" NO_CAPABILITIES) || !status_says("CapPrm:\t" NO_CAPABILITIES) ||
        !status_says("CapEff:\t" NO_CAPABILITIES) || !status_says("CapBnd:\t" NO_CAPABILITIES) ||
        !status_says("CapAmb:\t" NO_CAPABILITIES))
        return 3;
    if (!status_says("NoNewPrivs:\t1\n"))
        return 4;
    if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0)
        return 5;
    return 0;
}

static int check_refusals(void)
{
    struct fault fault = {0};
    uid_t uid;
    gid_t gid;

    if (identity_drop(0, 0, &fault) || fault.kind != FAULT_internal)
        return 1;
    if (identity_find("nobody-has-this-name", &uid, &gid, &fault) ||
        fault.kind != FAULT_not_found || !strstr(fault.reason, "useradd"))
        return 2;
    if (!identity_find("nobody", &uid, &gid, &fault) || uid != NOBODY)
        return 3;
    return 0;
}

static int check_without_root(void)
{
    struct fault fault;

    if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return 1;
    if (!identity_become_role("nobody-has-this-name", &fault))      /* needs no such user */
        return 2;
    return status_says("NoNewPrivs:\t1\n") ? 0 : 3;
}

static int in_child(int (*check)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(check());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_drop(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(in_child(check_dropped), 0);
    assert_int_equal(in_child(check_without_root), 0);
}

static void test_refusals(void **state)
{
    (void)state;
    assert_int_equal(in_child(check_refusals), 0);
}

static void test_uuids(void **state)
{
    char last[UUID_SIZE] = "", uuid[UUID_SIZE], instance[INSTANCE_SIZE];
    unsigned long long at_ms = 0, high, low;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uuid_make(uuid);
        assert_int_equal(strlen(uuid), 36);
        assert_int_equal(strspn(uuid, "0123456789abcdef-"), 36);
        assert_int_equal(uuid[14], '7');
        assert_non_null(strchr("89ab", uuid[19]));
        assert_true(uuid[8] == '-' && uuid[13] == '-' && uuid[18] == '-' && uuid[23] == '-');
        assert_true(memcmp(uuid, last, 13) >= 0);       /* rises with time */
        assert_string_not_equal(uuid, last);
        memcpy(last, uuid, sizeof last);
    }
    assert_int_equal(sscanf(uuid, "%8llx-%4llx", &high, &low), 2);
    at_ms = high << 16 | low;
    assert_true(clock_wall_ms() - (int64_t)at_ms < 60000);
    instance_make(instance);
    assert_int_equal(strspn(instance, "0123456789abcdef"), 16);
    assert_int_equal(instance[16], '\0');
}

static int64_t noon(void)
{
    return 12345678;
}

static void test_clock(void **state)
{
    (void)state;
    int64_t before = clock_now_us();
    assert_true(clock_now_us() >= before);
    assert_true(clock_wall_ms() > 1600000000000);
    clock_set_source_for_test(noon);
    assert_int_equal(clock_now_us(), 12345678);
    assert_int_equal(clock_now_ms(), 12345);
    assert_int_equal(clock_left_ms(12400), 55);
    assert_int_equal(clock_left_ms(12000), 0);
    clock_set_source_for_test(NULL);
    assert_true(clock_now_us() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_uuids),
        cmocka_unit_test(test_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
