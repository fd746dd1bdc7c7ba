/* diff_test - a unified diff says what changed, and `patch` can do it.
 *
 * Method: small diffs written out by hand; then random files, whose diff patch(1) applies to the
 * old ones at the very lines it names, which must give the new ones; then the bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/apps/diff.h"
#include "actors/apps/files.h"

extern char **environ;

enum { ARENA_OCTETS = 1 << 26, ROUNDS = 40, FILES_PER_ROUND = 12, LINES_MAX = 40 };

static struct arena *arena;

static int make_arena(void **state)
{
    (void) state;
    arena = arena_new(ARENA_OCTETS);
    return arena ? 0 : -1;
}

static int drop_arena(void **state)
{
    (void) state;
    arena_free(arena);
    return 0;
}

static struct text diff_of(struct files before, struct files after)
{
    struct fault fault = {0};
    struct text diff;

    if (!diff_files(before, after, arena, &diff, &fault))
        fail_msg("%s", fault.reason);
    return diff;
}

/* ---- by hand ---- */

#define HEAD "--- a/f\n+++ b/f\n"

static const struct { const char *label, *before, *after, *diff; } rows[] = {
    {"nothing", "a\n", "a\n", NULL},
    {"one line", "a\n", "b\n", HEAD "@@ -1,1 +1,1 @@\n-a\n+b\n"},
    {"three lines around", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
     HEAD "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"},
    {"six lines between are one hunk", "a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
     HEAD "@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n"},
    {"seven are two", "a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
     HEAD "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n"},
    {"only came", "a\nc\n", "a\nb\nc\n", HEAD "@@ -1,2 +1,3 @@\n a\n+b\n c\n"},
    {"only went", "a\nb\nc\n", "a\nc\n", HEAD "@@ -1,3 +1,2 @@\n a\n-b\n c\n"},
    {"to nothing", "a\n", "", HEAD "@@ -1,1 +0,0 @@\n-a\n"},
    {"from nothing", "", "a\n", HEAD "@@ -0,0 +1,1 @@\n+a\n"},
    {"the end is lost", "a\n", "a", HEAD "@@ -1,1 +1,1 @@\n-a\n+a\n\\ No newline at end of file\n"},
    {"no end on both", "a\nb", "A\nb",
     HEAD "@@ -1,2 +1,2 @@\n-a\n+A\n b\n\\ No newline at end of file\n"},
    {"lines that look like a head", "-- x\n", "++ y\n",
     HEAD "@@ -1,1 +1,1 @@\n--- x\n+++ y\n"},
};

static void must_be(const char *label, struct text diff, const char *wanted)
{
    if (wanted ? !text_is(diff, wanted) : diff.at != NULL)
        fail_msg("%s:\n%.*s\nis not\n%s", label, TEXT_ARGS(diff), wanted ? wanted : "absent");
}

static void every_row_is_as_written(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct file before = {TEXT_OF("f"), text_from(rows[i].before), false};
        const struct file after = {TEXT_OF("f"), text_from(rows[i].after), false};
        must_be(rows[i].label, diff_of((struct files){&before, 1}, (struct files){&after, 1}),
                rows[i].diff);
    }
}

static void files_come_and_go(void **state)
{
    const struct file before[] = {{TEXT_OF("same"), TEXT_OF("s\n"), false},
                                  {TEXT_OF("goes"), TEXT_OF("g\n"), false}};
    const struct file after[] = {{TEXT_OF("dir/it comes"), TEXT_OF("c\n"), false},
                                 {TEXT_OF("same"), TEXT_OF("s\n"), false},
                                 {TEXT_OF("empty"), TEXT_OF(""), false}};

    (void) state;
    must_be("files", diff_of((struct files){before, 2}, (struct files){after, 3}),
            "--- /dev/null\n+++ b/dir/it comes\t\n@@ -0,0 +1,1 @@\n+c\n"
            "--- /dev/null\n+++ b/empty\n"
            "--- a/goes\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-g\n");
}

/* ---- by patch(1) ---- */

static struct text random_content(unsigned int *seed)
{
    static const char *const lines[] = {"a\n", "b\n", "\n", "}\n", "    return ä;\n", "-- c\r\n"};
    int count = 1 + rand_r(seed) % LINES_MAX;
    char *at = arena_take(arena, (size_t)count * 24);
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        const char *line = lines[rand_r(seed) % 6];
        memcpy(at + size, line, strlen(line));
        size += strlen(line);
    }
    return (struct text){at, rand_r(seed) % 4 == 0 ? size - 1 : size};
}

/* The text with a few lines lost, doubled or put in. */
static struct text edited(struct text from, unsigned int *seed)
{
    char *at = arena_take(arena, from.size * 2 + 16);
    size_t size = 0;

    for (size_t begin = 0; begin < from.size;) {
        const char *end = memchr(from.at + begin, '\n', from.size - begin);
        size_t length = end ? (size_t)(end - from.at) + 1 - begin : from.size - begin;
        int dice = rand_r(seed) % 12;
        for (int copies = dice == 0 ? 0 : dice == 1 && end ? 2 : 1; copies > 0; copies--) {
            memcpy(at + size, from.at + begin, length);
            size += length;
        }
        begin += length;
    }
    return (struct text){at, size};
}

/* Both sets' names are the same but for those that come or go. */
static void fill(struct file *before, struct file *after, struct files *old, struct files *new,
                 unsigned int *seed)
{
    old->count = new->count = 0;
    for (int i = 0; i < FILES_PER_ROUND; i++) {
        struct text path = arena_print(arena, i % 3 ? "f%d.js" : "a dir/ü%d", i);
        struct text content = random_content(seed);
        bool is_old = rand_r(seed) % 8 > 0, is_new = rand_r(seed) % 8 > 0 || !is_old;
        if (is_old)
            before[old->count++] = (struct file){path, content, false};
        if (is_new)
            after[new->count++] = (struct file){
                path, rand_r(seed) % 8 > 0 ? edited(content, seed) : random_content(seed), false};
        if (is_new && !is_old && after[new->count - 1].content.size == 0)
            new->count--;           /* an empty one that comes has no lines for patch */
    }
}

static void write_whole(const char *path, struct text content)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(file >= 0);
    assert_int_equal(write(file, content.at, content.size), content.size);
    (void) close(file);
}

/* -1: there is none. */
static ssize_t read_whole(const char *path, char *out, size_t capacity)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0)
        return -1;
    ssize_t size = read(file, out, capacity);
    (void) close(file);
    return size;
}

static void run_patch(void)
{
    char *const words[] = {"patch", "-p1", "-F0", "--binary", "-i", "../diff", NULL};
    posix_spawn_file_actions_t actions;
    static char said[65536];
    pid_t pid;
    int status;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, "tree");
    posix_spawn_file_actions_addopen(&actions, 1, "../said", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    assert_int_equal(posix_spawnp(&pid, words[0], &actions, NULL, words, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    ssize_t size = read_whole("said", said, sizeof said - 1);
    said[size > 0 ? size : 0] = '\0';
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || strstr(said, "offset"))
        fail_msg("patch: %s", said);
}

static void write_tree(struct files files)
{
    char path[64];

    for (uint32_t i = 0; i < files.count; i++) {
        (void) snprintf(path, sizeof path, "tree/%.*s", TEXT_ARGS(files.at[i].path));
        write_whole(path, files.at[i].content);
    }
}

static void check_tree(struct files old, struct files new)
{
    static char content[65536];
    char path[64];

    for (uint32_t i = 0; i < new.count; i++) {
        (void) snprintf(path, sizeof path, "tree/%.*s", TEXT_ARGS(new.at[i].path));
        ssize_t size = read_whole(path, content, sizeof content);
        if (size < 0 || !text_equals((struct text){content, (size_t)size}, new.at[i].content))
            fail_msg("%s is not what it should be", path);
        (void) unlink(path);
    }
    for (uint32_t i = 0; i < old.count; i++) {
        (void) snprintf(path, sizeof path, "tree/%.*s", TEXT_ARGS(old.at[i].path));
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void patch_makes_the_new_of_the_old(void **state)
{
    struct file before[FILES_PER_ROUND], after[FILES_PER_ROUND];
    struct files old = {before, 0}, new = {after, 0};
    char home[] = "/tmp/isekai-diff-XXXXXX";
    unsigned int seed = 11;

    (void) state;
    assert_non_null(mkdtemp(home));
    assert_int_equal(chdir(home), 0);
    for (int round = 0; round < ROUNDS; round++) {
        assert_true(mkdir("tree", 0700) == 0 || errno == EEXIST);
        assert_true(mkdir("tree/a dir", 0700) == 0 || errno == EEXIST);
        fill(before, after, &old, &new, &seed);
        write_tree(old);
        write_whole("diff", diff_of(old, new));
        run_patch();
        check_tree(old, new);
    }
    (void) rmdir("tree/a dir");
    (void) rmdir("tree");
    (void) unlink("diff");
    (void) unlink("said");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(home), 0);
}

/* ---- bounds ---- */

static struct text repeated(const char *line, uint32_t count)
{
    size_t size = strlen(line);
    char *at = arena_take(arena, size * count + 1);

    for (uint32_t i = 0; i < count; i++)
        memcpy(at + i * size, line, size);
    return (struct text){at, size * count};
}

static void what_is_too_long_is_cut(void **state)
{
    const struct file before[] = {{TEXT_OF("f"), TEXT_OF("x\n"), false},
                                  {TEXT_OF("g"), TEXT_OF("x\n"), false}};
    const struct file after[] = {{TEXT_OF("f"), repeated("ääää\n", 50000), false},
                                 {TEXT_OF("g"), TEXT_OF("y\n"), false}};
    struct text diff = diff_of((struct files){before, 2}, (struct files){after, 2});

    (void) state;
    assert_true(diff.size > DIFF_OCTETS_MAX - 64 && diff.size <= DIFF_OCTETS_MAX);
    assert_true(text_is((struct text){diff.at + diff.size - 9, 9}, "\n... cut\n"));
    assert_true(text_code_points(diff) != SIZE_MAX);
    assert_null(memmem(diff.at, diff.size, "b/g", 3));
}

static void one_endless_line_is_cut(void **state)
{
    const struct file after = {TEXT_OF("f"), repeated("x", FILE_CONTENT_OCTETS_MAX), false};

    (void) state;
    must_be("line", diff_of((struct files){NULL, 0}, (struct files){&after, 1}),
            "--- /dev/null\n+++ b/f\n@@ -0,0 +1,1 @@\n... cut\n");
}

/* Ten files of 1 MB of empty lines each: the most lines there can be. */
static void the_largest_app_is_compared(void **state)
{
    struct file before[10], after[10];
    struct text old = repeated("\n", FILE_CONTENT_OCTETS_MAX - 8);

    (void) state;
    for (int i = 0; i < 10; i++) {
        struct text new = repeated("\n", FILE_CONTENT_OCTETS_MAX - 8);
        memcpy((char *)(uintptr_t)new.at + 1000, "x", 1);
        before[i] = (struct file){arena_print(arena, "f%d", i), old, false};
        after[i] = (struct file){before[i].path, new, false};
        if (i >= 2)
            after[i].content = old;
    }
    struct text diff = diff_of((struct files){before, 10}, (struct files){after, 10});
    assert_non_null(memmem(diff.at, diff.size, "+++ b/f1\n@@ -998,8 +998,7 @@\n", 29));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, make_arena, drop_arena)
        ROW(every_row_is_as_written),
        ROW(files_come_and_go),
        ROW(patch_makes_the_new_of_the_old),
        ROW(what_is_too_long_is_cut),
        ROW(one_endless_line_is_cut),
        ROW(the_largest_app_is_compared),
    };
    return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
