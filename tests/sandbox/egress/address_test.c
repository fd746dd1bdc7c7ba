/* address_test - which addresses an app may reach: rows from the registries of IANA, and their edges.
 *
 * The property: an address that the C library calls loopback, link-local, multicast, mapped or private
 * is never public, whatever its other bits are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "actors/sandbox/egress/address.h"

enum { TRIES = 200000 };

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage out = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out;

    out.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(out.ss_family, text, out.ss_family == AF_INET
                                   ? (void *)&four->sin_addr : (void *)&six->sin6_addr), 1);
    return out;
}

static bool is_public(const char *text)
{
    struct sockaddr_storage address = address_of(text);

    return address_is_public((struct sockaddr *)&address);
}

static void what_is_not_public_is_refused(void **state)
{
    static const char *const rows[] = {
        "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
        "127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1",
        "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9",
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
        "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "100::1",
        "2001::1", "2001:0:4136:e378::1", "2001:2::1", "2001:10::1", "2001:20::1",
        "2001:1ff:ffff::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1",
        "2002:c0a8:101::1", "2002:a9fe:a9fe::", "3fff::1", "4000::1", "5f00::1", "fc00::1",
        "fd00:ec2::254", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is_public(rows[i]))
            fail_msg("%s", rows[i]);
}

static void the_neighbours_of_what_is_refused_are_public(void **state)
{
    static const char *const rows[] = {
        "1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255",
        "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0", "223.255.255.255",
        "2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1",
        "2002:808:808::1", "2003::1", "2606:4700::1", "3ffe:ffff::1", "64:ff9b::8.8.8.8",
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!is_public(rows[i]))
            fail_msg("%s", rows[i]);
}

static bool is_known_private(const struct in6_addr *six)
{
    const uint8_t *octets = six->s6_addr;

    return IN6_IS_ADDR_LOOPBACK(six) || IN6_IS_ADDR_UNSPECIFIED(six) ||
           IN6_IS_ADDR_LINKLOCAL(six) || IN6_IS_ADDR_SITELOCAL(six) ||
           IN6_IS_ADDR_MULTICAST(six) || IN6_IS_ADDR_V4MAPPED(six) || IN6_IS_ADDR_V4COMPAT(six) ||
           (octets[0] & 0xfe) == 0xfc;
}

static void no_bits_make_a_private_address_public(void **state)
{
    static const uint8_t heads[][2] = {
        {0, 0}, {0xfc, 0}, {0xfd, 0}, {0xfe, 0x80}, {0xfe, 0xc0}, {0xff, 2}, {0x20, 2}, {0, 0x64},
    };
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    uint64_t seed = 88172645463325252u;

    (void) state;
    for (unsigned i = 0; i < TRIES; i++) {
        uint8_t *octets = address.sin6_addr.s6_addr;
        for (size_t at = 0; at < 16; at++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            octets[at] = seed % 3 ? (uint8_t)(seed >> 24) : 0;
        }
        memcpy(octets, heads[i % 8], 2);
        bool is_6to4_to_private = octets[0] == 0x20 && octets[1] == 2 &&
                                  (octets[2] == 10 || octets[2] == 127 || octets[2] == 0);
        if (is_known_private(&address.sin6_addr) || is_6to4_to_private)
            assert_false(address_is_public((struct sockaddr *)&address));
    }
}

static void other_families_are_refused(void **state)
{
    struct sockaddr address = {.sa_family = AF_UNIX};
    struct ranges all;
    struct fault fault;

    (void) state;
    assert_true(ranges_read("0.0.0.0/0,::/0", &all, &fault));
    assert_false(address_is_public(&address));
    assert_false(ranges_hold(&all, &address));
}

static void ranges_hold_what_they_name(void **state)
{
    struct sockaddr_storage in = address_of("10.1.2.3"), out = address_of("10.2.0.0"),
                            six = address_of("fd12::9"), other = address_of("fe12::9");
    struct ranges ranges;
    struct fault fault;

    (void) state;
    assert_true(ranges_read("10.1.0.0/16,fd00::/8", &ranges, &fault));
    assert_true(ranges_hold(&ranges, (struct sockaddr *)&in));
    assert_false(ranges_hold(&ranges, (struct sockaddr *)&out));
    assert_true(ranges_hold(&ranges, (struct sockaddr *)&six));
    assert_false(ranges_hold(&ranges, (struct sockaddr *)&other));
    assert_true(ranges_read("10.0.0.0/15", &ranges, &fault));
    assert_true(ranges_hold(&ranges, (struct sockaddr *)&in));
    assert_false(ranges_hold(&ranges, (struct sockaddr *)&out));
    assert_true(ranges_read("", &ranges, &fault));
    assert_false(ranges_hold(&ranges, (struct sockaddr *)&in));
}

static void what_is_no_range_is_refused(void **state)
{
    static const char *const rows[] = {
        "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0/8", "x/8", "/8", ",", "10.0.0.0/8 ",
        "10.0.0.0/-1", "10.0.0.0/8,,10.0.0.0/8", "10.0.0.0/99999999999999999999",
    };
    char many[RANGES_MAX * 11 + 12] = "";
    struct ranges ranges;
    struct fault fault;

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ranges_read(rows[i], &ranges, &fault))
            fail_msg("%s", rows[i]);
    for (int i = 0; i <= RANGES_MAX; i++)
        strcat(many, "10.0.0.0/8,");
    assert_false(ranges_read(many, &ranges, &fault));
    assert_string_equal(fault.reason, "EGRESS_ALLOW_ADDRESSES: more than 32 ranges");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_public_is_refused),
        cmocka_unit_test(the_neighbours_of_what_is_refused_are_public),
        cmocka_unit_test(no_bits_make_a_private_address_public),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(ranges_hold_what_they_name),
        cmocka_unit_test(what_is_no_range_is_refused),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
