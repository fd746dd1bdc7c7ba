/* connect_head_test - heads of CONNECT as clients write them, and as attackers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/sandbox/egress/connect_head.h"

#define HEAD(literal) {literal, sizeof literal - 1}

static void heads_of_clients_are_read(void **state)
{
    static const struct { struct text head; const char *host; uint16_t port; } rows[] = {
        {HEAD("CONNECT a.example:443 HTTP/1.1\r\n\r\n"), "a.example", 443},
        {HEAD("CONNECT A.Example:1 HTTP/1.0\r\n\r\n"), "a.example", 1},
        {HEAD("CONNECT a.example:65535 HTTP/1.1\r\nHost: a.example:65535\r\n"
              "Proxy-Connection: keep-alive\r\nUser-Agent: x\r\nEmpty:\r\n\r\n"), "a.example", 65535},
        {HEAD("CONNECT 8.8.8.8:53 HTTP/1.1\r\n\r\n"), "8.8.8.8", 53},
        {HEAD("CONNECT [2001:DB8::1]:80 HTTP/1.1\r\n\r\n"), "2001:db8::1", 80},
    };
    struct connect_target target;
    const char *why;
    size_t size;

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(connect_head_read(rows[i].head, &size, &target, &why), CONNECT_HEAD_READ);
        assert_int_equal(size, rows[i].head.size);
        assert_string_equal(target.host, rows[i].host);
        assert_int_equal(target.port, rows[i].port);
    }
}

static void a_head_may_come_octet_by_octet_and_with_more_behind_it(void **state)
{
    static const char all[] = "CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\x01";
    const size_t head = sizeof all - 1 - 3;
    struct connect_target target;
    const char *why;
    size_t size;

    (void) state;
    for (size_t got = 0; got < head; got++)
        assert_int_equal(connect_head_read((struct text){all, got}, &size, &target, &why),
                         CONNECT_HEAD_MORE);
    assert_int_equal(connect_head_read((struct text){all, sizeof all - 1}, &size, &target, &why),
                     CONNECT_HEAD_READ);
    assert_int_equal(size, head);
}

static void hostile_heads_are_refused(void **state)
{
    static const struct text rows[] = {
        HEAD("GET http://a.example/ HTTP/1.1\r\n"), HEAD("connect a.example:443 HTTP/1.1\r\n"),
        HEAD("CONNECT  a.example:443 HTTP/1.1\r\n"), HEAD("CONNECT a.example:443  HTTP/1.1\r\n"),
        HEAD("CONNECT a.example HTTP/1.1\r\n"), HEAD("CONNECT a.example: HTTP/1.1\r\n"),
        HEAD("CONNECT a.example:0 HTTP/1.1\r\n"), HEAD("CONNECT a.example:65536 HTTP/1.1\r\n"),
        HEAD("CONNECT a.example:0443 HTTP/1.1\r\n"), HEAD("CONNECT a.example:+443 HTTP/1.1\r\n"),
        HEAD("CONNECT a.example:443x HTTP/1.1\r\n"), HEAD("CONNECT :443 HTTP/1.1\r\n"),
        HEAD("CONNECT a.example:99999999999999 HTTP/1.1\r\n"),
        HEAD("CONNECT a.example:443 HTTP/2.0\r\n"), HEAD("CONNECT a.example:443\r\n"),
        HEAD("CONNECT a.example:443 http/1.1\r\n"), HEAD("CONNECT \r\n"), HEAD("\r\n\r\n"),
        HEAD("CONNECT u@a.example:443 HTTP/1.1\r\n"), HEAD("CONNECT a\0b.example:443 HTTP/1.1\r\n"),
        HEAD("CONNECT 127.1:80 HTTP/1.1\r\n"), HEAD("CONNECT 0x7f000001:80 HTTP/1.1\r\n"),
        HEAD("CONNECT 2130706433:80 HTTP/1.1\r\n"), HEAD("CONNECT ::1:80 HTTP/1.1\r\n"),
        HEAD("CONNECT [127.0.0.1]:80 HTTP/1.1\r\n"), HEAD("CONNECT [a.example]:80 HTTP/1.1\r\n"),
        HEAD("CONNECT [::1:80 HTTP/1.1\r\n"), HEAD("CONNECT []:80 HTTP/1.1\r\n"),
        HEAD("CONNECT [fe80::1%25eth0]:80 HTTP/1.1\r\n"), HEAD("CONNECT *.example.com:80 HTTP/1.1\r\n"),
        HEAD("CONNECT a.example:1 HTTP/1.1\r\nHost\r\n"), HEAD("CONNECT a.example:1 HTTP/1.1\r\n: x\r\n"),
        HEAD("CONNECT a.example:1 HTTP/1.1\r\nA : x\r\n"), HEAD("CONNECT a.example:1 HTTP/1.1\r\n A: x\r\n"),
        HEAD("CONNECT a.example:1 HTTP/1.1\r\nA: x\n B: y\r\n"),
        HEAD("CONNECT a.example:1 HTTP/1.1\r\nA: x\0y\r\n"), HEAD("CONNECT a.example:1 HTTP/1.1\r\nA: x\x7f\r\n"),
        HEAD("CONNECT a.example:1 HTTP/1.1\r\nContent-Length: 0\r\n"),
        HEAD("CONNECT a.example:1 HTTP/1.1\r\ntransfer-encoding: chunked\r\n"),
    };
    struct connect_target target;
    const char *why;
    size_t size;

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (connect_head_read(rows[i], &size, &target, &why) != CONNECT_HEAD_BROKEN)
            fail_msg("'%.*s'", TEXT_ARGS(rows[i]));
        assert_non_null(why);
    }
}

static void a_head_is_bounded(void **state)
{
    char head[CONNECT_HEAD_OCTETS_MAX + 100] = "CONNECT a.example:443 HTTP/1.1\r\nA: ";
    struct connect_target target;
    const char *why;
    size_t size, line = strlen(head);

    (void) state;
    memset(head + line, 'x', sizeof head - line);
    assert_int_equal(connect_head_read((struct text){head, CONNECT_HEAD_OCTETS_MAX - 1}, &size,
                                       &target, &why), CONNECT_HEAD_MORE);
    assert_int_equal(connect_head_read((struct text){head, CONNECT_HEAD_OCTETS_MAX}, &size, &target,
                                       &why), CONNECT_HEAD_BROKEN);
    memcpy(head + CONNECT_HEAD_OCTETS_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(connect_head_read((struct text){head, CONNECT_HEAD_OCTETS_MAX}, &size, &target,
                                       &why), CONNECT_HEAD_READ);
    memset(head + CONNECT_HEAD_OCTETS_MAX - 4, 'x', 4);
    memcpy(head + CONNECT_HEAD_OCTETS_MAX - 3, "\r\n\r\n", 4);
    assert_int_equal(connect_head_read((struct text){head, CONNECT_HEAD_OCTETS_MAX + 1}, &size,
                                       &target, &why), CONNECT_HEAD_BROKEN);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_of_clients_are_read),
        cmocka_unit_test(a_head_may_come_octet_by_octet_and_with_more_behind_it),
        cmocka_unit_test(hostile_heads_are_refused),
        cmocka_unit_test(a_head_is_bounded),
    };

    return cmocka_run_group_tests_name("connect_head", tests, NULL, NULL);
}
