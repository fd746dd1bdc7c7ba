/* warm_test - a start in a cage that was booted before: data, uids, and what goes wrong.
 *
 * Method: data, uids and directories are looked at from outside, and warm cages are killed, stopped
 * and used up at each step. What an app sees: warm_sees_test.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/tree.h"
#include "bus/clock.h"
#include "bus/owned.h"
#include "tests/sandbox/warm_rig.h"

/* ---- data ---- */

static void app_path(struct rig *rig, const char *rest, char out[2 * PATH_MAX])
{
    (void) snprintf(out, 2 * PATH_MAX, "%s/runtime/apps/%s", rig->data, rest);
}

static uid_t owner_of(struct rig *rig, const char *rest)
{
    char path[2 * PATH_MAX];
    struct stat about;

    app_path(rig, rest, path);
    assert_int_equal(lstat(path, &about), 0);
    return about.st_uid;
}

static unsigned count_uids(struct rig *rig)
{
    unsigned taken = 0;

    for (uid_t i = 0; i < rig->sandbox.workspace.uid_count; i++)
        taken += rig->sandbox.workspace.uids_taken[i];
    return taken;
}

#define KEEPS                                                                                     \
    "const fs = require('fs'); if (!fs.existsSync('/data/deep')) { fs.mkdirSync('/data/deep/er',"\
    "{recursive: true}); fs.writeFileSync('/data/deep/er/f', 'kept'); fs.writeFileSync('/data/.h',"\
    "'h'); fs.linkSync('/data/.h', '/data/deep/h'); fs.symlinkSync('/etc/passwd', '/data/out');"\
    "fs.chmodSync('/data/deep', 0o555); fs.chmodSync('/data', 0o750); }"\
    "require('http').createServer((q, r) => { if (q.url === '/add')"\
    "fs.appendFileSync('/data/.h', 'h'); if (q.url === '/') return r.end('up'); r.end("\
    "fs.readFileSync('/data/deep/er/f', 'utf8') + fs.readFileSync('/data/deep/h', 'utf8') +"\
    "fs.readdirSync('/data').sort() + fs.readlinkSync('/data/out') +"\
    "(fs.statSync('/data').mode & 0o777).toString(8) + (fs.statSync('/data/deep').mode & "\
    "0o777).toString(8)); }).listen(process.env.PORT);"

/* Stop and start: the data is there, and belongs to the uid that the app has now. */
static void test_data_is_kept(void **state)
{
    struct rig *rig = *state;
    bool is_root = rig->sandbox.workspace.owns_uids;
    struct stat passwd;

    assert_true(rig_start(rig, "app", 1, KEEPS));
    assert_true(rig_ask(rig, "app", "/add"));
    assert_non_null(strstr(rig->answer, "kepthh.h,deep,out/etc/passwd750555"));
    uid_t before = owner_of(rig, "app/data");
    assert_true(rig_stop(rig, "app"));
    rig_wait_warm(rig, 1);
    assert_true(rig_start(rig, "app", 1, KEEPS));
    assert_true(was_warm(rig, "app"));
    assert_true(rig_ask(rig, "app", "/add"));
    assert_non_null(strstr(rig->answer, "kepthhh.h,deep,out/etc/passwd750555"));
    if (is_root) {
        uid_t now = owner_of(rig, "app/data");
        assert_int_not_equal(now, before);
        assert_int_equal(owner_of(rig, "app/data/deep/er/f"), now);
        assert_int_equal(owner_of(rig, "app/data/out"), now);
    }
    rig_wait_warm(rig, 1);
    assert_int_equal(count_uids(rig), is_root ? 2 : 0);     /* the one before is free again */
    assert_int_equal(stat("/etc/passwd", &passwd), 0);
    assert_int_equal(passwd.st_uid, 0);
}

/* A move that was cut short is ended by the next start, whatever cage that gets. */
static void test_an_interrupted_move_is_ended(void **state)
{
    struct rig *rig = *state;
    char path[2 * PATH_MAX], to[2 * PATH_MAX];
    struct stat about;

    assert_true(rig_start(rig, "app", 1, KEEPS));
    assert_true(rig_stop(rig, "app"));
    app_path(rig, "app/data", path);
    assert_int_equal(stat(path, &about), 0);
    app_path(rig, "app/moving", to);
    assert_int_equal(mkdir(to, 0700), 0);
    if (rig->sandbox.workspace.owns_uids)
        assert_int_equal(chown(to, about.st_uid + 7, about.st_uid + 7), 0);
    app_path(rig, "app/data/.h", path);
    app_path(rig, "app/moving/.h", to);
    assert_int_equal(rename(path, to), 0);
    assert_true(rig_start(rig, "app", 1, KEEPS));
    assert_false(was_warm(rig, "app"));
    assert_true(rig_ask(rig, "app", "/data"));
    assert_non_null(strstr(rig->answer, "kepth.h,deep,out")); /* no h was lost nor added */
    if (rig->sandbox.workspace.owns_uids)
        assert_int_equal(owner_of(rig, "app/data"), about.st_uid + 7);
}

static void test_too_much_data_starts_cold(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "app", 1, "const fs = require('fs'); for (let i = 0; i < 2001; i++)"
                          "fs.writeFileSync('/data/' + i, '');" SERVER_SAYING("1")));
    warm_open_again(rig);
    assert_true(rig_start(rig, "app", 1, SERVER_SAYING("require('fs').readdirSync('/data').length +"
                          " ' ' + (require('fs').appendFileSync('/data/7', 'x') || 'written')")));
    assert_false(was_warm(rig, "app"));
    assert_true(rig_ask(rig, "app", "/"));
    assert_non_null(strstr(rig->answer, "2001 written"));
}

/* ---- whose it is ---- */

static void test_each_serves_one_app(void **state)
{
    struct rig *rig = *state;

    rig_wait_warm(rig, 2);
    assert_true(rig_start(rig, "one", 1, SERVER_SAYING("require('fs').writeFileSync('/data/x', '')")));
    assert_true(rig_start(rig, "two", 1, SERVER_SAYING("require('fs').readdirSync('/data')")));
    assert_true(was_warm(rig, "one"));
    assert_true(was_warm(rig, "two"));
    assert_true(rig_ask(rig, "one", "/"));
    assert_true(rig_ask(rig, "two", "/"));
    assert_null(strstr(strstr(rig->answer, "\r\n\r\n"), "x"));
    if (rig->sandbox.workspace.owns_uids)
        assert_int_not_equal(owner_of(rig, "one/data"), owner_of(rig, "two/data"));
    rig_wait_warm(rig, 2);                      /* and others are booted */
}

/* A change is tried out in one and runs in another. */
static void test_a_change_uses_two(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "app", 1, KEEPS));
    rig_wait_warm(rig, 2);
    assert_true(rig_start(rig, "app", 2, KEEPS "// two"));
    assert_non_null(strstr(rig_log(rig, "app"), "tried out on a copy of the data, warm"));
    assert_true(was_warm(rig, "app"));
    assert_true(rig_ask(rig, "app", "/data"));
    assert_non_null(strstr(rig->answer, "kept"));
    assert_true(rig_stop(rig, "app"));
    rig_wait_warm(rig, 2);
    assert_int_equal(count_uids(rig), rig->sandbox.workspace.owns_uids ? 3 : 0);    /* the trial's
                                                                                     * is free */
}

/* The new version does not answer: the old one comes back, on data that is another uid's now. */
static void test_a_failed_change_goes_back(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "app", 1, KEEPS));
    rig_wait_warm(rig, 2);
    assert_false(rig_start(rig, "app", 2, "if (require('fs').existsSync('/data/out')) process.exit(4);"
                           SERVER_SAYING("1")));        /* a trial's copy has no links */
    assert_int_equal(rig->fault.kind, FAULT_start_failed);
    assert_non_null(strstr(rig_log(rig, "app"), "version 2 starts, warm"));
    assert_true(rig_ask(rig, "app", "/add"));
    assert_non_null(strstr(rig->answer, "kepthh"));
}

static void test_other_limits_start_cold(void **state)
{
    const struct file file = {.path = TEXT_OF("server.js"), .content = TEXT_OF(SERVER_SAYING("1"))};
    const struct run_config memory = {.memory_mb = 256}, cpu = {.cpu_percent = 75};
    struct rig *rig = *state;

    rig_wait_warm(rig, 1);
    assert_true(rig_start_files(rig, "memory", 1, (struct files){&file, 1}, &memory));
    assert_false(was_warm(rig, "memory"));
    assert_true(rig_start_files(rig, "cpu", 1, (struct files){&file, 1}, &cpu));
    assert_true(was_warm(rig, "cpu"));
}

/* ---- when it fails ---- */

/* The node that waits: no other of this rig has been told to require warm.js. */
static pid_t waiting_node(struct rig *rig)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    char path[300], text[4096];
    pid_t found = 0;

    while (dir && (entry = readdir(dir)) && !found) {
        (void) snprintf(path, sizeof path, "/proc/%.200s/environ", entry->d_name);
        OWNED(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
        if (size <= 0 || !memmem(text, (size_t)size, "--require=/isekai/warm.js", 25))
            continue;
        struct stat ours, its;
        (void) snprintf(path, sizeof path, "/proc/%.200s/root/isekai/warm.js", entry->d_name);
        (void) snprintf(text, sizeof text, "%.4000s/runtime/cage/isekai/warm.js", rig->data);
        if (stat(path, &its) == 0 && stat(text, &ours) == 0 && its.st_ino == ours.st_ino)
            found = atoi(entry->d_name);
    }
    if (dir)
        (void) closedir(dir);
    return found;
}

static void test_a_deaf_one_is_replaced(void **state)
{
    struct rig *rig = *state;

    rig_wait_warm(rig, 1);
    pid_t node = waiting_node(rig);
    assert_true(node > 1);
    assert_int_equal(kill(node, SIGSTOP), 0);
    if (!rig_start(rig, "app", 1, SERVER_SAYING("'here'")))
        fail_msg("%s %s", rig->fault.reason, rig_log(rig, "app"));
    assert_non_null(strstr(rig_log(rig, "app"), "starts in a fresh one"));
    assert_true(rig_ask(rig, "app", "/"));
    assert_non_null(strstr(rig->answer, "here"));
    assert_true(rig_stop(rig, "app"));
}

static bool is_without(void *rig)
{
    return supervisor_count_warm(((struct rig *)rig)->sandbox.supervisor) == 0;
}

static void test_a_dead_one_is_not_used(void **state)
{
    struct rig *rig = *state;

    rig_wait_warm(rig, 1);
    assert_int_equal(kill(waiting_node(rig), SIGKILL), 0);
    assert_true(rig_wait(is_without, rig));
    assert_true(rig_start(rig, "app", 1, SERVER_SAYING("'here'")));
    assert_false(was_warm(rig, "app"));
    rig_wait_warm(rig, 1);                      /* after a pause */
}

/* Taken, and then dead before the run begins: the run's files are in place for a fresh cage. */
static void test_one_that_dies_in_between(void **state)
{
    struct rig *rig = *state;
    struct run_plan plan = {.version = 1, .app_id = "app", .run_id = "run-1",
                            .entry.path = "server.js", .deadline_ms = INT64_MAX};
    const struct file file = {.path = TEXT_OF("server.js"), .content = TEXT_OF(SERVER_SAYING("2"))};
    struct run_outcome outcome;

    assert_true(limits_choose(&rig->settings, NULL, &plan.limits, &rig->fault));
    rig_wait_warm(rig, 1);
    pid_t node = waiting_node(rig);
    OWNED(fd) int app = workspace_app(&rig->sandbox.workspace, "app", true, &rig->fault);
    assert_true(workspace_put_version(&rig->sandbox.workspace, app, 1, (struct files){&file, 1},
                                      &rig->fault));
    assert_true(workspace_data(&rig->sandbox.workspace, app, &plan.uid, &rig->fault));
    assert_true(supervisor_take_warm(rig->sandbox.supervisor, &plan));
    struct run_plan second = plan;
    assert_false(supervisor_take_warm(rig->sandbox.supervisor, &second));   /* it is taken */
    assert_true(workspace_copy_version(&rig->sandbox.workspace, app, 1, plan.uid, plan.warm,
                                       plan.app_copy, &rig->fault));
    assert_true(workspace_give_data(&rig->sandbox.workspace, app, plan.warm, &rig->fault));
    assert_int_equal(kill(node, SIGKILL), 0);
    if (!supervisor_begin(rig->sandbox.supervisor, &plan, &outcome, &rig->fault))
        fail_msg("%s %s", rig->fault.reason, rig_log(rig, "app"));
    assert_true(rig_ask(rig, "app", "/"));
    assert_non_null(strstr(rig->answer, "2"));
}

/* ---- and at the end ---- */

static void test_nothing_is_left(void **state)
{
    struct rig *rig = *state;
    char path[2 * PATH_MAX];

    rig_wait_warm(rig, 2);
    assert_true(rig_start(rig, "app", 1, SERVER_SAYING("1")));
    rig_wait_warm(rig, 2);
    assert_true(rig_count_processes(rig) > 0);
    int64_t begun = clock_now_ms();
    rig_shut(rig);
    assert_true(clock_now_ms() - begun < 5000);
    assert_int_equal(rig_count_processes(rig), 0);
    (void) snprintf(path, sizeof path, "%s/runtime/warm", rig->data);
    assert_int_equal(rig_count_entries(path), 0);
    app_path(rig, "app/data", path);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_cpu_of_the_boot_is_not_the_apps(void **state)
{
    struct rig *rig = *state;

    if (!rig_has_cgroups(rig))
        skip();
    assert_true(rig_start(rig, "cold", 1, SERVER_SAYING("1")));
    assert_true(rig_stop(rig, "cold"));
    double cold = rig->state.exit->cpu_seconds;
    warm_open_again(rig);
    assert_true(rig_start(rig, "warm", 1, SERVER_SAYING("1")));
    assert_true(was_warm(rig, "warm"));
    assert_true(rig_stop(rig, "warm"));
    assert_true(rig->state.exit->cpu_seconds > 0);
    assert_true(rig->state.exit->cpu_seconds < cold * 0.8);
}

int main(void)
{
#define WITH_NONE(test) cmocka_unit_test_setup_teardown(test, warm_open_none, warm_remove)
#define WITH_ONE(test) cmocka_unit_test_setup_teardown(test, warm_open_one, warm_remove)
#define WITH_TWO(test) cmocka_unit_test_setup_teardown(test, warm_open_two, warm_remove)
    const struct CMUnitTest tests[] = {
        WITH_ONE(test_data_is_kept),
        WITH_NONE(test_an_interrupted_move_is_ended),
        WITH_NONE(test_too_much_data_starts_cold),
        WITH_TWO(test_each_serves_one_app),
        WITH_TWO(test_a_change_uses_two),
        WITH_TWO(test_a_failed_change_goes_back),
        WITH_ONE(test_other_limits_start_cold),
        WITH_ONE(test_a_deaf_one_is_replaced),
        WITH_ONE(test_a_dead_one_is_not_used),
        WITH_ONE(test_one_that_dies_in_between),
        WITH_TWO(test_nothing_is_left),
        WITH_NONE(test_cpu_of_the_boot_is_not_the_apps),
    };
#undef WITH_NONE
#undef WITH_ONE
#undef WITH_TWO

    return cmocka_run_group_tests(tests, NULL, NULL);
}
