/* dependencies_test - what is asked for goes into package.json, and nothing else of it changes.
 *
 * Method: MessagePack written by hand, files written out, the whole package.json compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "actors/apps/dependencies.h"
#include "actors/apps/files.h"

#define BYTES(s) s, sizeof s - 1

static const struct {
    const char *label;
    const char *packed;
    size_t size;
    const char *package;        /* NULL: none */
    const char *wanted;         /* NULL: refused; "": the files as they were */
    const char *reason;
} rows[] = {
    {"absent", NULL, 0, NULL, "", NULL},
    {"an empty map", BYTES("\x80"), NULL, "", NULL},
    {"a new package.json", BYTES("\x81\xa2ws\xa2^8"), NULL,
     "{\n  \"dependencies\": {\n    \"ws\": \"^8\"\n  }\n}\n", NULL},
    {"beside what is there", BYTES("\x81\xa2ws\xa2^8"),
     "{\"main\":\"x.js\",\"dependencies\":{\"zod\":\"3\",\"ws\":\"7\"}}",
     "{\n  \"main\": \"x.js\",\n  \"dependencies\": {\n    \"zod\": \"3\",\n    \"ws\": \"^8\"\n  }\n}\n", NULL},
    {"with a scope", BYTES("\x81\xa8@a/b.c-d\xa0"), "{}",
     "{\n  \"dependencies\": {\n    \"@a/b.c-d\": \"\"\n  }\n}\n", NULL},
    {"no map", BYTES("\x90"), NULL, NULL, "Dependencies must be an object"},
    {"a name that leads out", BYTES("\x81\xa4../x\xa1""1"), NULL, NULL,
     "dependencies: a key is not the name of a package"},
    {"a scope alone", BYTES("\x81\xa3@a/\xa1""1"), NULL, NULL,
     "dependencies: a key is not the name of a package"},
    {"an upper-case name", BYTES("\x81\xa2Ws\xa1""1"), NULL, NULL,
     "dependencies: a key is not the name of a package"},
    {"an empty name", BYTES("\x81\xa0\xa1""1"), NULL, NULL,
     "dependencies: a key is not the name of a package"},
    {"a number for a name", BYTES("\x81\x01\xa1""1"), NULL, NULL,
     "dependencies: a key is not the name of a package"},
    {"a number for a range", BYTES("\x81\xa2ws\x01"), NULL, NULL,
     "dependencies: 'ws': a value is a range of versions such as ^1.2.0"},
    {"an address for a range", BYTES("\x81\xa2ws\xa8git://x/"), NULL, NULL,
     "dependencies: 'ws': a value is a range of versions such as ^1.2.0"},
    {"a file for a range", BYTES("\x81\xa2ws\xa6""file:x"), NULL, NULL,
     "dependencies: 'ws': a value is a range of versions such as ^1.2.0"},
    {"a package.json that is a list", BYTES("\x81\xa2ws\xa2^8"), "[]", NULL,
     "dependencies: package.json is no JSON object to put them into"},
    {"a package.json that is no JSON", BYTES("\x81\xa2ws\xa2^8"), "{", NULL,
     "dependencies: package.json is no JSON object to put them into"},
};

static void check(size_t i, struct arena *arena)
{
    struct file files[2] = {{.path = TEXT_OF("server.js"), .content = TEXT_OF("1")}};
    struct files before = {files, 1}, after;
    struct fault fault = {0};

    if (rows[i].package)
        files[before.count++] = (struct file){.path = TEXT_OF("package.json"),
                                              .content = text_from(rows[i].package)};
    bool put = dependencies_put((struct text){rows[i].packed, rows[i].size}, before, arena, &after,
                                &fault);
    if (put != (rows[i].wanted != NULL) || (!put && strcmp(fault.reason, rows[i].reason) != 0))
        fail_msg("%s: %d '%s'", rows[i].label, put, fault.reason);
    if (!put)
        return;
    const struct file *package = files_find(after, TEXT_OF("package.json"));
    assert_non_null(files_find(after, TEXT_OF("server.js")));
    if (!*rows[i].wanted)
        assert_ptr_equal(after.at, before.at);
    else if (!package || !text_is(package->content, rows[i].wanted))
        fail_msg("%s: %.*s", rows[i].label, TEXT_ARGS(package->content));
}

static void test_rows(void **state)
{
    struct arena *arena = arena_new(1 << 20);

    (void) state;
    assert_non_null(arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(i, arena);
    arena_free(arena);
}

static void test_more_than_the_most(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    char packed[3 + 101 * 6 + 1], *at = packed;
    struct files out;
    struct fault fault = {0};

    (void) state;
    memcpy(at, "\xde\0\x65", 3);
    at += 3;
    for (int i = 0; i <= DEPENDENCIES_MAX; i++)
        at += snprintf(at, 7, "\xa3""a%02x\xa1""1", (unsigned)i);
    assert_false(dependencies_put((struct text){packed, (size_t)(at - packed)}, (struct files){0},
                                  arena, &out, &fault));
    assert_string_equal(fault.reason, "dependencies: more than 100");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_more_than_the_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
