/* quota_test - where the file system has quotas of users, nobody writes past what he was given.
 *
 * Method: processes that are an app's user write all they can, below /tmp; and an app's limit while
 * it runs and after. Skipped where /tmp's file system enforces none; ISEKAI_TEST_QUOTA=1 says that
 * it must.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/quota.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/disk_quota.h"
#include "actors/sandbox/tree.h"
#include "bus/owned.h"
#include "tests/sandbox/rig.h"

enum { FIRST = 3000000, COUNT = 10, MB = 1 << 20, WRITTEN_MB_MAX = 3 * DISK_QUOTA_MORE_MB };

static char top[32];
static struct disk_quota *quota;
static struct fault fault;

static int make(void **state)
{
    (void) state;
    (void) snprintf(top, sizeof top, "/tmp/isekai-quota-XXXXXX");
    assert_non_null(mkdtemp(top));
    assert_int_equal(chmod(top, 0777), 0);
    quota = disk_quota_new(top, FIRST, COUNT);
    if (!quota && getenv("ISEKAI_TEST_QUOTA"))
        fail_msg("no quotas of users on /tmp");
    return 0;
}

static int drop(void **state)
{
    (void) state;
    disk_quota_free(quota);
    quota = NULL;
    assert_true(tree_remove(AT_FDCWD, top, &fault));
    return 0;
}

struct written { uint64_t mb, entries; int error; };

/* As much as goes in, as that user: first in one file, then in empty ones. */
static void write_all(uid_t uid, uint64_t entries_max, struct written *out)
{
    static char piece[MB];
    uint64_t octets = 0;
    char name[64];
    int fd;

    *out = (struct written){.error = 0};
    if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        _exit(1);
    (void) snprintf(name, sizeof name, "%s/%u", top, (unsigned)uid);
    if ((fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0)
        out->error = errno;
    while (!out->error && octets < (uint64_t)WRITTEN_MB_MAX * MB) {
        ssize_t size = write(fd, piece, sizeof piece);
        if (size < 0)
            out->error = errno;
        else
            octets += (uint64_t)size;
    }
    out->mb = octets / MB;
    for (; out->entries < entries_max; out->entries++) {
        (void) snprintf(name, sizeof name, "%s/%u-%u", top, (unsigned)uid, (unsigned)out->entries);
        if ((fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
            break;
        (void) close(fd);
    }
    if (out->entries < entries_max)
        out->error = errno;
}

static struct written writes(uid_t uid, uint64_t entries_max)
{
    struct written written = {0};
    int ends[2], status;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        write_all(uid, entries_max, &written);
        _exit(write(ends[1], &written, sizeof written) == sizeof written ? 0 : 1);
    }
    (void) close(ends[1]);
    assert_int_equal(read(ends[0], &written, sizeof written), sizeof written);
    (void) close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return written;
}

static struct disk_share give(uid_t uid, uint64_t mb, uint64_t entries)
{
    struct disk_share share = {uid, mb * MB, entries};

    if (!quota)
        skip();
    if (!disk_quota_give(quota, &share, &fault))
        fail_msg("%s", fault.reason);
    return share;
}

static void test_octets_end_at_what_was_given(void **state)
{
    (void) state;
    struct disk_share share = give(FIRST, 8, 100);
    struct written written = writes(FIRST, 0);
    assert_int_equal(written.error, EDQUOT);
    assert_in_range(written.mb, 8 + DISK_QUOTA_MORE_MB - 1, 8 + DISK_QUOTA_MORE_MB);
    assert_int_equal(writes(FIRST + 1, 0).mb, WRITTEN_MB_MAX);      /* another is not held back */
    disk_quota_take_back(quota, &share);
    assert_int_equal(share.uid, 0);
    assert_int_equal(writes(FIRST, 0).mb, WRITTEN_MB_MAX);
}

static void test_entries_end_at_what_was_given(void **state)
{
    (void) state;
    struct disk_share share = give(FIRST, 1024, 50);
    struct written written = writes(FIRST, 2 * DISK_QUOTA_MORE_ENTRIES);
    assert_int_equal(written.error, EDQUOT);
    assert_int_equal(written.entries, 50 + DISK_QUOTA_MORE_ENTRIES - 1);    /* one holds the octets */
    disk_quota_take_back(quota, &share);
}

static uint64_t limit_mb(uid_t uid)
{
    OWNED(fd) int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct if_dqblk limits = {0};

    if (syscall(SYS_quotactl_fd, dir, (uint32_t)Q_GETQUOTA << SUBCMDSHIFT | USRQUOTA, uid, &limits) < 0)
        fail_msg("quotactl_fd: %s", strerror(errno));
    return limits.dqb_bhardlimit / 1024;
}

static void test_shares_add_up(void **state)
{
    (void) state;
    struct disk_share one = give(FIRST + 2, 8, 100), other = give(FIRST + 2, 16, 100);
    assert_int_equal(limit_mb(FIRST + 2), 24 + DISK_QUOTA_MORE_MB);
    disk_quota_take_back(quota, &one);
    assert_int_equal(limit_mb(FIRST + 2), 16 + DISK_QUOTA_MORE_MB);
    disk_quota_take_back(quota, &one);                  /* it is empty by now */
    disk_quota_take_back(quota, &other);
    assert_int_equal(limit_mb(FIRST + 2), 0);
}

static void test_nobody_else_is_limited(void **state)
{
    struct disk_share roots = {0, MB, 1}, next = {FIRST + COUNT, MB, 1};

    (void) state;
    if (!quota)
        skip();
    assert_false(disk_quota_give(quota, &roots, &fault));
    assert_false(disk_quota_give(quota, &next, &fault));
    assert_int_equal(limit_mb(FIRST + COUNT), 0);
}

static void test_an_earlier_life_is_forgotten(void **state)
{
    (void) state;
    (void) give(FIRST + 3, 8, 100);
    (void) give(FIRST + COUNT - 1, 8, 100);
    disk_quota_free(quota);
    quota = NULL;
    assert_int_equal(limit_mb(FIRST + 3), 8 + DISK_QUOTA_MORE_MB);
    quota = disk_quota_new(top, FIRST, COUNT);
    assert_non_null(quota);
    assert_int_equal(limit_mb(FIRST + 3), 0);
    assert_int_equal(limit_mb(FIRST + COUNT - 1), 0);
}

/* A run's limit is its config's, from its beginning to its end; so is that of a trial beside it. */
static void test_an_app_is_limited_while_it_runs(void **state)
{
    static struct rig rig;
    char path[2 * PATH_MAX];
    struct stat about;

    (void) state;
    if (!quota)
        skip();
    rig_make(&rig);
    rig.settings.max_disk_mb = 16;
    rig_open(&rig);
    assert_non_null(strstr(rig.sandbox.level, "disk-quota"));
    assert_true(rig_start(&rig, "app", 1, rig_code(&rig, "one", SERVER_SAYING("1"))));
    (void) snprintf(path, sizeof path, "%s/runtime/apps/app/data", rig.data);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(limit_mb(about.st_uid), 16 + DISK_QUOTA_MORE_MB);
    assert_true(rig_start(&rig, "app", 2, rig_code(&rig, "calm", SERVER_SAYING("'calm'"))));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(limit_mb(about.st_uid), 16 + DISK_QUOTA_MORE_MB);
    assert_true(rig_stop(&rig, "app"));
    assert_int_equal(limit_mb(about.st_uid), 0);
    assert_false(rig_start(&rig, "app", 3, rig_code(&rig, "quit", "process.exit(1)")));
    assert_int_equal(limit_mb(about.st_uid), 0);
    rig_remove(&rig);
}

int main(void)
{
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_octets_end_at_what_was_given),
        IN_ROOM(test_entries_end_at_what_was_given),
        IN_ROOM(test_shares_add_up),
        IN_ROOM(test_nobody_else_is_limited),
        IN_ROOM(test_an_earlier_life_is_forgotten),
        IN_ROOM(test_an_app_is_limited_while_it_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
