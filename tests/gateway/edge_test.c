/* edge_test - addresses, networks, hosts and origins: who is at the other end, and who may come.
 *
 * Method: tables of texts with the verdict each must get.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gateway/preview.h"

static struct address address_of(const char *text)
{
    struct address address;

    assert_true(address_parse(text_from(text), &address));
    return address;
}

static void test_addresses(void **state)
{
    static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "::g", "a", "1.2.3.4 ",
                                      "[::1", "1.2.3.4:80"};
    char printed[ADDRESS_TEXT_SIZE];
    struct address address;

    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (address_parse(text_from(bad[i]), &address))
            fail_msg("'%s' was taken for an address", bad[i]);
    address = address_of("10.1.2.3");
    address_print(&address, printed);
    assert_string_equal(printed, "10.1.2.3");
    address = address_of("[2001:db8::1]");
    address_print(&address, printed);
    assert_string_equal(printed, "2001:db8::1");
    address = address_of("127.9.9.9");
    assert_true(address_is_loopback(&address));
    address = address_of("::1");
    assert_true(address_is_loopback(&address));
    address = address_of("::ffff:127.0.0.1");
    assert_true(address_is_loopback(&address));
    address = address_of("128.0.0.1");
    assert_false(address_is_loopback(&address));
}

static void test_limit_keys(void **state)
{
    struct address a = address_of("2001:db8:0:1234::1"), b = address_of("2001:db8:0:12ff::2"),
                   c = address_of("2001:db8:0:1334::1"), d = address_of("10.0.0.1"),
                   e = address_of("10.0.0.2");

    (void) state;
    a = address_limit_key(&a);
    b = address_limit_key(&b);
    c = address_limit_key(&c);
    d = address_limit_key(&d);
    e = address_limit_key(&e);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
    assert_memory_not_equal(&d, &e, sizeof d);
}

static void test_networks(void **state)
{
    static const struct { const char *list, *address; bool inside; } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},      {"10.0.0.0/8", "11.0.0.1", false},
        {"10.1.2.128/25", "10.1.2.127", false},  {"10.1.2.128/25", "10.1.2.200", true},
        {"10.0.0.1", "10.0.0.1", true},          {"10.0.0.1", "10.0.0.2", false},
        {"0.0.0.0/0", "9.9.9.9", true},          {"0.0.0.0/0", "2001:db8::1", false},
        {"2001:db8::/32", "2001:db8:1::1", true}, {"2001:db8::/33", "2001:db8:8000::1", false},
        {" 10.0.0.1 , ::1", "::1", true},        {"", "10.0.0.1", false},
        {"::/0", "10.0.0.1", true},
    };
    static const char *const bad[] = {"10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/", "x/8",
                                      "10.0.0.0/8/8", "10.0.0.1 10.0.0.2"};
    struct networks networks;
    struct fault fault;

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address address = address_of(rows[i].address);

        assert_true(networks_parse(rows[i].list, &networks, &fault));
        if (networks_have(&networks, &address) != rows[i].inside)
            fail_msg("'%s' and %s", rows[i].list, rows[i].address);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (networks_parse(bad[i], &networks, &fault))
            fail_msg("'%s' was taken for networks", bad[i]);
}

/* Only what trusted proxies wrote counts, from the right. */
static void test_forwarded(void **state)
{
    static const struct { const char *peer, *forwarded, *caller; } rows[] = {
        {"9.9.9.9", "1.1.1.1", "9.9.9.9"},
        {"10.0.0.1", "1.1.1.1", "1.1.1.1"},
        {"10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"},
        {"10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"},
        {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
        {"10.0.0.1", "1.1.1.1, nonsense", "10.0.0.1"},
        {"10.0.0.1", "1.1.1.1, ", "10.0.0.1"},
        {"10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::7]", "2001:db8::7"},
    };
    struct networks trusted;
    struct fault fault;

    (void) state;
    assert_true(networks_parse("10.0.0.0/8", &trusted, &fault));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_headers headers = {.count = 1};
        struct address peer = address_of(rows[i].peer), wanted = address_of(rows[i].caller);

        headers.at[0] = (struct http_header){TEXT_OF("X-Forwarded-For"),
                                             text_from(rows[i].forwarded)};
        struct address caller = address_of_caller(&trusted, &peer, &headers);
        if (memcmp(&caller, &wanted, sizeof caller) != 0)
            fail_msg("row %zu", i);
    }
}

/* Two X-Forwarded-For headers are one list. */
static void test_forwarded_twice(void **state)
{
    struct http_headers headers = {.count = 2};
    struct networks trusted;
    struct fault fault;
    struct address peer = address_of("10.0.0.1"), wanted = address_of("1.1.1.1");

    (void) state;
    assert_true(networks_parse("10.0.0.0/8", &trusted, &fault));
    headers.at[0] = (struct http_header){TEXT_OF("X-Forwarded-For"), TEXT_OF("6.6.6.6, 1.1.1.1")};
    headers.at[1] = (struct http_header){TEXT_OF("x-forwarded-for"), TEXT_OF("10.0.0.9")};
    struct address caller = address_of_caller(&trusted, &peer, &headers);
    assert_memory_equal(&caller, &wanted, sizeof caller);
}

static void test_origins(void **state)
{
    static const struct { const char *text, *origin; } rows[] = {
        {"http://localhost", "http://localhost"},
        {"http://LOCALHOST:3000", "http://localhost:3000"},
        {"https://a.example:443", "https://a.example"},
        {"http://a.example:80", "http://a.example"},
        {"http://a.example:443", "http://a.example:443"},
        {"null", NULL}, {"", NULL}, {"http://", NULL}, {"ftp://a", NULL}, {"http://a/", NULL},
        {"http://a:0", NULL}, {"http://a:65536", NULL}, {"http://a:", NULL}, {"http://a b", NULL},
        {"http://u@a", NULL}, {"http://a?b", NULL}, {" http://a", NULL}, {"//a", NULL},
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct origin origin;
        bool read = origin_parse(text_from(rows[i].text), &origin);

        if (read != (rows[i].origin != NULL) || (read && strcmp(origin.text, rows[i].origin) != 0))
            fail_msg("'%s'", rows[i].text);
    }
}

static void test_preview_hosts(void **state)
{
    static const struct { const char *host, *label; } rows[] = {
        {"abc.localhost", "abc"}, {"abc.localhost:8000", "abc"}, {"ABC.LocalHost:8000", "abc"},
        {"a-b-1.localhost", "a-b-1"},
        {"localhost", NULL}, {".localhost", NULL}, {"a.b.localhost", NULL}, {"-a.localhost", NULL},
        {"a-.localhost", NULL}, {"a_b.localhost", NULL}, {"a.localhost.evil", NULL},
        {"a.notlocalhost", NULL}, {"a.localhost:x", NULL}, {"a.localhost.", NULL}, {"", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.localhost", NULL},
    };
    struct config config = {.preview_domain = "localhost", .public_host = "localhost"};

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char label[APP_LABEL_SIZE];
        bool is_preview = preview_is_host(&config, text_from(rows[i].host), label);

        if (is_preview != (rows[i].label != NULL) ||
            (is_preview && strcmp(label, rows[i].label) != 0))
            fail_msg("'%s'", rows[i].host);
    }
}

/* What must keep the gateway from starting. */
static void test_settings(void **state)
{
    static const struct { const char *env, *listen, *url, *proxies; bool good; } rows[] = {
        {"development", "127.0.0.1:8000", "", "", true},
        {"development", "127.0.0.2:1", "https://me.example", "10.0.0.0/8", true},
        {"development", "0.0.0.0:8000", "", "", false},
        {"development", "192.168.1.1:8000", "", "", false},
        {"development", "[::1]:8000", "", "", false},
        {"development", "127.0.0.1", "", "", false},
        {"development", "127.0.0.1:0", "", "", false},
        {"development", "127.0.0.1:70000", "", "", false},
        {"production", "127.0.0.1:8000", "", "", false},
        {"development", "127.0.0.1:8000", "me.example", "", false},
        {"development", "127.0.0.1:8000", "", "10.0.0.0/99", false},
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bus_settings bus = {.isekai_env = rows[i].env};
        struct gateway_settings settings = {.isekai_listen = rows[i].listen,
                                            .public_url = rows[i].url,
                                            .preview_domain = "localhost",
                                            .allowed_origins = "",
                                            .trusted_proxies = rows[i].proxies,
                                            .x_xss_protection = "0"};
        struct config config;
        struct fault fault;

        if (config_read(&bus, &settings, &config, &fault) != rows[i].good)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),       cmocka_unit_test(test_limit_keys),
        cmocka_unit_test(test_networks),        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_forwarded_twice), cmocka_unit_test(test_origins),
        cmocka_unit_test(test_preview_hosts),   cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
