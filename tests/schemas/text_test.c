/* text_test - what counts as text, app id, file path and label, and what does not.
 *
 * Method: rows of octets with the verdict; refusals outnumber acceptances.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "schemas/message.h"

#define ROW(literal, wanted) {{literal, sizeof literal - 1}, wanted}

struct row { struct text text; size_t wanted; };

static void code_points_are_counted_and_bad_utf8_refused(void **state)
{
    static const struct row rows[] = {
        ROW("", 0), ROW("abc", 3), ROW("0123456789abcdef", 16), ROW("\xc3\xa4", 1),
        ROW("01234567\xc3\xa4" "89", 11), ROW("\xe2\x82\xac", 1), ROW("\xf0\x9f\x98\x80", 1),
        ROW("\xf4\x8f\xbf\xbf", 1), ROW("a\0b", 3),
        ROW("\x80", SIZE_MAX), ROW("\xbf", SIZE_MAX), ROW("\xc3", SIZE_MAX),
        ROW("\xc0\xaf", SIZE_MAX), ROW("\xc1\xbf", SIZE_MAX), ROW("\xe0\x80\xaf", SIZE_MAX),
        ROW("\xe0\x9f\xbf", SIZE_MAX), ROW("\xf0\x80\x80\xaf", SIZE_MAX),
        ROW("\xf0\x8f\xbf\xbf", SIZE_MAX), ROW("\xed\xa0\x80", SIZE_MAX),
        ROW("\xed\xbf\xbf", SIZE_MAX), ROW("\xf4\x90\x80\x80", SIZE_MAX),
        ROW("\xf5\x80\x80\x80", SIZE_MAX), ROW("\xfe", SIZE_MAX), ROW("\xff", SIZE_MAX),
        ROW("\xe2\x82", SIZE_MAX), ROW("\xe2\x28\xa1", SIZE_MAX), ROW("01234567\xff", SIZE_MAX),
        ROW("\xf0\x9f\x98", SIZE_MAX), ROW("\xf0\x9f\x28\x80", SIZE_MAX),
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("row %zu\n", i);
        assert_int_equal(text_code_points(rows[i].text), rows[i].wanted);
    }
}

static void white_space_is_trimmed_at_both_ends_only(void **state)
{
    (void) state;
    assert_true(text_is(text_trimmed(TEXT_OF("  a b\t\r\n\v\f ")), "a b"));
    assert_true(text_is(text_trimmed(TEXT_OF("\xc2\xa0 x\xc2\xa0")), "x"));
    assert_true(text_is(text_trimmed(TEXT_OF("\xc2\xa1")), "\xc2\xa1"));
    assert_int_equal(text_trimmed(TEXT_OF(" \n ")).size, 0);
    assert_non_null(text_trimmed(TEXT_OF(" ")).at);
    assert_int_equal(text_trimmed((struct text){NULL, 0}).size, 0);
}

static void a_c_string_neither_overruns_nor_hides_behind_nul(void **state)
{
    char out[4];

    (void) state;
    assert_true(text_to_string(TEXT_OF("abc"), out, sizeof out));
    assert_string_equal(out, "abc");
    assert_true(text_to_string((struct text){NULL, 0}, out, sizeof out));
    assert_string_equal(out, "");
    assert_false(text_to_string(TEXT_OF("abcd"), out, sizeof out));
    assert_false(text_to_string(TEXT_OF("a\0b"), out, sizeof out));
}

static void app_ids_are_plain(void **state)
{
    static const struct row rows[] = {
        ROW("a", true), ROW("A-b_9", true), ROW("-", true), ROW("", false), ROW("a b", false),
        ROW("a/b", false), ROW("..", false), ROW("a.", false), ROW("\xc3\xa4", false),
        ROW("a\n", false), ROW("a\0", false), ROW("a%2e", false), ROW("a@", false),
        ROW("a[", false), ROW("a`", false), ROW("a{", false),
    };
    char longest[101];

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(text_is_app_id(rows[i].text), rows[i].wanted);
    memset(longest, 'a', sizeof longest);
    assert_true(text_is_app_id((struct text){longest, 100}));
    assert_false(text_is_app_id((struct text){longest, 101}));
}

static void secrets_fit_an_environment(void **state)
{
    static const struct row names[] = {
        ROW("A", true), ROW("API_KEY_2", true), ROW("A_", true), ROW("", false), ROW("a", false),
        ROW("_A", false), ROW("2A", false), ROW("A-B", false), ROW("A=B", false), ROW("A B", false),
        ROW("A\0", false), ROW("Ab", false), ROW("\xc3\x84", false), ROW("A@", false),
        ROW("A[", false), ROW("A/", false), ROW("A:", false), ROW("A^", false), ROW("A`", false),
    };
    static const struct row values[] = {
        ROW("x", true), ROW("a\nb = c\t", true), ROW("\xe2\x82\xac", true), ROW("", false),
        ROW("a\0b", false), ROW("\0", false),
    };
    static char longest[4097];

    (void) state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(text_is_secret_name(names[i].text), names[i].wanted);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_int_equal(text_is_secret_value(values[i].text), values[i].wanted);
    memset(longest, 'A', sizeof longest);
    assert_true(text_is_secret_name((struct text){longest, 64}));
    assert_false(text_is_secret_name((struct text){longest, 65}));
    assert_true(text_is_secret_value((struct text){longest, 4096}));
    assert_false(text_is_secret_value((struct text){longest, 4097}));
}

static void file_paths_stay_below_their_app(void **state)
{
    static const struct row rows[] = {
        ROW("a", true), ROW("server.js", true), ROW("public/css/a b.css", true),
        ROW("...", true), ROW("a/..b", true), ROW(".gitignore", true), ROW("\xc3\xa4/x", true),
        ROW("", false), ROW("/", false), ROW("/etc/passwd", false), ROW("..", false),
        ROW("../x", false), ROW("a/../b", false), ROW("a/..", false), ROW(".", false),
        ROW("./a", false), ROW("a/.", false), ROW("a/./b", false), ROW("a//b", false),
        ROW("a/", false), ROW("a\\b", false), ROW("..\\x", false), ROW("a\0b", false),
        ROW("a\nb", false), ROW("a\x7f", false), ROW("\xff", false), ROW("a/\x80", false),
        ROW("\xc2\x85", false), ROW("C:\\x", false),
    };
    char name[256 + 2];

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("row %zu\n", i);
        assert_int_equal(text_is_file_path(rows[i].text), rows[i].wanted);
    }
    memset(name, 'n', sizeof name);
    assert_true(text_is_file_path((struct text){name, 255}));
    assert_false(text_is_file_path((struct text){name, 256}));
    name[255] = '/';
    assert_true(text_is_file_path((struct text){name, 257}));
}

static void file_paths_are_counted_in_characters(void **state)
{
    char path[2 * FILE_PATH_CHARACTERS_MAX + 2];

    (void) state;
    for (size_t i = 0; i < sizeof path; i += 2)
        memcpy(path + i, i % 200 == 100 ? "//" : "\xc3\xa4", 2);
    for (size_t i = 0; i + 1 < sizeof path; i += 2)
        if (path[i] == '/')
            memcpy(path + i, "a/", 2);      /* two characters in two octets */
    size_t size = 0, count = 0;
    while (count < FILE_PATH_CHARACTERS_MAX) {
        size_t step = (unsigned char)path[size] >= 0x80 ? 2 : 1;
        size += step;
        count++;
    }
    assert_true(text_is_file_path((struct text){path, size}));
    size += (unsigned char)path[size] >= 0x80 ? 2 : 1;
    assert_false(text_is_file_path((struct text){path, size}));
}

static void labels_are_dns_labels(void **state)
{
    static const struct { const char *id, *label; } rows[] = {
        {"a", "a"},
        {"0192f0c1-0000-7000-8000-000000000000", "0192f0c1-0000-7000-8000-000000000000"},
        {"My_App", "xb2dlqszgnldqbxspe7pzjcu4jaked7nnmp555x4oo2fzmhouwi6a"},
    };
    char label[APP_LABEL_SIZE], again[APP_LABEL_SIZE];

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        text_app_label(text_from(rows[i].id), label);
        assert_string_equal(label, rows[i].label);
    }
    static const char *const hashed[] = {
        "-a", "a-", "A", "a_b",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",     /* 64 */
        "xb2dlqszgnldqbxspe7pzjcu4jaked7nnmp555x4oo2fzmhouwi6a",    /* another's label */
    };
    for (size_t i = 0; i < sizeof hashed / sizeof *hashed; i++) {
        text_app_label(text_from(hashed[i]), label);
        assert_int_equal(strlen(label), 53);
        assert_int_equal(label[0], 'x');
        assert_string_not_equal(label, hashed[i]);
        text_app_label(text_from(label), again);
        assert_string_not_equal(label, again);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_points_are_counted_and_bad_utf8_refused),
        cmocka_unit_test(white_space_is_trimmed_at_both_ends_only),
        cmocka_unit_test(a_c_string_neither_overruns_nor_hides_behind_nul),
        cmocka_unit_test(app_ids_are_plain),
        cmocka_unit_test(secrets_fit_an_environment),
        cmocka_unit_test(file_paths_stay_below_their_app),
        cmocka_unit_test(file_paths_are_counted_in_characters),
        cmocka_unit_test(labels_are_dns_labels),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
