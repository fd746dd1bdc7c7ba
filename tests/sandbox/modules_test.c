/* modules_test - what an app can import without an install.
 *
 * Method: real cages with the modules that the build fetched. One app uses each and says what does not
 * work; others try to change them, bring a copy of their own, and ask for what is not there.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/tree.h"
#include "bus/beside.h"
#include "bus/owned.h"
#include "tests/sandbox/rig.h"

enum { APP_OCTETS_MAX = 65536 };

static struct rig rig;
static char modules[PATH_MAX];

static int begin(void **state)
{
    struct fault fault;

    (void) state;
    if (!beside_program("../share/isekai/modules", modules, &fault))
        return -1;
    rig_make(&rig);
    rig.modules = modules;
    rig_open(&rig);
    return 0;
}

static int end(void **state)
{
    (void) state;
    rig_remove(&rig);
    return 0;
}

static const char *copy_path(void)
{
    return rig.sandbox.modules.path;
}

static void test_each_can_be_used(void **state)
{
    static char app[APP_OCTETS_MAX];
    OWNED(fd) int fd = open("tests/sandbox/modules_app.js", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, app, sizeof app);
    const struct run_config config = {.cpu_percent = 200};

    (void) state;
    assert_true(size > 0);
    const struct file file = {.path = TEXT_OF("server.js"), .content = {app, (size_t)size}};
    assert_true(rig_start_files(&rig, "all", 1, (struct files){&file, 1}, &config));
    assert_true(rig_ask(&rig, "all", "/"));
    if (!strstr(rig.answer, "bad: []"))
        fail_msg("%s", rig.answer);
}

static void test_none_can_be_changed(void **state)
{
    (void) state;
    assert_true(rig_start(&rig, "vandal", 1, SERVER_SAYING(
        "[() => fs.writeFileSync('/node_modules/ws/index.js', ''),"
        " () => fs.writeFileSync('/node_modules/mine.js', ''),"
        " () => fs.unlinkSync('/node_modules/ws/index.js'),"
        " () => fs.renameSync('/node_modules/ws', '/node_modules/sw'),"
        " () => fs.chmodSync('/node_modules/ws', 0o777)].map(f => { try { f(); return 'done'; }"
        " catch (e) { return e.code; } }).join()") "const fs = require('fs');"));
    assert_true(rig_ask(&rig, "vandal", "/"));
    assert_non_null(strstr(rig.answer, "EROFS,EROFS,EROFS,EROFS,EROFS"));
}

static void test_an_apps_own_copy_wins(void **state)
{
    const struct file files[] = {
        {.path = TEXT_OF("package.json"), .content = TEXT_OF("{\"dependencies\":{\"ws\":\"^1.0.0\"}}")},
        {.path = TEXT_OF("node_modules/ws/index.js"), .content = TEXT_OF("module.exports = 'own';")},
        {.path = TEXT_OF("server.js"), .content = text_from(SERVER_SAYING("require('ws')"))},
    };

    (void) state;
    assert_true(rig_start_files(&rig, "own", 1, (struct files){files, 3}, NULL));
    assert_true(rig_ask(&rig, "own", "/"));
    assert_non_null(strstr(rig.answer, "own"));
}

static void test_what_is_not_there_is_refused(void **state)
{
    struct file files[] = {
        {.path = TEXT_OF("package.json"),
         .content = TEXT_OF("{\"dependencies\":{\"ws\":\"8\",\"left-pad\":\"^1.3.0\"}}")},
        {.path = TEXT_OF("server.js"), .content = text_from(SERVER_SAYING("1"))},
    };

    (void) state;
    assert_false(rig_start_files(&rig, "asks", 1, (struct files){files, 2}, NULL));
    assert_int_equal(rig.fault.kind, FAULT_start_failed);
    assert_non_null(strstr(rig.fault.reason, "'left-pad' is not here"));
    assert_non_null(strstr(rig.fault.reason, "express"));
    files[0].content = TEXT_OF("{\"dependencies\":{\"ws\":\"8\",\"express\":\"^4.18.0\"}}");
    assert_true(rig_start_files(&rig, "asks", 1, (struct files){files, 2}, NULL));
}

static const struct { const char *path, *answer; } pages[] = {
    {"/", "page"},
    {"/node_modules/preact/dist/preact.umd.js?x", "Component"},
    {"/node_modules/@picocss/pico/css/pico.min.css", "text/css"},
    {"/node_modules/ws/index.js", "own"},
    {"/node_modules/nothing.js", "HTTP/1.1 404"},
    {"/node_modules/../isekai/static.js", "HTTP/1.1 404"},
    {"/node_modules/%2e%2e/isekai/static.js", "HTTP/1.1 404"},
    {"/node_modules/../../isekai/static.js", "HTTP/1.1 400"},
    {"//node_modules/preact/package.json", "preact"},
    {"/preact/package.json", "HTTP/1.1 404"},
    {"/isekai/static.js", "HTTP/1.1 404"},
};

static void test_pages_without_code_have_them_too(void **state)
{
    const struct file files[] = {
        {.path = TEXT_OF("index.html"), .content = TEXT_OF("page")},
        {.path = TEXT_OF("node_modules/ws/index.js"), .content = TEXT_OF("own")},
    };

    (void) state;
    assert_true(rig_start_files(&rig, "page", 1, (struct files){files, 2}, NULL));
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        assert_true(rig_ask(&rig, "page", pages[i].path));
        if (!strstr(rig.answer, pages[i].answer))
            fail_msg("%s: %.200s", pages[i].path, rig.answer);
    }
}

/* ---- the copy ---- */

static ino_t inode(const char *path)
{
    struct stat about;

    assert_int_equal(stat(path, &about), 0);
    return about.st_ino;
}

static void test_a_second_start_copies_nothing(void **state)
{
    ino_t first = inode(copy_path());

    (void) state;
    rig_shut(&rig);
    rig_open(&rig);
    assert_int_equal(inode(copy_path()), first);
}

static void test_another_content_replaces_the_old(void **state)
{
    char other[PATH_MAX + 16], path[PATH_MAX + 64], old[PATH_MAX];
    const struct tree_bounds bounds = {256 << 20, 50000, true};
    OWNED(fd) int from = open(modules, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void) state;
    (void) snprintf(old, sizeof old, "%s", copy_path());
    (void) snprintf(other, sizeof other, "%s/other", rig.path);
    assert_int_equal(mkdir(other, 0700), 0);
    OWNED(fd) int to = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(tree_copy(from, to, 0, &bounds, NULL, &rig.fault));
    (void) snprintf(path, sizeof path, "%s/key", other);
    OWNED(fd) int key = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(write(key, "0123\n", 5), 5);
    rig_shut(&rig);
    rig.modules = other;
    rig_open(&rig);
    assert_string_not_equal(copy_path(), old);
    assert_int_equal(access(old, F_OK), -1);
    assert_true(rig_start(&rig, "after", 1, SERVER_SAYING("typeof require('ws').WebSocket")));
    assert_true(rig_ask(&rig, "after", "/"));
    assert_non_null(strstr(rig.answer, "function"));
}

static void test_a_place_without_modules_is_refused(void **state)
{
    struct modules opened;
    struct fault fault;

    (void) state;
    assert_false(modules_open(&opened, "/nonexistent", rig.sandbox.workspace.path, &fault));
    assert_int_equal(fault.kind, FAULT_not_found);
    assert_false(modules_open(&opened, rig.path, rig.sandbox.workspace.path, &fault));
    assert_int_equal(fault.kind, FAULT_not_found);
    assert_string_equal(opened.path, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_can_be_used),
        cmocka_unit_test(test_none_can_be_changed),
        cmocka_unit_test(test_an_apps_own_copy_wins),
        cmocka_unit_test(test_what_is_not_there_is_refused),
        cmocka_unit_test(test_pages_without_code_have_them_too),
        cmocka_unit_test(test_a_second_start_copies_nothing),
        cmocka_unit_test(test_another_content_replaces_the_old),
        cmocka_unit_test(test_a_place_without_modules_is_refused),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
