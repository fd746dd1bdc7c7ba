/* files_test - trees an app has shaped, versions and copies, the sweeper.
 *
 * Method: real directories under /tmp with every trick a process of the app could leave in them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "actors/sandbox/sweeper.h"
#include "actors/sandbox/tree.h"
#include "actors/sandbox/workspace.h"
#include "bus/clock.h"
#include "bus/owned.h"

static char top[] = "/tmp/isekai-files-XXXXXX";
static int root = -1;
static struct fault fault;

static int make(void **state)
{
    (void) state;
    (void) snprintf(top, sizeof top, "/tmp/isekai-files-XXXXXX");
    assert_non_null(mkdtemp(top));
    assert_int_equal(chmod(top, 0711), 0);
    root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    return 0;
}

static int drop(void **state)
{
    (void) state;
    assert_true(tree_empty(root, &fault));
    fd_drop(&root);
    assert_int_equal(rmdir(top), 0);
    return 0;
}

static void put(const char *path, const char *content)
{
    OWNED(fd) int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
}

static bool is_there(const char *path)
{
    return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static const char *read_back(const char *path)
{
    static char content[4096];
    OWNED(fd) int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, content, sizeof content - 1) : 0;

    content[size > 0 ? size : 0] = '\0';
    return content;
}

/* ---- writing ---- */

static void test_writing_makes_directories(void **state)
{
    (void) state;
    assert_true(tree_write(root, TEXT_OF("a/b/c.txt"), TEXT_OF("hello"), 0, &fault));
    assert_true(tree_write(root, TEXT_OF("a/b/d.txt"), TEXT_OF(""), 0, &fault));
    assert_string_equal(read_back("a/b/c.txt"), "hello");
}

static void test_paths_that_lead_out_are_refused(void **state)
{
    static const char *const paths[] = {"../x", "/x", "a/../../x", "a//b", "./x", "a\\b", ".", "",
                                        "a/", "x\ny"};

    (void) state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_false(tree_write(root, text_from(paths[i]), TEXT_OF("x"), 0, &fault));
        assert_int_equal(fault.kind, FAULT_malformed);
    }
    assert_false(tree_write(root, (struct text){"a\0b", 3}, TEXT_OF("x"), 0, &fault));
}

static void test_links_are_not_followed_when_writing(void **state)
{
    (void) state;
    assert_int_equal(mkdirat(root, "real", 0700), 0);
    put("victim", "safe");
    assert_int_equal(symlinkat("real", root, "link"), 0);
    assert_int_equal(symlinkat("victim", root, "file"), 0);
    assert_int_equal(symlinkat("/tmp", root, "out"), 0);
    assert_int_equal(linkat(root, "victim", root, "hard", 0), 0);
    assert_false(tree_write(root, TEXT_OF("link/x"), TEXT_OF("bad"), 0, &fault));
    assert_false(tree_write(root, TEXT_OF("out/isekai-x"), TEXT_OF("bad"), 0, &fault));
    assert_false(tree_write(root, TEXT_OF("file"), TEXT_OF("bad"), 0, &fault));
    assert_false(tree_write(root, TEXT_OF("hard"), TEXT_OF("bad"), 0, &fault));
    assert_false(is_there("real/x"));
    assert_string_equal(read_back("victim"), "safe");
}

static void test_a_file_cannot_be_a_directory_too(void **state)
{
    (void) state;
    assert_true(tree_write(root, TEXT_OF("a"), TEXT_OF("x"), 0, &fault));
    assert_false(tree_write(root, TEXT_OF("a/b"), TEXT_OF("x"), 0, &fault));
    assert_true(tree_write(root, TEXT_OF("d/e"), TEXT_OF("x"), 0, &fault));
    assert_false(tree_write(root, TEXT_OF("d"), TEXT_OF("x"), 0, &fault));
}

/* ---- copying ---- */

static const struct tree_bounds wide = {1 << 20, 1000, false};

static bool copy(const struct tree_bounds *bounds)
{
    OWNED(fd) int from = openat(root, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OWNED(fd) int to = -1;

    assert_int_equal(mkdirat(root, "to", 0700), 0);
    to = openat(root, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree_copy(from, to, 0, bounds, NULL, &fault);
}

static void test_only_files_and_directories_are_copied(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    OWNED(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void) state;
    put("secret", "of the host");
    assert_int_equal(mkdirat(root, "from", 0700), 0);
    assert_int_equal(mkdirat(root, "from/sub", 0700), 0);
    put("from/sub/f", "x");
    assert_int_equal(symlinkat("../secret", root, "from/link"), 0);
    assert_int_equal(symlinkat("/", root, "from/root"), 0);
    assert_int_equal(mkfifoat(root, "from/fifo", 0600), 0);     /* would block whoever opens it */
    (void) snprintf(address.sun_path, sizeof address.sun_path, "%.40s/from/socket", top);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(copy(&wide));
    assert_string_equal(read_back("to/sub/f"), "x");
    assert_false(is_there("to/link"));
    assert_false(is_there("to/root"));
    assert_false(is_there("to/fifo"));
    assert_false(is_there("to/socket"));
}

struct told { char path[64], why[64]; unsigned count; };

static void tell(void *self, const char *path, const char *why)
{
    struct told *told = self;

    (void) snprintf(told->path, sizeof told->path, "%.60s", path);
    (void) snprintf(told->why, sizeof told->why, "%s", why);
    told->count++;
}

static bool copy_told(const struct tree_bounds *bounds, struct told *told)
{
    const struct tree_watcher watcher = {told, tell};
    OWNED(fd) int from = openat(root, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OWNED(fd) int to = -1;

    *told = (struct told){.count = 0};
    (void) mkdirat(root, "to", 0700);
    to = openat(root, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree_copy(from, to, 0, bounds, &watcher, &fault);
}

static void test_what_is_not_copied_is_told(void **state)
{
    struct told told;

    (void) state;
    assert_int_equal(mkdirat(root, "from", 0700), 0);
    assert_int_equal(mkdirat(root, "from/sub", 0700), 0);
    put("from/sub/f", "x");
    assert_int_equal(symlinkat("/", root, "from/sub/link"), 0);
    assert_true(copy_told(&wide, &told));
    assert_int_equal(told.count, 1);
    assert_string_equal(told.path, "sub/link");
    assert_string_equal(told.why, "a symbolic link");
}

static void test_copies_are_bounded(void **state)
{
    const struct tree_bounds few = {1 << 20, 3, false}, small = {10, 1000, false};

    (void) state;
    assert_int_equal(mkdirat(root, "from", 0700), 0);
    put("from/a", "12345");
    put("from/b", "12345");
    put("from/c", "12345");
    put("from/d", "12345");
    assert_false(copy(&few));
    assert_int_equal(fault.kind, FAULT_too_large);
    assert_true(tree_remove(root, "to", &fault));
    assert_false(copy(&small));
    assert_int_equal(fault.kind, FAULT_too_large);
}

static void test_a_sparse_giant_is_not_copied(void **state)
{
    (void) state;
    assert_int_equal(mkdirat(root, "from", 0700), 0);
    put("from/giant", "");
    OWNED(fd) int fd = openat(root, "from/giant", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 1LL << 40), 0);
    assert_false(copy(&wide));
    assert_int_equal(fault.kind, FAULT_too_large);
}

enum { LONG_NAME = 250, LONG_LEVELS = 20 };

/* A path cannot name what lies so deep: who asks is told, who does not is refused. */
static void test_what_is_too_deep_is_told(void **state)
{
    char name[LONG_NAME + 1];
    struct told told;

    (void) state;
    assert_int_equal(mkdirat(root, "from", 0700), 0);
    int at = openat(root, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    memset(name, 'n', LONG_NAME);
    name[LONG_NAME] = '\0';
    for (int i = 0; i < LONG_LEVELS; i++) {
        assert_int_equal(mkdirat(at, name, 0700), 0);
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void) close(at);
        at = next;
    }
    (void) close(at);
    assert_false(copy(&wide));
    assert_int_equal(fault.kind, FAULT_too_large);
    assert_true(tree_remove(root, "to", &fault));
    assert_true(copy_told(&wide, &told));
    assert_int_equal(told.count, 1);
    assert_string_equal(told.why, "nested too deeply");
}

static void test_times_are_kept(void **state)
{
    const struct timespec times[2] = {{1000000000, 0}, {1000000000, 500}};
    struct stat about;

    (void) state;
    assert_int_equal(mkdirat(root, "from", 0700), 0);
    put("from/old", "x");
    assert_int_equal(utimensat(root, "from/old", times, 0), 0);
    assert_true(copy(&wide));
    assert_int_equal(fstatat(root, "to/old", &about, 0), 0);
    assert_int_equal(about.st_mtim.tv_sec, 1000000000);
}

/* ---- removing ---- */

/* Deeper than any path name, made with steps relative to the directory before. */
static void make_deep(int levels)
{
    int at = fcntl(root, F_DUPFD_CLOEXEC, 3);

    for (int i = 0; i < levels; i++) {
        assert_int_equal(mkdirat(at, "d", 0700), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        OWNED(fd) int file = openat(next, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(file >= 0);
        (void) close(at);
        at = next;
    }
    (void) close(at);
}

static void test_deep_trees_are_removed(void **state)
{
    (void) state;
    make_deep(5000);
    assert_true(tree_remove(root, "d", &fault));
    assert_false(is_there("d"));
}

static void test_wide_trees_are_removed(void **state)
{
    char name[32];

    (void) state;
    assert_int_equal(mkdirat(root, "w", 0700), 0);
    for (int i = 0; i < 2000; i++) {
        (void) snprintf(name, sizeof name, "w/%d", i);
        if (i % 2)
            put(name, "");
        else
            assert_int_equal(mkdirat(root, name, 0700), 0);
    }
    assert_true(tree_remove(root, "w", &fault));
}

static void test_removal_follows_no_link(void **state)
{
    (void) state;
    assert_int_equal(mkdirat(root, "kept", 0700), 0);
    put("kept/file", "x");
    assert_int_equal(mkdirat(root, "gone", 0700), 0);
    assert_int_equal(symlinkat("../kept", root, "gone/link"), 0);
    assert_int_equal(symlinkat("kept", root, "top"), 0);
    assert_int_equal(linkat(root, "kept/file", root, "gone/hard", 0), 0);
    assert_true(tree_remove(root, "gone", &fault));
    assert_true(tree_remove(root, "top", &fault));
    assert_false(is_there("gone"));
    assert_false(is_there("top"));
    assert_string_equal(read_back("kept/file"), "x");
}

static void test_shut_directories_are_removed(void **state)
{
    (void) state;
    assert_int_equal(mkdirat(root, "a", 0700), 0);
    assert_int_equal(mkdirat(root, "a/b", 0700), 0);
    assert_int_equal(mkdirat(root, "a/b/c", 0700), 0);
    put("a/b/c/f", "x");
    /* Names that the removal itself uses. */
    assert_int_equal(mkdirat(root, "a/.isekai-0", 0700), 0);
    put("a/.isekai-0/f", "x");
    assert_int_equal(fchmodat(root, "a/b/c", 0, 0), 0);
    assert_int_equal(fchmodat(root, "a/b", 0, 0), 0);
    assert_int_equal(fchmodat(root, "a", 01000, 0), 0);
    assert_true(tree_remove(root, "a", &fault));
    assert_false(is_there("a"));
    assert_true(tree_remove(root, "never was", &fault));
}

/* ---- workspaces ---- */

static struct workspace workspace;

static void open_workspace(void)
{
    const struct workspace_options options = {.data = top, .uid_first = 300000, .uid_count = 2};

    if (!workspace_open(&workspace, &options, &fault))
        fail_msg("%s", fault.reason);
}

static void test_app_ids_cannot_lead_out(void **state)
{
    static const char *const ids[] = {"..", ".", "a/b", "../apps", "", "a b", "a.b", "\xc3\xbc"};

    (void) state;
    open_workspace();
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(workspace_app(&workspace, ids[i], true, &fault), -1);
        assert_int_equal(fault.kind, FAULT_malformed);
    }
    assert_int_equal(symlinkat("/tmp", workspace.apps, "evil"), 0);
    assert_int_equal(workspace_app(&workspace, "evil", true, &fault), -1);
    assert_int_equal(workspace_app(&workspace, "evil", false, &fault), -1);
    assert_int_equal(workspace_app(&workspace, "absent", false, &fault), -1);
    assert_int_equal(fault.kind, FAULT_app_not_found);
    workspace_close(&workspace);
}

static void test_versions_and_copies(void **state)
{
    const struct file files[] = {{.path = TEXT_OF("server.js"), .content = TEXT_OF("one")},
                                 {.path = TEXT_OF("lib/x.js"), .content = TEXT_OF("x")}};
    char copied[WORKSPACE_NAME_SIZE], path[200];
    uid_t uid;

    (void) state;
    open_workspace();
    OWNED(fd) int app = workspace_app(&workspace, "app", true, &fault);
    assert_true(workspace_put_version(&workspace, app, 1, (struct files){files, 2}, &fault));
    /* The same number again with other files: these count, and nothing of the first is left. */
    assert_true(workspace_put_version(&workspace, app, 1, (struct files){files, 1}, &fault));
    assert_true(workspace_has_version(app, 1));
    assert_false(workspace_has_version(app, 2));
    assert_true(workspace_data(&workspace, app, &uid, &fault));
    assert_true(workspace_copy_version(&workspace, app, 1, uid, 0, copied, &fault));
    (void) snprintf(path, sizeof path, "runtime/apps/app/%s/server.js", copied);
    assert_string_equal(read_back(path), "one");
    (void) snprintf(path, sizeof path, "runtime/apps/app/%s/lib/x.js", copied);
    assert_false(is_there(path));
    assert_false(workspace_copy_version(&workspace, app, 7, uid, 0, copied, &fault));
    assert_true(workspace_clear_runs(&workspace, &fault));
    (void) snprintf(path, sizeof path, "runtime/apps/app/%s", copied);
    assert_false(is_there(path));
    assert_true(is_there("runtime/apps/app/versions/1/server.js"));
    assert_true(is_there("runtime/apps/app/data"));
    workspace_close(&workspace);
}

static void test_uids_are_remembered_and_reused(void **state)
{
    uid_t first, second, third, again;

    (void) state;
    if (geteuid() != 0)
        skip();
    open_workspace();
    OWNED(fd) int a = workspace_app(&workspace, "a", true, &fault);
    OWNED(fd) int b = workspace_app(&workspace, "b", true, &fault);
    OWNED(fd) int c = workspace_app(&workspace, "c", true, &fault);
    assert_true(workspace_data(&workspace, a, &first, &fault));
    assert_true(workspace_data(&workspace, b, &second, &fault));
    assert_int_equal(first, 300000);
    assert_int_equal(second, 300001);
    assert_false(workspace_data(&workspace, c, &third, &fault));
    assert_int_equal(fault.kind, FAULT_capacity);
    workspace_close(&workspace);

    open_workspace();                   /* another life reads them from the disk */
    assert_true(workspace_data(&workspace, b, &again, &fault));
    assert_int_equal(again, second);
    assert_false(workspace_data(&workspace, c, &third, &fault));
    assert_true(workspace_discard_app(&workspace, "a", &fault));
    workspace_forget_uid(&workspace, first);
    assert_true(workspace_data(&workspace, c, &third, &fault));
    assert_int_equal(third, first);
    workspace_close(&workspace);
}

static void test_big_data_gives_an_empty_trial(void **state)
{
    char copied[WORKSPACE_NAME_SIZE], path[200];
    uid_t uid;

    (void) state;
    open_workspace();
    OWNED(fd) int app = workspace_app(&workspace, "app", true, &fault);
    assert_true(workspace_data(&workspace, app, &uid, &fault));
    put("runtime/apps/app/data/f", "x");
    assert_true(workspace_copy_data(&workspace, app, uid, 0, copied, &fault));
    (void) snprintf(path, sizeof path, "runtime/apps/app/%s/f", copied);
    assert_true(is_there(path));
    OWNED(fd) int big = openat(root, "runtime/apps/app/data/f", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(big, DATA_COPY_OCTETS_MAX + 1), 0);
    assert_true(workspace_copy_data(&workspace, app, uid, 0, copied, &fault));
    (void) snprintf(path, sizeof path, "runtime/apps/app/%s", copied);
    assert_true(is_there(path));
    (void) snprintf(path, sizeof path, "runtime/apps/app/%s/f", copied);
    assert_false(is_there(path));
    workspace_close(&workspace);
}

static void test_the_sweeper_empties_the_trash(void **state)
{
    (void) state;
    open_workspace();
    OWNED(fd) int app = workspace_app(&workspace, "app", true, &fault);
    assert_true(app >= 0);
    put("runtime/apps/app/f", "x");
    assert_true(workspace_discard_app(&workspace, "app", &fault));
    assert_false(workspace_has(&workspace, "app"));
    struct sweeper *sweeper = sweeper_new(workspace.trash, &fault);
    assert_non_null(sweeper);
    assert_true(sweeper_wait_clean(sweeper, clock_now_ms() + 10000));
    sweeper_free(sweeper, clock_now_ms() + 10000);
    assert_int_equal(unlinkat(root, "runtime/trash", AT_REMOVEDIR), 0);     /* empty */
    workspace_close(&workspace);
}

int main(void)
{
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_writing_makes_directories),
        IN_ROOM(test_paths_that_lead_out_are_refused),
        IN_ROOM(test_links_are_not_followed_when_writing),
        IN_ROOM(test_a_file_cannot_be_a_directory_too),
        IN_ROOM(test_only_files_and_directories_are_copied),
        IN_ROOM(test_what_is_not_copied_is_told),
        IN_ROOM(test_what_is_too_deep_is_told),
        IN_ROOM(test_times_are_kept),
        IN_ROOM(test_copies_are_bounded),
        IN_ROOM(test_a_sparse_giant_is_not_copied),
        IN_ROOM(test_deep_trees_are_removed),
        IN_ROOM(test_wide_trees_are_removed),
        IN_ROOM(test_removal_follows_no_link),
        IN_ROOM(test_shut_directories_are_removed),
        IN_ROOM(test_app_ids_cannot_lead_out),
        IN_ROOM(test_versions_and_copies),
        IN_ROOM(test_uids_are_remembered_and_reused),
        IN_ROOM(test_big_data_gives_an_empty_trial),
        IN_ROOM(test_the_sweeper_empties_the_trash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
