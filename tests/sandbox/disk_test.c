/* disk_test - an app that takes more disk than it may is ended, and nobody else suffers.
 *
 * Method: apps that fill their disk in each way there is, under small limits; how their run ended,
 * what they left behind, and an app beside them. First the counting alone, on trees made here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/tree.h"
#include "bus/owned.h"
#include "tests/sandbox/rig.h"

enum { DISK_MB = 8, ENTRIES_MAX = 300, LEFT_MB_MAX = 64 };

static struct rig rig;

/* ---- counting ---- */

static const struct disk_bounds plenty = {1 << 30, 100000, NULL};

struct tree { char path[32]; int dir; };

static struct tree tree_make(void)
{
    struct tree tree = {.path = "/tmp/isekai-disk-XXXXXX"};

    assert_non_null(mkdtemp(tree.path));
    tree.dir = open(tree.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(tree.dir >= 0);
    return tree;
}

static void tree_drop(struct tree *tree)
{
    struct fault fault;

    fd_drop(&tree->dir);
    assert_true(tree_remove(AT_FDCWD, tree->path, &fault));
}

static void put(int dir, const char *name, size_t octets)
{
    static const char zeros[65536];
    OWNED(fd) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    for (size_t written = 0; written < octets; written += sizeof zeros)
        assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
}

static void test_blocks_are_counted(void **state)
{
    struct tree tree = tree_make();
    struct disk_usage usage = {0};

    (void) state;
    put(tree.dir, "full", 1 << 20);
    put(tree.dir, "sparse", 0);
    assert_int_equal(mkdirat(tree.dir, "below", 0700), 0);
    put(tree.dir, "below/more", 1 << 20);
    OWNED(fd) int sparse = openat(tree.dir, "sparse", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(sparse, 1LL << 40), 0);
    assert_int_equal(symlinkat("/", tree.dir, "below/root"), 0);
    disk_measure(tree.dir, &plenty, &usage);
    assert_in_range(usage.octets, 2 << 20, (2 << 20) + 65536);
    assert_int_equal(usage.entries, 5);
    assert_false(usage.is_hidden);
    tree_drop(&tree);
}

static void test_a_walk_ends_at_its_bounds(void **state)
{
    const struct disk_bounds few = {1 << 30, 10, NULL};
    struct tree tree = tree_make();
    struct disk_usage usage = {0};
    char name[16];

    (void) state;
    for (int i = 0; i < 100; i++) {
        (void) snprintf(name, sizeof name, "%d", i);
        put(tree.dir, name, 0);
    }
    disk_measure(tree.dir, &few, &usage);
    assert_int_equal(usage.entries, 11);
    assert_true(disk_is_over(&usage, &few));
    tree_drop(&tree);
}

static void test_depth_is_hidden(void **state)
{
    char path[2 * (DISK_DEPTH_MAX + 2)] = "";
    struct tree tree = tree_make();
    struct disk_usage usage = {0};

    (void) state;
    for (int i = 1; i < DISK_DEPTH_MAX; i++) {
        (void) snprintf(path + strlen(path), 3, i > 1 ? "/d" : "d");
        assert_int_equal(mkdirat(tree.dir, path, 0700), 0);
    }
    disk_measure(tree.dir, &plenty, &usage);
    assert_false(usage.is_hidden);
    (void) snprintf(path + strlen(path), 3, "/d");
    assert_int_equal(mkdirat(tree.dir, path, 0700), 0);
    disk_measure(tree.dir, &plenty, &usage);
    assert_true(usage.is_hidden);
    tree_drop(&tree);
}

/* A file that is neither open nor named, and takes room as long as it is mapped. */
static void map_and_unlink(int dir)
{
    put(dir, "mapped", 1 << 20);
    int fd = openat(dir, "mapped", O_RDONLY | O_CLOEXEC);
    (void) mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    (void) unlinkat(dir, "mapped", 0);
}

/* Open in a child of a child, twice; and by then without a name. What is mapped is told to root. */
static void test_unlinked_files_are_counted_once(void **state)
{
    struct tree tree = tree_make();
    struct disk_usage before = {0}, usage = {0};
    struct stat about;
    int told[2], held[2];
    char byte;

    (void) state;
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    assert_int_equal(pipe2(held, O_CLOEXEC), 0);
    assert_int_equal(fstat(tree.dir, &about), 0);
    disk_measure_unlinked(getpid(), about.st_dev, about.st_uid, &plenty, &before);  /* a sanitizer's */
    pid_t child = fork();
    if (child == 0) {
        put(tree.dir, "gone", 1 << 20);
        int fd = openat(tree.dir, "gone", O_RDONLY | O_CLOEXEC);
        (void) !dup(fd);
        (void) unlinkat(tree.dir, "gone", 0);
        map_and_unlink(tree.dir);
        (void) fork();
        (void) !write(told[1], "", 1);
        close(held[1]);
        (void) !read(held[0], &byte, 1);
        _exit(0);
    }
    close(held[0]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_int_equal(read(told[0], &byte, 1), 1);
    disk_measure_unlinked(getpid(), about.st_dev, about.st_uid, &plenty, &usage);
    unsigned files = geteuid() == 0 ? 2 : 1;
    assert_in_range(usage.octets - before.octets, files << 20, (files << 20) + 65536);
    assert_int_equal(usage.entries - before.entries, files);
    close(held[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(told[0]);
    close(told[1]);
    tree_drop(&tree);
}

/* Seen by an ordinary user, who is all that keeps himself out. */
static void test_shut_directories_are_counted(void **state)
{
    struct tree tree = tree_make();
    struct disk_usage usage = {0};
    int status;

    (void) state;
    assert_int_equal(mkdirat(tree.dir, "unread", 0700), 0);
    assert_int_equal(mkdirat(tree.dir, "unread/unsearched", 0700), 0);
    put(tree.dir, "unread/unsearched/file", 1 << 20);
    assert_int_equal(fchmodat(tree.dir, "unread/unsearched", 0600, 0), 0);
    assert_int_equal(fchmodat(tree.dir, "unread", 0100, 0), 0);
    assert_int_equal(fchmod(tree.dir, 0), 0);
    pid_t child = fork();
    if (child == 0) {
        static const char *const all[] = {"", "unread", "unread/unsearched"};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            if (geteuid() == 0 && fchownat(tree.dir, all[i], 65534, 65534, AT_EMPTY_PATH) < 0)
                _exit(2);
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
            _exit(3);
        disk_measure(tree.dir, &plenty, &usage);
        _exit(usage.octets >= 1 << 20 && usage.entries == 3 && !usage.is_hidden ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void) fchmod(tree.dir, 0700);
    tree_drop(&tree);
}

/* ---- apps ---- */

static int open_(void **state)
{
    (void) state;
    rig_make(&rig);
    rig.settings.max_disk_mb = DISK_MB;
    rig.settings.max_files = ENTRIES_MAX;
    rig_open(&rig);
    return 0;
}

static int drop(void **state)
{
    (void) state;
    rig_remove(&rig);
    return 0;
}

static const char *body(void)
{
    const char *at = strstr(rig.answer, "\r\n\r\n");

    return at ? at + 4 : "";
}

/* On /fill it does the same thing again and again, with time for others in between. */
#define FILLER(what) \
    "const fs = require('fs'); const open = []; let n = 0; const fill = () => { for (let i = 0; " \
    "i < 4; i++, n++) { " what " } setImmediate(fill); };" \
    SERVER_SAYING("q.url === '/fill' ? setImmediate(fill) && 1 : 'here'")

/* The id is the row of plain_app.c too. */
static const struct { const char *app_id, *server_js, *text; } fillers[] = {
    {"octets", FILLER("fs.writeFileSync('/data/' + n, Buffer.alloc(1 << 18));"),
     "The app used more disk than its 8 MB (config.diskMb)."},
    {"at-once", FILLER("for (;; n++) fs.writeFileSync('/data/' + n, Buffer.alloc(1 << 22));"),
     "The app used more disk than its 8 MB (config.diskMb)."},
    {"code", FILLER("fs.writeFileSync('/app/' + n, Buffer.alloc(1 << 18));"),
     "The app used more disk than its 8 MB (config.diskMb)."},
    {"both", FILLER("fs.writeFileSync((n % 2 ? '/app/' : '/data/') + n, Buffer.alloc(1 << 18));"),
     "The app used more disk than its 8 MB (config.diskMb)."},
    {"files", FILLER("fs.writeFileSync('/data/' + n, '');"),
     "The app made more than its 300 files and directories (config.maxFiles)."},
    {"unlinked", FILLER("if (n < 500) { const f = fs.openSync('/data/x', 'w'); open.push(f); "
                        "fs.unlinkSync('/data/x'); fs.writeSync(f, Buffer.alloc(1 << 18)); }"),
     "The app used more disk than its 8 MB (config.diskMb)."},
    {"deep", FILLER("fs.mkdirSync('d'); process.chdir('d'); if (n === 0) process.chdir('/data');"),
     "The app made files that cannot be counted: deeper than 64 directories, shut to their owner, or held open too often."},
};

static bool has_ended(void *ended)
{
    return supervisor_next_ended(rig.sandbox.supervisor, ended);
}

static uint64_t data_octets(const char *app_id)
{
    char path[2 * PATH_MAX];
    struct disk_usage usage = {0};
    const struct disk_bounds all = {UINT64_MAX, UINT64_MAX, NULL};

    (void) snprintf(path, sizeof path, "%s/runtime/apps/%s/data", rig.data, app_id);
    OWNED(fd) int data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(data >= 0);
    disk_measure(data, &all, &usage);
    return usage.octets;
}

/* Limits of memory and time are not what ends it: they would show as another reason. */
static void test_who_fills_its_disk_is_ended(void **state)
{
    struct ended_run ended;
    char why[VERDICT_TEXT_SIZE];

    (void) state;
    assert_true(rig_start(&rig, "calm", 1, rig_code(&rig, "calm", SERVER_SAYING("'calm'"))));
    for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++) {
        assert_true(rig_start(&rig, fillers[i].app_id, 1,
                              rig_code(&rig, fillers[i].app_id, fillers[i].server_js)));
        (void) rig_ask(&rig, fillers[i].app_id, "/fill");
        if (!rig_wait(has_ended, &ended))
            fail_msg("'%s' was not ended", fillers[i].app_id);
        assert_string_equal(ended.app_id, fillers[i].app_id);
        assert_string_equal(ended.text, fillers[i].text);
        (void) snprintf(why, sizeof why, "version 1 %.*s", (int)strlen(ended.text) - 9,
                        ended.text + strlen("The app "));
        assert_int_equal(ended.end.reason, end_reason_signal);
        assert_int_equal(ended.end.signal, 9);
        assert_int_equal(ended.hits.disk_refused, 1);
        assert_int_equal(ended.status, app_status_error);
        assert_in_range(data_octets(fillers[i].app_id), 0, (uint64_t)LEFT_MB_MAX << 20);
        supervisor_forget_ended(rig.sandbox.supervisor, ended.number);
        assert_non_null(strstr(rig_log(&rig, fillers[i].app_id), why));
        assert_true(rig_ask(&rig, "calm", "/"));
        assert_string_equal(body(), "calm");
    }
    assert_true(rig_stop(&rig, "calm"));
}

/* What has taken too much does not start again, until it may hold more. */
static void test_full_data_does_not_start(void **state)
{
    const struct file file = {.path = TEXT_OF("server.js"),
                              .content = text_from(rig_code(&rig, "one", SERVER_SAYING("1")))};
    const struct run_config more = {.disk_mb = 1024, .max_files = 100000};
    const struct files files = {&file, 1};

    char path[2 * PATH_MAX];

    (void) state;
    (void) snprintf(path, sizeof path, "%s/runtime/apps/octets/data", rig.data);
    OWNED(fd) int data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put(data, "more", (DISK_MB + 1) << 20);
    assert_false(rig_start_files(&rig, "octets", 2, files, NULL));
    assert_int_equal(rig.fault.kind, FAULT_start_failed);
    assert_string_equal(rig.fault.reason, "Its data is more than it may hold: 8 MB (config.diskMb) "
                        "in 300 files (config.maxFiles); ask for more.");
    assert_true(rig_start_files(&rig, "octets", 2, files, &more));
    assert_true(rig_stop(&rig, "octets"));
}

/* The copy that a new version is tried out on counts as its disk; the old one goes on. */
static void test_a_trial_that_fills_its_disk_is_refused(void **state)
{
    (void) state;
    assert_true(rig_start(&rig, "tried", 1, rig_code(&rig, "first", SERVER_SAYING("'first'"))));
    assert_false(rig_start(&rig, "tried", 2, rig_code(&rig, "filler", "const fs = require('fs'); const fill = n => {"
        "fs.writeFileSync('/data/' + n, Buffer.alloc(1 << 18)); setImmediate(fill, n + 1); };"
        "fill(0);")));
    assert_int_equal(rig.fault.kind, FAULT_start_failed);
    assert_string_equal(rig.fault.reason, "The app used more disk than its 8 MB (config.diskMb) "
                        "before it answered.");
    assert_true(rig_ask(&rig, "tried", "/"));
    assert_string_equal(body(), "first");
    assert_in_range(data_octets("tried"), 0, 65536);
    assert_true(rig_stop(&rig, "tried"));
}

static bool is_measured(void *app_id)
{
    return rig_get(&rig, app_id) && rig.state.disk_bytes > 1 << 20 && rig.state.disk_files > 3;
}

/* A trillion octets of nothing are nothing; what was written is seen from outside. */
static void test_what_is_held_is_told(void **state)
{
    static char name[] = "modest";

    (void) state;
    rig.settings.max_file_mb = 1;
    assert_true(rig_start(&rig, name, 1, rig_code(&rig, "modest", "const fs = require('fs');"
        "fs.writeFileSync('/data/1', Buffer.alloc(1 << 20)); fs.mkdirSync('/data/2');"
        "fs.truncateSync(fs.openSync('/data/3', 'w'), 1 << 20);" SERVER_SAYING("1"))));
    assert_true(rig_wait(is_measured, name));
    assert_in_range(rig.state.disk_bytes, 1 << 20, (1 << 20) + 65536);
    assert_int_equal(rig.state.disk_files, 4);
    assert_true(rig_stop(&rig, name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_counted),
        cmocka_unit_test(test_a_walk_ends_at_its_bounds),
        cmocka_unit_test(test_depth_is_hidden),
        cmocka_unit_test(test_unlinked_files_are_counted_once),
        cmocka_unit_test(test_shut_directories_are_counted),
        cmocka_unit_test(test_who_fills_its_disk_is_ended),
        cmocka_unit_test(test_full_data_does_not_start),
        cmocka_unit_test(test_a_trial_that_fills_its_disk_is_refused),
        cmocka_unit_test(test_what_is_held_is_told),
    };
    return cmocka_run_group_tests(tests, open_, drop);
}
