/* group_test - cgroups as the kernel really has them: limits, counts, and the end of a group.
 *
 * Method: processes of the test's own in groups of this host, without a cage around them. Skipped
 * where no cgroups can be had; ISEKAI_TEST_CGROUPS=v1 or v2 says which there must be.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/cgroup.h"
#include "bus/clock.h"

enum { MEMORY_MB = 32, CPU_PERCENT = 20, PIDS = 6, SPIN_MS = 2000, WAIT_MS = 20000, POLL_MS = 5 };

static const char tag[] = "group-test";
static struct cgroups cgroups;
static struct fault fault;

static int open_(void **state)
{
    const char *expected = getenv("ISEKAI_TEST_CGROUPS");
    static const char *const kinds[] = {
        [CGROUP_NONE] = "none", [CGROUP_V1] = "v1", [CGROUP_V2] = "v2",
    };

    (void) state;
    cgroups_open(&cgroups, &cgroup_this_host, tag);
    if (expected && strcmp(expected, kinds[cgroups.kind]) != 0)
        fail_msg("%s and not %s: %s", kinds[cgroups.kind], expected, cgroups.why_not);
    if (cgroups.kind == CGROUP_NONE)
        print_message("%s\n", cgroups.why_not);
    return 0;
}

static int drop(void **state)
{
    (void) state;
    cgroups_remove(&cgroups);
    cgroups_close(&cgroups);
    return 0;
}

static void make(struct cage_group *out, const char *name)
{
    const struct group_limits limits = {(uint64_t)MEMORY_MB << 20, CPU_PERCENT, PIDS};

    if (cgroups.kind == CGROUP_NONE)
        skip();
    if (!group_make(&cgroups, name, &limits, out, &fault))
        fail_msg("%s", fault.reason);
}

/* A process that is in the group when this returns, and becomes `run`. */
static pid_t begin(const struct cage_group *group, void (*run)(void))
{
    struct clone_args args = {.exit_signal = SIGCHLD};
    int doors[PLACES], entered[2];
    size_t count;
    char byte;

    assert_int_equal(pipe2(entered, O_CLOEXEC), 0);
    assert_true(group_doors(group, doors, &count, &fault));
    if (cgroups.kind == CGROUP_V2) {
        args.flags = CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)doors[0];
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        for (size_t i = 0; cgroups.kind == CGROUP_V1 && i < count; i++)
            if (write(doors[i], "0", 1) != 1)
                _exit(100);
        (void) !write(entered[1], "", 1);
        (void) close(entered[1]);
        run();
        _exit(0);
    }
    (void) close(entered[1]);
    assert_int_equal(read(entered[0], &byte, 1), 1);
    (void) close(entered[0]);
    while (count > 0)
        (void) close(doors[--count]);
    assert_true(pid > 0);
    return pid;
}

static int status_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void remove_group(struct cage_group *group)
{
    int64_t deadline_ms = clock_now_ms() + WAIT_MS;

    while (!group_kill(group) || !group_remove(group)) {
        assert_true(clock_left_ms(deadline_ms) > 0);
        (void) poll(NULL, 0, POLL_MS);
    }
}

/* ---- memory ---- */

static void touch(size_t octets)
{
    char *all = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (all == MAP_FAILED)
        _exit(101);
    for (size_t i = 0; i < octets; i += 4096)
        all[i] = 1;
}

static void take_too_much(void)
{
    touch((size_t)MEMORY_MB << 21);
}

static void take_half(void)
{
    touch((size_t)MEMORY_MB << 19);
    (void) pause();
}

/* Version 2 has told the most only since Linux 5.19. */
static bool tells_peak(const struct cage_group *group)
{
    return cgroups.kind == CGROUP_V1 || faccessat(group->dirs[0], "memory.peak", F_OK, 0) == 0;
}

/* With room to swap out on the host or without. */
static void test_too_much_memory_is_the_end(void **state)
{
    struct cage_group group;
    struct group_usage usage;

    (void) state;
    make(&group, "cage-1");
    int status = status_of(begin(&group, take_too_much));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    group_read_usage(&group, &usage);
    assert_int_equal(usage.oom_kills, 1);
    if (tells_peak(&group))
        assert_in_range(usage.memory_peak_bytes, (uint64_t)MEMORY_MB * 9 / 10 << 20,
                        (uint64_t)MEMORY_MB << 20);
    remove_group(&group);
}

static void test_what_is_held_is_told(void **state)
{
    struct cage_group group;
    struct group_usage usage;

    (void) state;
    make(&group, "cage-1");
    pid_t pid = begin(&group, take_half);
    int64_t deadline_ms = clock_now_ms() + WAIT_MS;
    do {
        group_read_usage(&group, &usage);
        assert_true(clock_left_ms(deadline_ms) > 0);
    } while (usage.memory_bytes < (uint64_t)MEMORY_MB << 19);
    assert_in_range(usage.memory_bytes, (uint64_t)MEMORY_MB << 19, (uint64_t)MEMORY_MB << 20);
    assert_int_equal(usage.oom_kills, 0);
    assert_false(group_is_empty(&group));
    (void) group_kill(&group);
    assert_true(WIFSIGNALED(status_of(pid)));
    group_read_usage(&group, &usage);
    if (tells_peak(&group))
        assert_true(usage.memory_peak_bytes >= (uint64_t)MEMORY_MB << 19);     /* kept to the end */
    remove_group(&group);
}

/* ---- processes ---- */

static void fork_all(void)
{
    int made = 0;

    for (int i = 0; i < 3 * PIDS; i++) {
        pid_t child = fork();
        while (child == 0)
            (void) pause();
        made += child > 0;
    }
    _exit(made);
}

static void test_processes_are_bounded(void **state)
{
    struct cage_group group;
    struct group_usage usage;

    (void) state;
    make(&group, "cage-1");
    int status = status_of(begin(&group, fork_all));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), PIDS - 1);
    group_read_usage(&group, &usage);
    assert_int_equal(usage.pids_refused, 3 * PIDS - (PIDS - 1));
    assert_false(group_is_empty(&group));               /* its children are left */
    remove_group(&group);
}

/* ---- cpu ---- */

static void spin(void)
{
    int64_t end_ms = clock_now_ms() + SPIN_MS;

    while (clock_now_ms() < end_ms)
        ;
}

static void test_cpu_is_held_back(void **state)
{
    struct cage_group group;
    struct group_usage usage, more;

    (void) state;
    make(&group, "cage-1");
    assert_int_equal(status_of(begin(&group, spin)), 0);
    group_read_usage(&group, &usage);
    assert_true(usage.has_cpu);
    /* A period may have begun before and another end after: one share more. */
    assert_in_range(usage.cpu_us, 1, SPIN_MS * 1000 * CPU_PERCENT / 100 * 12 / 10 + 20000);
    assert_true(usage.throttled_count > 3);
    assert_true(usage.throttled_us > 100000);
    assert_true(group_set_cpu(&group, 100, &fault));
    assert_int_equal(status_of(begin(&group, spin)), 0);
    group_read_usage(&group, &more);
    assert_true(more.cpu_us > usage.cpu_us * 3 / 2);
    remove_group(&group);
}

/* ---- the end ---- */

static void be_deaf(void)
{
    for (int signal_ = 1; signal_ < 32; signal_++)
        (void) signal(signal_, SIG_IGN);
    for (int i = 0; i < PIDS / 2; i++)
        if (fork() == 0)
            (void) setsid();
    for (;;)
        (void) pause();
}

static void test_killing_ends_all(void **state)
{
    struct cage_group group;

    (void) state;
    make(&group, "cage-1");
    assert_true(group_is_empty(&group));
    pid_t pid = begin(&group, be_deaf);
    assert_false(group_is_empty(&group));
    assert_false(group_remove(&group));
    remove_group(&group);
    assert_true(WIFSIGNALED(status_of(pid)));
}

/* What is there when a sandbox begins is of one that was killed. */
static void test_an_earlier_life_is_swept(void **state)
{
    struct cage_group left, also;
    struct cgroups again;

    (void) state;
    make(&left, "cage-1");
    make(&also, "cage-2");
    pid_t pid = begin(&left, be_deaf);
    cgroups_open(&again, &cgroup_this_host, tag);
    assert_int_equal(again.kind, cgroups.kind);
    if (!cgroups_sweep(&again, clock_now_ms() + WAIT_MS, &fault))
        fail_msg("%s", fault.reason);
    assert_true(WIFSIGNALED(status_of(pid)));
    cgroups_close(&again);
    for (int place = 0; place < PLACES; place++)
        if (cgroups.dirs[place] >= 0) {
            assert_int_equal(faccessat(cgroups.dirs[place], "cage-1", F_OK, 0), -1);
            assert_int_equal(faccessat(cgroups.dirs[place], "cage-2", F_OK, 0), -1);
        }
    assert_true(group_remove(&left));
    assert_true(group_remove(&also));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_much_memory_is_the_end),
        cmocka_unit_test(test_what_is_held_is_told),
        cmocka_unit_test(test_processes_are_bounded),
        cmocka_unit_test(test_cpu_is_held_back),
        cmocka_unit_test(test_killing_ends_all),
        cmocka_unit_test(test_an_earlier_life_is_swept),
    };
    return cmocka_run_group_tests(tests, open_, drop);
}
