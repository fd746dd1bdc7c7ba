/* library_test.c - a broken template is refused at the start, with what is wrong with it. */
#include "tests/planner/library_of_test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAKING(name, shared) "{\"name\": \"" name "\", \"title\": \"T\", \"intent\": \"i\", " \
    "\"keywords\": [{\"word\": \"to-do list\", \"weight\": 3}], \"components\": [], " \
    "\"features\": [], \"libraries\": [], \"builtIn\": [], \"shared\": " shared "}"
#define ABOUT(name) TAKING(name, "[]")

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

/* A directory with one good template and what it takes, which the row then breaks. */
static void make_good(void)
{
    strcpy(root, "/tmp/isekai-library-test-XXXXXX");
    assert_non_null(mkdtemp(root));
    put("generic/template.json", TAKING("generic", "[\"files/lib\", \"features/sorting\"]"));
    put("generic/files/a.css", "x\n/* slot:style */\n");
    put("generic/features/dark-mode/style", "/* dark */\n");
    put("shared/files/lib/web.js", "web\n");
    put("shared/files/lib.css", "lib\n");
    put("shared/features/sorting/style", "/* sorted */\n");
}

static const struct { const char *name, *content, *why; } breaks[] = {
    {"generic/template.json", "{", "'template.json': line 1"},
    {"generic/template.json", "{\"name\": \"a\", \"name\": \"b\"}", "duplicate"},
    {"generic/template.json", ABOUT("other"), "another name"},
    {"generic/template.json", "[]", "nine known keys"},
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
    {"generic/template.json", TAKING("generic", "\"files\""), "'template.json': shared"},
    {"generic/template.json", TAKING("generic", "[1]"), "'template.json': shared"},
    {"generic/template.json", TAKING("generic", "[\"files/none.css\"]"),
     "'generic': 'template.json': shared: 'files/none.css': there is no such file"},
    {"generic/template.json", TAKING("generic", "[\"files/li\"]"), "'files/li': there is no"},
    {"generic/template.json", TAKING("generic", "[\"files/lib/web.js/x\"]"), "there is no such"},
    {"generic/template.json", TAKING("generic", "[\"features/search\"]"), "there is no such file"},
    {"generic/template.json", TAKING("generic", "[\"lib/web.js\"]"), "there is no such file"},
    {"generic/template.json", TAKING("generic", "[\"files/../files\"]"), "is no path"},
    {"generic/template.json", TAKING("generic", "[\"files/\"]"), "'files/': is no path"},
    {"generic/template.json", TAKING("generic", "[\"/files\"]"), "'/files': is no path"},
    {"generic/template.json", TAKING("generic", "[\"files/lib\", \"files/lib/web.js\"]"),
     "'files/lib/web.js': is named twice"},
    {"generic/template.json", TAKING("generic", "[\"features/sorting/style\", \"features\"]"),
     "'features/sorting/style': is named twice"},
    {"generic/files/lib/web.js", "web\n",
     "'files/lib/web.js': the template has its own 'files/lib/web.js'"},
    {"generic/files/lib", "x", "'files/lib/web.js': the template has its own 'files/lib'"},
    {"generic/features/sorting/style", "x\n",
     "'features/sorting/style': the template has its own"},
    {"shared/template.json", ABOUT("shared"), "'shared': 'template.json': is not part of"},
    {"shared/files/b\\c", "x", "'shared': 'files/b\\c': has a path that apps may not have"},
    {"shared/features/sorting/none", "x\n", "'features/sorting/none': not one such slot"},
    {"shared/files/lib/web.js", "{{title:xml}}", "'files/lib/web.js': unknown placeholder"},
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

/* What is taken stands where it would stand if it were the template's own. */
static void test_taking(void **state)
{
    static const char *const paths[] = {"a.css", "lib/own.js", "lib/web.js", "lib.css"};
    struct fault fault = {0};

    (void)state;
    make_good();
    put("generic/files/lib/own.js", "own\n");
    put("generic/template.json", TAKING("generic", "[\"files/lib.css\", \"files/lib\", "
                                                   "\"features/sorting/style\"]"));
    put("second/template.json", TAKING("second", "[\"files/lib/web.js\"]"));
    struct library *good = library_read(root, &fault);
    if (!good)
        fail_msg("%s", fault.reason);
    assert_int_equal(good->count, 2);
    const struct template *generic = library_generic(good);
    assert_int_equal(generic->file_count, sizeof paths / sizeof *paths);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_string_equal(generic->files[i].path.at, paths[i]);
    assert_true(text_is(generic->files[2].content, "web\n"));
    assert_int_equal(generic->can[FEATURE_sorting].snippet_count, 1);
    assert_true(text_is(generic->can[FEATURE_sorting].snippets[0].content, "/* sorted */\n"));
    const struct template *second = library_find(good, TEXT_OF("second"));
    assert_int_equal(second->file_count, 1);
    assert_ptr_equal(second->files[0].content.at, generic->files[2].content.at);
    assert_int_equal(second->can[FEATURE_sorting].snippet_count, 0);
    library_free(good);
    nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* Neither a link in its place, nor more files than an app may have. */
static void test_shared_bounds(void **state)
{
    struct fault fault = {0};
    char path[512], elsewhere[512];

    (void)state;
    make_good();
    for (int i = 0; i < FILES_MAX - 2; i++) {
        snprintf(path, sizeof path, "shared/files/lib/%d", i);
        put(path, "x");
    }
    put("generic/files/b", "x");
    assert_null(library_read(root, &fault));
    assert_non_null(strstr(fault.reason, "'files/lib/web.js': is one file too many"));
    put("shared/files/one-more", "x");
    assert_null(library_read(root, &fault));
    assert_non_null(strstr(fault.reason, "'shared': 'files/one-more': is one file too many"));
    snprintf(path, sizeof path, "%s/shared", root);
    snprintf(elsewhere, sizeof elsewhere, "%s/.elsewhere", root);
    assert_int_equal(rename(path, elsewhere), 0);
    assert_int_equal(symlink(".elsewhere", path), 0);
    assert_null(library_read(root, &fault));
    assert_non_null(strstr(fault.reason, "/shared': is no regular file"));
    unlink(path);
    assert_null(library_read(root, &fault));
    assert_non_null(strstr(fault.reason, "'files/lib': there is no such file"));
    put("generic/template.json", ABOUT("generic"));
    struct library *good = library_read(root, &fault);
    assert_non_null(good);
    library_free(good);
    nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
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
        cmocka_unit_test(test_taking),
        cmocka_unit_test(test_shared_bounds),
        cmocka_unit_test(test_links_and_bounds),
    };
    return cmocka_run_group_tests_name("planner_library", tests, NULL, NULL);
}
