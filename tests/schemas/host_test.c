/* host_test - what is a host, what only looks like one, and what a pattern covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schemas/host.h"

#define ROW(literal, wanted) {{literal, sizeof literal - 1}, wanted}
#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static const struct row { struct text text; const char *wanted; } hosts[] = {
    ROW("api.example.com", "api.example.com"), ROW("API.Example.COM.", "api.example.com"),
    ROW("vm", "vm"), ROW("a_b.c-d.e2", "a_b.c-d.e2"), ROW(LABEL_63 ".x", LABEL_63 ".x"),
    ROW("8.8.8.8", "8.8.8.8"), ROW("::1", "::1"), ROW("2001:DB8:0:0::1", "2001:db8::1"),
    ROW("1.2.3.4.", "1.2.3.4"), ROW("0x7f.example", "0x7f.example"),
    ROW("", NULL), ROW(".", NULL), ROW("..", NULL), ROW("a..b", NULL), ROW(".a", NULL),
    ROW("a..", NULL), ROW("-a.b", NULL), ROW("a-.b", NULL), ROW("a b", NULL), ROW("a\0b", NULL),
    ROW("a/b", NULL), ROW("a:b", NULL), ROW("a@b", NULL), ROW("b\xc3\xbc" "cher.de", NULL),
    ROW("*.example.com", NULL), ROW("[::1]", NULL), ROW("fe80::1%eth0", NULL),
    ROW(LABEL_63 "4.x", NULL), ROW("a\r\nb", NULL), ROW("%6c.x", NULL),
    /* other forms of 127.0.0.1, which inet_aton() takes */
    ROW("127.1", NULL), ROW("2130706433", NULL), ROW("0x7f000001", NULL), ROW("0x7f.1", NULL),
    ROW("127.0.0.0x1", NULL), ROW("0177.0.0.01", NULL), ROW("1.2.3.4.5", NULL),
    ROW("127.0.0.01", NULL), ROW("1.2.3.256", NULL), ROW("x.0X1", NULL),
};

static void hosts_are_read_in_one_form_or_not_at_all(void **state)
{
    char out[HOST_SIZE];

    (void) state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        bool is_host = host_read(hosts[i].text, out);
        if (is_host != (hosts[i].wanted != NULL))
            fail_msg("'%.*s'", TEXT_ARGS(hosts[i].text));
        if (is_host)
            assert_string_equal(out, hosts[i].wanted);
    }
}

static void the_length_of_a_host_is_bounded(void **state)
{
    char long_name[300], out[HOST_SIZE];

    (void) state;
    for (size_t i = 0; i < sizeof long_name; i++)
        long_name[i] = i % 2 ? '.' : 'a';
    assert_true(host_read((struct text){long_name, 253}, out));
    assert_int_equal(strlen(out), 253);
    assert_false(host_read((struct text){long_name, 255}, out));
}

static void a_pattern_is_a_host_or_all_below_a_domain(void **state)
{
    static const struct row patterns[] = {
        ROW("*.Example.com", "*.example.com"), ROW("example.com", "example.com"),
        ROW("10.0.0.1", "10.0.0.1"),
        ROW("*", NULL), ROW("*.", NULL), ROW("*.com", NULL), ROW("*.*.com", NULL),
        ROW("a.*.com", NULL), ROW("*example.com", NULL), ROW("*.1.2", NULL),
        ROW("*.10.0.0.1", NULL), ROW("*..example.com", NULL), ROW("**.example.com", NULL),
    };
    char out[HOST_SIZE];

    (void) state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        bool is_pattern = host_pattern_read(patterns[i].text, out);
        if (is_pattern != (patterns[i].wanted != NULL))
            fail_msg("'%.*s'", TEXT_ARGS(patterns[i].text));
        if (is_pattern)
            assert_string_equal(out, patterns[i].wanted);
    }
}

static void a_pattern_covers_what_it_says(void **state)
{
    (void) state;
    assert_true(host_is_covered("a.example.com", "a.example.com"));
    assert_true(host_is_covered("a.example.com", "*.example.com"));
    assert_true(host_is_covered("a.b.example.com", "*.example.com"));
    assert_true(host_is_covered("::1", "::1"));
    assert_false(host_is_covered("example.com", "*.example.com"));
    assert_false(host_is_covered("evilexample.com", "*.example.com"));
    assert_false(host_is_covered("a.example.com.evil.org", "*.example.com"));
    assert_false(host_is_covered("a.example.com", "example.com"));
    assert_false(host_is_covered("a.example.co", "a.example.com"));
    assert_false(host_is_covered("a.example.comm", "a.example.com"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_read_in_one_form_or_not_at_all),
        cmocka_unit_test(the_length_of_a_host_is_bounded),
        cmocka_unit_test(a_pattern_is_a_host_or_all_below_a_domain),
        cmocka_unit_test(a_pattern_covers_what_it_says),
    };

    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
