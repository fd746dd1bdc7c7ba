/* preview_head_test - what of an app's answer reaches the caller, and what of a request the app.
 *
 * Method: whole heads as octets; the verdict, and the lines that are or are not printed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "gateway/preview_head.h"

static char printed[APP_HEAD_OCTETS_MAX];

static void test_refused_heads(void **state)
{
    static const char *const heads[] = {
        "", "\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 600 X\r\n\r\n", "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/1.1 200-OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\r\n\r\n", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\n c\r\n\r\n", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: b\r\n\r\n", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rX: c\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\nX: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\x01\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    struct app_head head;
    struct fault fault;

    (void) state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        if (app_head_read(text_from(heads[i]), false, &head, &fault))
            fail_msg("passed: %s", heads[i]);
        assert_int_equal(fault.kind, FAULT_app_unreachable);
    }
}

static void read_head(const char *octets, bool is_head, struct app_head *head)
{
    struct fault fault = {.kind = FAULT_NONE};

    if (!app_head_read(text_from(octets), is_head, head, &fault))
        fail_msg("%s: %s", octets, fault.reason);
}

static void test_framing(void **state)
{
    static const struct { const char *octets; bool is_head; enum body_framing framing; } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, FRAMING_LENGTH},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, FRAMING_NONE},
        {"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n", false, FRAMING_NONE},
        {"HTTP/1.1 304 No\r\n\r\n", false, FRAMING_NONE},
        {"HTTP/1.1 103 Hints\r\n\r\n", false, FRAMING_NONE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", false, FRAMING_CHUNKED},
        {"HTTP/1.0 200 OK\r\n\r\n", false, FRAMING_CLOSE},
        {"HTTP/1.1 200\r\n\r\n", false, FRAMING_CLOSE},
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct app_head head;

        read_head(rows[i].octets, rows[i].is_head, &head);
        if (head.framing != rows[i].framing)
            fail_msg("row %zu: framing %d", i, head.framing);
    }
}

static const char *print(const char *octets)
{
    struct app_head head;

    read_head(octets, false, &head);
    size_t size = app_head_print(&head, HEAD_AS_IT_IS, printed, sizeof printed - 1);
    assert_true(size > 0);
    printed[size] = '\0';
    return printed;
}

/* What was true of the app's own octets alone does not go along with a tag. */
static void test_what_passes_with_a_tag(void **state)
{
    struct app_head head;

    (void) state;
    read_head("HTTP/1.1 200 OK\r\nETag: \"e\"\r\nLast-Modified: x\r\nAccept-Ranges: bytes\r\n"
              "Content-Digest: x\r\nCache-Control: max-age=9\r\nExpires: x\r\nX-Own: 1\r\n"
              "Content-Security-Policy: default-src 'none'\r\n\r\n", false, &head);
    size_t size = app_head_print(&head, HEAD_OF_TAGGED, printed, sizeof printed - 1);
    printed[size] = '\0';
    assert_string_equal(printed, "X-Content-Type-Options: nosniff\r\nX-Own: 1\r\n"
                                 "Content-Security-Policy: default-src 'none'\r\n"
                                 "Cache-Control: no-store\r\n");
}

static void test_what_passes(void **state)
{
    const char *out = print("HTTP/1.1 200 OK\r\n"
                            "Content-Type: text/html\r\nSet-Cookie: a=b; Path=/; HttpOnly\r\n"
                            "Service-Worker-Allowed: /\r\nX-Frame-Options: DENY\r\n\r\n");

    (void) state;
    assert_string_equal(out, "X-Content-Type-Options: nosniff\r\n"
                             "Content-Type: text/html\r\nSet-Cookie: a=b; Path=/; HttpOnly\r\n"
                             "Service-Worker-Allowed: /\r\nX-Frame-Options: DENY\r\n");
}

static void test_what_does_not(void **state)
{
    static const char *const lines[] = {
        "Connection: close", "Keep-Alive: timeout=5", "Transfer-Encoding: chunked", "Upgrade: h2c",
        "Proxy-Authenticate: Basic", "Trailer: X", "TE: trailers", "Proxy-Connection: x",
        "Set-Cookie: a=b; Domain=localhost", "Set-Cookie: a=b; path=/; DOMAIN = localhost",
        "Set-Cookie: a=b;domain", "set-cookie: a=b; Secure;\tDomain=x; Path=/",
        "Clear-Site-Data: \"*\"", "Alt-Svc: h2=\":443\"", "X-Accel-Redirect: /internal",
        "X-Sendfile: /etc/passwd", "X-Content-Type-Options: sniff", "X-LIGHTTPD-send-file: /x",
    };

    (void) state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char octets[200];

        (void) snprintf(octets, sizeof octets, "HTTP/1.1 200 OK\r\n%s\r\n\r\n", lines[i]);
        if (strcmp(print(octets), "X-Content-Type-Options: nosniff\r\n") != 0)
            fail_msg("passed: %s", printed);
    }
    assert_string_equal(print("HTTP/1.1 200 OK\r\nConnection: x-a, Set-Cookie\r\nX-A: 1\r\n"
                              "Set-Cookie: a=b\r\nX-B: 2\r\n\r\n"),
                        "X-Content-Type-Options: nosniff\r\nX-B: 2\r\n");
    assert_string_equal(print("HTTP/1.1 200 OK\r\nSet-Cookie: domain=x; Path=/\r\n\r\n"),
                        "X-Content-Type-Options: nosniff\r\nSet-Cookie: domain=x; Path=/\r\n");
}

static void test_too_many_headers(void **state)
{
    static char octets[8192] = "HTTP/1.1 200 OK\r\n";
    size_t size = strlen(octets);
    struct app_head head;
    struct fault fault;

    (void) state;
    for (int i = 0; i <= HEADERS_MAX; i++)
        size += (size_t)snprintf(octets + size, sizeof octets - size, "X: %d\r\n", i);
    (void) snprintf(octets + size, sizeof octets - size, "\r\n");
    assert_false(app_head_read(text_from(octets), false, &head, &fault));
}

static const char *print_request(const struct http_headers *headers, struct guard_verdict framing,
                                 bool is_upgrade)
{
    struct preview_request request = {.verb = TEXT_OF("POST"), .path = TEXT_OF("/a%20b"),
                                      .query = TEXT_OF("c=d"), .headers = headers,
                                      .framing = framing, .caller = "9.9.9.9",
                                      .is_upgrade = is_upgrade};
    size_t size = preview_request_print(&request, printed, sizeof printed - 1);

    assert_true(size > 0);
    printed[size] = '\0';
    return printed;
}

static void test_request(void **state)
{
    const struct http_headers headers = {
        .at = {{TEXT_OF("Host"), TEXT_OF("x.localhost:8000")},
               {TEXT_OF("X-Forwarded-For"), TEXT_OF("1.1.1.1")},
               {TEXT_OF("Forwarded"), TEXT_OF("for=1.1.1.1")},
               {TEXT_OF("X-Real-IP"), TEXT_OF("1.1.1.1")},
               {TEXT_OF("Connection"), TEXT_OF("keep-alive, X-Hop")},
               {TEXT_OF("X-Hop"), TEXT_OF("1")},
               {TEXT_OF("Content-Length"), TEXT_OF("5")},
               {TEXT_OF("Expect"), TEXT_OF("100-continue")},
               {TEXT_OF("Cookie"), TEXT_OF("a=b")}},
        .count = 9};

    (void) state;
    assert_string_equal(print_request(&headers, (struct guard_verdict){5, false}, false),
                        "POST /a%20b?c=d HTTP/1.1\r\nHost: x.localhost:8000\r\nCookie: a=b\r\n"
                        "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\n"
                        "X-Forwarded-Host: x.localhost:8000\r\nContent-Length: 5\r\n"
                        "Connection: close\r\n\r\n");
    assert_non_null(strstr(print_request(&headers, (struct guard_verdict){BODY_CHUNKED, false},
                                         false),
                           "\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"));
    assert_non_null(strstr(print_request(&headers, (struct guard_verdict){0, false}, true),
                           "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
}

/* Any cut of the octets gives the same data. */
static void test_chunks(void **state)
{
    static const char octets[] =
        "5;a=b\r\nhello\r\n1 \r\n,\r\n006\r\n world\r\n0\r\nX: y\r\n\r\nrest";

    (void) state;
    for (size_t step = 1; step < sizeof octets; step++) {
        struct chunks chunks = {.state = CHUNK_SIZE};
        char data[64];
        size_t data_size = 0, at = 0, end = 0;

        while (chunks.state != CHUNK_DONE) {
            struct text payload;
            struct fault fault;
            size_t used;

            if (at == end)
                end = end + step < sizeof octets - 1 ? end + step : sizeof octets - 1;
            assert_true(chunks_read(&chunks, (struct text){octets + at, end - at}, &used,
                                    &payload, &fault));
            memcpy(data + data_size, payload.at, payload.size);
            data_size += payload.size;
            at += used;
        }
        assert_int_equal(data_size, 12);
        assert_memory_equal(data, "hello, world", 12);
        assert_true(at <= sizeof octets - 1 - strlen("rest"));
    }
}

static void test_broken_chunks(void **state)
{
    static const char *const rows[] = {
        "\r\n", "x\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", "1\n", "1\r\nab", "1\r\na\n", "1\r\na\rx",
        "1000000000000000\r\n", "1;a\nb\r\n", "0\r\n\n", "0\r\nX\n", "0\r\n\rx", " 1\r\n", "1\rx",
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct chunks chunks = {.state = CHUNK_SIZE};
        struct text rest = text_from(rows[i]), payload;
        struct fault fault;
        bool is_good = true;
        size_t used;

        while (is_good && rest.size > 0) {
            is_good = chunks_read(&chunks, rest, &used, &payload, &fault);
            rest = (struct text){rest.at + used, is_good ? rest.size - used : 0};
        }
        if (is_good)
            fail_msg("row %zu passed", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_heads),    cmocka_unit_test(test_framing),
        cmocka_unit_test(test_what_passes),
        cmocka_unit_test(test_what_passes_with_a_tag),      cmocka_unit_test(test_what_does_not),
        cmocka_unit_test(test_too_many_headers), cmocka_unit_test(test_request),
        cmocka_unit_test(test_chunks),           cmocka_unit_test(test_broken_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
