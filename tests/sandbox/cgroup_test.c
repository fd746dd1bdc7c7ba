/* cgroup_test - finding cgroups of both versions in trees as hosts have them, and using them.
 *
 * Method: plain directories with the kernel's file names stand for a hierarchy; what was written to
 * them is read back. The real thing is tested with real cages in limits_test.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/cgroup.h"
#include "actors/sandbox/tree.h"
#include "bus/owned.h"
#include "bus/clock.h"

static char top[64];
static struct cgroup_host host;
static char mountinfo[128], own[128];
static struct fault fault;

static int make(void **state)
{
    (void) state;
    (void) snprintf(top, sizeof top, "/tmp/isekai-cgroup-XXXXXX");
    assert_non_null(mkdtemp(top));
    (void) snprintf(mountinfo, sizeof mountinfo, "%s/mountinfo", top);
    (void) snprintf(own, sizeof own, "%s/own", top);
    host = (struct cgroup_host){mountinfo, own, top};
    return 0;
}

static int drop(void **state)
{
    (void) state;
    assert_true(tree_remove(AT_FDCWD, top, &fault));
    return 0;
}

/* Below `top`; directories are made on the way. */
static void put(const char *path, const char *content)
{
    OWNED(fd) int root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(tree_write(root, text_from(path), text_from(content), 0, &fault));
}

static const char *read_back(const char *path)
{
    static char content[256];
    char full[512];

    (void) snprintf(full, sizeof full, "%s/%s", top, path);
    OWNED(fd) int fd = open(full, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, content, sizeof content - 1) : 0;
    content[size > 0 ? size : 0] = '\0';
    return content;
}

/* The kernel makes a group's files with its directory; here they are there before. */
static void put_group_v1(const char *at)
{
    static const char *const files[][2] = {
        {"memory", "memory.limit_in_bytes"}, {"memory", "memory.memsw.limit_in_bytes"},
        {"pids", "pids.max"}, {"cpu", "cpu.cfs_period_us"}, {"cpu", "cpu.cfs_quota_us"},
        {"pids", "cgroup.procs"}, {"memory", "cgroup.procs"}, {"cpu", "cgroup.procs"},
    };
    char path[256];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void) snprintf(path, sizeof path, "%s/%s/%s", files[i][0], at, files[i][1]);
        put(path, "");
    }
}

static const char v1_mounts[] =
    "22 1 0:20 / / rw - ext4 /dev/sda rw\n"
    "30 22 0:26 / /memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n"
    "31 22 0:27 / /cpu rw shared:10 master:1 - cgroup cgroup rw,cpu,cpuacct\n"
    "32 22 0:28 / /pids rw - cgroup cgroup rw,pids\n"
    "33 22 0:29 / /unified rw - cgroup2 cgroup2 rw\n";

static void test_version_1(void **state)
{
    const struct group_limits limits = {.memory_bytes = 64 << 20, .cpu_percent = 50, .pids = 32};
    struct group_usage usage;
    struct cgroups cgroups;
    struct cage_group group;
    int doors[PLACES];
    size_t count;

    (void) state;
    put("mountinfo", v1_mounts);
    put("own", "3:memory:/\n2:cpu,cpuacct:/\n1:pids:/\n0::/\n");
    put("unified/cgroup.controllers", "hugetlb\n");
    put_group_v1("isekai-t/cage-1");
    put("memory/isekai-t/cage-1/memory.usage_in_bytes", "1000\n");
    put("memory/isekai-t/cage-1/memory.max_usage_in_bytes", "2000\n");
    put("memory/isekai-t/cage-1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    put("cpu/isekai-t/cage-1/cpuacct.usage", "3000000\n");
    put("cpu/isekai-t/cage-1/cpu.stat", "nr_periods 9\nnr_throttled 4\nthrottled_time 1\n");
    cgroups_open(&cgroups, &host, "t");
    assert_int_equal(cgroups.kind, CGROUP_V1);
    assert_true(group_make(&cgroups, "cage-1", &limits, &group, &fault));
    assert_string_equal(read_back("memory/isekai-t/cage-1/memory.limit_in_bytes"), "67108864");
    assert_string_equal(read_back("memory/isekai-t/cage-1/memory.memsw.limit_in_bytes"), "67108864");
    assert_string_equal(read_back("pids/isekai-t/cage-1/pids.max"), "32");
    assert_string_equal(read_back("cpu/isekai-t/cage-1/cpu.cfs_quota_us"), "50000");
    assert_string_equal(read_back("cpu/isekai-t/cage-1/cpu.cfs_period_us"), "100000");
    group_read_usage(&group, &usage);
    assert_int_equal(usage.memory_bytes, 1000);
    assert_int_equal(usage.memory_peak_bytes, 2000);
    assert_int_equal(usage.oom_kills, 2);
    assert_int_equal(usage.cpu_us, 3000);
    assert_int_equal(usage.throttled_count, 4);
    assert_true(group_doors(&group, doors, &count, &fault));
    assert_int_equal(count, 4);
    while (count > 0)
        (void) close(doors[--count]);
    assert_true(group_is_empty(&group));
    assert_true(group_kill(&group));
    for (int place = 0; place < PLACES; place++)
        fd_drop(&group.dirs[place]);
    cgroups_close(&cgroups);
}

/* In a container: /proc/self/cgroup names the host's path, the mount shows only our part of it. */
static void test_version_1_seen_in_part(void **state)
{
    struct cgroups cgroups;

    (void) state;
    put("mountinfo",
        "30 22 0:26 /docker/abc /memory rw - cgroup cgroup rw,memory\n"
        "31 22 0:27 /docker/abc /cpu rw - cgroup cgroup rw,cpu\n"
        "32 22 0:28 / /pids rw - cgroup cgroup rw,pids\n");
    put("own", "3:memory:/docker/abc/inner\n2:cpu:/docker/abc\n1:pids:/deep/er\n");
    put("memory/inner/x", "");
    put("cpu/x", "");
    put("pids/deep/er/x", "");
    cgroups_open(&cgroups, &host, "t");
    assert_int_equal(cgroups.kind, CGROUP_V1);
    assert_int_equal(cgroups.dirs[PLACE_CPUACCT], -1);
    put("memory/inner/isekai-t/mark", "");
    put("cpu/isekai-t/mark", "");
    put("pids/deep/er/isekai-t/mark", "");
    cgroups_close(&cgroups);
}

static void test_version_2(void **state)
{
    const struct group_limits limits = {.memory_bytes = 1 << 20, .cpu_percent = 150, .pids = 7};
    struct group_usage usage;
    struct cgroups cgroups;
    struct cage_group group;
    int doors[PLACES];
    size_t count;

    (void) state;
    put("mountinfo", "33 22 0:29 / /cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
    put("own", "0::/system.slice/isekai.service\n");
    static const char *const places[] = {"cg", "cg/system.slice/isekai.service"};
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        (void) snprintf(path, sizeof path, "%s/cgroup.controllers", places[i]);
        put(path, "cpuset cpu io memory hugetlb pids\n");
        (void) snprintf(path, sizeof path, "%s/cgroup.subtree_control", places[i]);
        put(path, "");
        (void) snprintf(path, sizeof path, "%s/cgroup.procs", places[i]);
        put(path, "");
        (void) snprintf(path, sizeof path, "%s/isekai-t/cgroup.subtree_control", places[i]);
        put(path, "");
        static const char *const files[][2] = {
            {"memory.max", ""}, {"memory.swap.max", ""}, {"pids.max", ""}, {"cpu.max", ""},
            {"memory.current", "5\n"}, {"memory.peak", "6\n"},
            {"memory.events", "low 0\noom 1\noom_kill 1\n"},
            {"cpu.stat", "usage_usec 77\nnr_throttled 3\n"}, {"cgroup.procs", ""},
        };
        for (size_t j = 0; j < sizeof files / sizeof *files; j++) {
            (void) snprintf(path, sizeof path, "%s/isekai-t/cage-1/%s", places[i], files[j][0]);
            put(path, files[j][1]);
        }
    }
    cgroups_open(&cgroups, &host, "t");
    assert_int_equal(cgroups.kind, CGROUP_V2);
    /* Root without a delegated directory uses the top; others use what is theirs. */
    const char *used = places[geteuid() == 0 ? 0 : 1];
    char path[128];
    (void) snprintf(path, sizeof path, "%s/isekai-t/cgroup.subtree_control", used);
    assert_string_equal(read_back(path), "+memory +cpu +pids");
    assert_true(group_make(&cgroups, "cage-1", &limits, &group, &fault));
    (void) snprintf(path, sizeof path, "%s/isekai-t/cage-1/memory.max", used);
    assert_string_equal(read_back(path), "1048576");
    (void) snprintf(path, sizeof path, "%s/isekai-t/cage-1/memory.swap.max", used);
    assert_string_equal(read_back(path), "0");
    (void) snprintf(path, sizeof path, "%s/isekai-t/cage-1/cpu.max", used);
    assert_string_equal(read_back(path), "150000 100000");
    (void) snprintf(path, sizeof path, "%s/isekai-t/cage-1/pids.max", used);
    assert_string_equal(read_back(path), "7");
    group_read_usage(&group, &usage);
    assert_int_equal(usage.memory_bytes, 5);
    assert_int_equal(usage.memory_peak_bytes, 6);
    assert_int_equal(usage.oom_kills, 1);
    assert_int_equal(usage.cpu_us, 77);
    assert_int_equal(usage.throttled_count, 3);
    assert_true(group_doors(&group, doors, &count, &fault));
    assert_int_equal(count, 1);
    (void) close(doors[0]);
    fd_drop(&group.dirs[0]);
    cgroups_close(&cgroups);
}

/* A sandbox that is started again is where the one before it has moved everybody: its cages, and what
 * is left of the other's, are beside that place and not below it. */
static void test_version_2_again(void **state)
{
    static const char service[] = "cg/isekai.service/";
    static const char *const files[][2] = {
        {"cgroup.controllers", "cpu memory pids\n"}, {"cgroup.procs", ""},
        {"cgroup.subtree_control", ""}, {"isekai-t/cgroup.subtree_control", ""},
    };
    struct cgroups cgroups;
    char path[128];

    (void) state;
    put("mountinfo", "33 22 0:29 / /cg rw - cgroup2 cgroup2 rw\n");
    put("own", "0::/isekai.service/isekai.roles/isekai.roles\n");
    put("cg/isekai.service/isekai.roles/isekai.roles/cgroup.procs", "");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void) snprintf(path, sizeof path, "%s%s", service, files[i][0]);
        put(path, files[i][1]);
    }
    cgroups_open(&cgroups, &host, "t");
    assert_int_equal(cgroups.kind, CGROUP_V2);
    assert_string_equal(read_back("cg/isekai.service/isekai-t/cgroup.subtree_control"),
                        "+memory +cpu +pids");
    cgroups_close(&cgroups);
}

static void test_none(void **state)
{
    static const struct { const char *mounts, *paths; } hosts[] = {
        {"", ""},
        {"garbage\n - \n", "::::\n0:\n"},
        {"33 22 0:29 / /cg rw - cgroup2 cgroup2 rw\n", "0::/\n"},           /* no such directory */
        {"30 22 0:26 / /memory rw - cgroup cgroup rw,memory\n", "3:memory:/\n"},     /* only one */
    };
    const struct group_limits limits = {.memory_bytes = 1, .cpu_percent = 1, .pids = 1};
    struct cgroups cgroups;
    struct cage_group group;
    size_t count = 7;
    int doors[PLACES];

    (void) state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        (void) unlink(mountinfo);
        (void) unlink(own);
        put("mountinfo", hosts[i].mounts);
        put("own", hosts[i].paths);
        cgroups_open(&cgroups, &host, "t");
        assert_int_equal(cgroups.kind, CGROUP_NONE);
        assert_true(strlen(cgroups.why_not) > 0);
        /* Everything works and does nothing. */
        assert_true(group_make(&cgroups, "cage-1", &limits, &group, &fault));
        assert_true(group_doors(&group, doors, &count, &fault));
        assert_int_equal(count, 0);
        assert_true(group_kill(&group));
        assert_true(group_remove(&group));
        assert_true(cgroups_sweep(&cgroups, clock_now_ms(), &fault));
        cgroups_close(&cgroups);
    }
}

/* What this host has: made, used and removed without a trace. */
static void test_this_host(void **state)
{
    const struct group_limits limits = {.memory_bytes = 64 << 20, .cpu_percent = 50, .pids = 32};
    struct cgroups cgroups;
    struct cage_group group;

    (void) state;
    cgroups_open(&cgroups, &cgroup_this_host, "test-of-this-host");
    if (cgroups.kind == CGROUP_NONE) {
        cgroups_close(&cgroups);
        skip();
    }
    assert_true(group_make(&cgroups, "cage-1", &limits, &group, &fault));
    assert_true(group_is_empty(&group));
    assert_true(cgroups_sweep(&cgroups, clock_now_ms() + 5000, &fault));
    for (int place = 0; place < PLACES; place++)
        fd_drop(&group.dirs[place]);
    assert_true(group_make(&cgroups, "cage-1", &limits, &group, &fault));
    assert_true(group_remove(&group));
    cgroups_remove(&cgroups);
    cgroups_close(&cgroups);
}

int main(void)
{
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_version_1),
        IN_ROOM(test_version_1_seen_in_part),
        IN_ROOM(test_version_2),
        IN_ROOM(test_version_2_again),
        IN_ROOM(test_none),
        IN_ROOM(test_this_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
