/* files_test - merging sets of files: nothing unnamed is lost, nothing over the bounds passes.
 *
 * Method: small sets written out, the whole result compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "actors/apps/files.h"

static const struct file base[] = {
    {{"a.txt", 5}, {"one", 3}, false},
    {{"dir/b.txt", 9}, {"two", 3}, false},
};
static const struct files base_files = {base, 2};

static struct arena *arena;

static int make_arena(void **state)
{
    (void) state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int drop_arena(void **state)
{
    (void) state;
    arena_free(arena);
    return 0;
}

static const struct file *find(struct files files, const char *path)
{
    for (uint32_t i = 0; i < files.count; i++)
        if (text_is(files.at[i].path, path))
            return &files.at[i];
    return NULL;
}

static bool merge(const struct file *changes, uint32_t count, struct files *out, bool *differs,
                  struct fault *fault)
{
    return files_merge(base_files, (struct files){changes, count}, arena, out, differs, fault);
}

static void unnamed_files_stay(void **state)
{
    const struct file changes[] = {{TEXT_OF("a.txt"), TEXT_OF("new"), false}};
    struct files merged;
    struct fault fault = {0};
    bool differs;

    (void) state;
    assert_true(merge(changes, 1, &merged, &differs, &fault));
    assert_true(differs);
    assert_int_equal(merged.count, 2);
    assert_true(text_is(find(merged, "a.txt")->content, "new"));
    assert_true(text_is(find(merged, "dir/b.txt")->content, "two"));
}

static void same_content_is_no_difference(void **state)
{
    const struct file changes[] = {{TEXT_OF("a.txt"), TEXT_OF("one"), false},
                                   {TEXT_OF("not-there"), {0}, true}};
    struct files merged;
    struct fault fault = {0};
    bool differs = true;

    (void) state;
    assert_true(merge(changes, 2, &merged, &differs, &fault));
    assert_false(differs);
    assert_int_equal(merged.count, 2);
}

static void null_removes(void **state)
{
    const struct file changes[] = {{TEXT_OF("a.txt"), {0}, true}};
    struct files merged;
    struct fault fault = {0};
    bool differs;

    (void) state;
    assert_true(merge(changes, 1, &merged, &differs, &fault));
    assert_true(differs);
    assert_int_equal(merged.count, 1);
    assert_null(find(merged, "a.txt"));
}

static void nothing_left_is_refused(void **state)
{
    const struct file changes[] = {{TEXT_OF("a.txt"), {0}, true},
                                   {TEXT_OF("dir/b.txt"), {0}, true}};
    struct files merged;
    struct fault fault = {0};
    bool differs;

    (void) state;
    assert_false(merge(changes, 2, &merged, &differs, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
    assert_string_equal(fault.reason, "the change would leave no file");
}

static void a_file_in_a_file_is_refused(void **state)
{
    const struct file changes[] = {{TEXT_OF("a.txt/x"), TEXT_OF(""), false}};
    struct files merged;
    struct fault fault = {0};
    bool differs;

    (void) state;
    assert_false(merge(changes, 1, &merged, &differs, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
}

static void more_than_the_bound_is_refused(void **state)
{
    static struct file changes[FILES_MAX];
    static char paths[FILES_MAX][8];
    struct files merged;
    struct fault fault = {0};
    bool differs;

    (void) state;
    for (int i = 0; i < FILES_MAX; i++) {
        (void) snprintf(paths[i], sizeof paths[i], "f%d", i);
        changes[i] = (struct file){text_from(paths[i]), TEXT_OF("x"), false};
    }
    assert_true(merge(changes, FILES_MAX - 2, &merged, &differs, &fault));
    assert_false(merge(changes, FILES_MAX, &merged, &differs, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
}

static void the_sum_is_bounded(void **state)
{
    struct fault fault = {0};

    (void) state;
    assert_true(files_fit(base_files, 5 + 3 + 9 + 3, &fault));
    assert_false(files_fit(base_files, 5 + 3 + 9 + 3 - 1, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
}

static void differences_are_named(void **state)
{
    const struct file changes[] = {{TEXT_OF("a.txt"), TEXT_OF("new"), false},
                                   {TEXT_OF("c"), TEXT_OF(""), false},
                                   {TEXT_OF("dir/b.txt"), {0}, true}};
    struct failure failure = {0};
    struct files merged;
    struct fault fault = {0};
    bool differs;

    (void) state;
    assert_true(merge(changes, 3, &merged, &differs, &fault));
    assert_true(files_list_differences(base_files, merged, arena, &failure));
    assert_int_equal(failure.details.count, 3);
    assert_true(text_is(failure.details.at[0].path, "files[\"a.txt\"]"));
    assert_true(text_is(failure.details.at[0].msg, "changed"));
    assert_true(text_is(failure.details.at[1].msg, "added"));
    assert_true(text_is(failure.details.at[2].msg, "removed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, make_arena, drop_arena)
        ROW(unnamed_files_stay),         ROW(same_content_is_no_difference),
        ROW(null_removes),               ROW(nothing_left_is_refused),
        ROW(a_file_in_a_file_is_refused), ROW(more_than_the_bound_is_refused),
        ROW(the_sum_is_bounded),         ROW(differences_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
