/* library_test.c - a broken template is refused at the start, with what is wrong with it. */
#include "tests/planner/library_of_test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ABOUT(name) "{\"name\": \"" name "\", \"title\": \"T\", \"intent\": \"i\", \"keywords\": " \
    "[{\"word\": \"to-do list\", \"weight\": 3}], \"components\": [], \"features\": [], " \
    "\"libraries\": [], \"builtIn\": []}"

static char root[64];

static void put(const char *name, const char *content)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    assert_true(fputs(content, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

/* A directory with one good template, which the row then breaks. */
static void make_good(void)
{
    strcpy(root, "/tmp/isekai-library-test-XXXXXX");
    assert_non_null(mkdtemp(root));
    put("generic/template.json", ABOUT("generic"));
    put("generic/files/a.css", "x\n/* slot:style */\n");
    put("generic/features/dark-mode/style", "/* dark */\n");
}

static const struct { const char *name, *content, *why; } breaks[] = {
    {"generic/template.json", "{", "'template.json': line 1"},
    {"generic/template.json", "{\"name\": \"a\", \"name\": \"b\"}", "duplicate"},
    {"generic/template.json", ABOUT("other"), "another name"},
    {"generic/template.json", "[]", "eight known keys"},
    {"generic/extra", "x", "'extra': is not part of a template"},
    {"generic/files/b.html", "{{title:xml}}", "unknown placeholder"},
    {"generic/files/b.html", "\xff", "not valid UTF-8"},
    {"generic/files/b\\c", "x", "path that apps may not have"},
    {"generic/files/b.css", "/* slot:style */\n", "'features/dark-mode/style': not one such slot"},
    {"generic/features/dark-mode/none", "x\n", "'features/dark-mode/none': not one such slot"},
    {"generic/features/dark-mode/Style", "x\n", "not named like a slot"},
    {"generic/features/dark-mode/style", "no line end", "must end with a line end"},
    {"generic/features/dark-mode/style", "{{title:html}}\n", "holds a placeholder"},
    {"generic/features/flying/style", "x\n", "no known feature"},
    {"second/files/a", "x", "'second': has no template.json"},
    {"second/template.json", ABOUT("second"), "'second': has no files"},
};

static void test_broken_templates(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        struct fault fault = {0};
        make_good();
        struct library *good = library_read(root, &fault);
        if (!good)
            fail_msg("%s", fault.reason);
        library_free(good);
        put(breaks[i].name, breaks[i].content);
        assert_null(library_read(root, &fault));
        if (!strstr(fault.reason, breaks[i].why))
            fail_msg("%s: '%s' does not say '%s'", breaks[i].name, fault.reason, breaks[i].why);
        nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    }
}

static void test_links_and_bounds(void **state)
{
    struct fault fault = {0};
    char path[512];

    (void)state;
    make_good();
    snprintf(path, sizeof path, "%s/generic/files/link", root);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_null(library_read(root, &fault));
    assert_non_null(strstr(fault.reason, "no regular file"));
    unlink(path);
    snprintf(path, sizeof path, "%s/generic/files/big", root);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, FILE_CONTENT_OCTETS_MAX + 1), 0);
    close(fd);
    assert_null(library_read(root, &fault));
    assert_non_null(strstr(fault.reason, "over 1048576 octets"));
    unlink(path);
    for (int i = 0; i < FILES_MAX; i++) {
        snprintf(path, sizeof path, "generic/files/%d", i);
        put(path, "x");
    }
    assert_null(library_read(root, &fault));
    assert_non_null(strstr(fault.reason, "one file too many"));
    nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    assert_null(library_read(root, &fault));
    assert_null(library_read("/tmp", &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_templates),
        cmocka_unit_test(test_links_and_bounds),
    };
    return cmocka_run_group_tests_name("planner_library", tests, NULL, NULL);
}
