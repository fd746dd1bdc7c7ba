/* guard_test - which requests may pass when civetweb has had them first.
 *
 * Method: each row's octets go through civetweb's own way of parsing and then to the guard; the
 * verdict and the reason are compared. Refusals outnumber acceptances on purpose.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/gateway/forgiving_parse.h"

struct row { const char *label, *raw; enum fault_kind kind; const char *reason; };

#define GOOD FAULT_NONE, NULL
#define BAD FAULT_bad_request
static const struct row rows[] = {
    {"smallest", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", GOOD},
    {"query", "GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n", GOOD},
    {"empty query", "GET /a? HTTP/1.1\r\nHost: a\r\n\r\n", GOOD},
    {"percent in the query", "GET /a?b=50% HTTP/1.1\r\nHost: a\r\n\r\n", GOOD},
    {"encoded letter", "GET /%41 HTTP/1.1\r\nHost: a\r\n\r\n", GOOD},
    {"HTTP/1.0 without host", "GET / HTTP/1.0\r\nX: y\r\n\r\n", GOOD},
    {"value without blank", "GET / HTTP/1.1\r\nHost:a\r\n\r\n", GOOD},
    {"value with many blanks", "GET / HTTP/1.1\r\nHost:    a\r\n\r\n", GOOD},
    {"empty value", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", GOOD},
    {"value of blanks", "GET / HTTP/1.1\r\nHost: a\r\nX:   \r\n\r\n", GOOD},
    {"length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", GOOD},
    {"chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", GOOD},

    {"two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "more than one space after the method"},
    {"two blanks later", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "more than one space before the version"},
    {"leading line", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "white space before the request line"},
    {"leading blank", " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "white space before the request line"},
    {"absolute", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "the request target must begin with a slash"},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "the request target must begin with a slash"},
    {"encoded NUL", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "a percent-encoded NUL, slash or backslash in the path"},
    {"encoded slash", "GET /%2F HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "a percent-encoded NUL, slash or backslash in the path"},
    {"encoded backslash", "GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "a percent-encoded NUL, slash or backslash in the path"},
    {"half an encoding", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "a broken percent-encoding in the path"},
    {"half an encoding before a query", "GET /%4?b HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "a broken percent-encoding in the path"},
    {"backslash", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "a character in the path that must be percent-encoded"},
    {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "a character in the path that must be percent-encoded"},
    {"fragment in the query", "GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n",
     BAD, "a character in the query that must be percent-encoded"},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", BAD, "this is neither HTTP/1.0 nor HTTP/1.1"},
    {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
     BAD, "this is neither HTTP/1.0 nor HTTP/1.1"},
    {"no host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", BAD, "there must be exactly one Host"},
    {"no header", "GET / HTTP/1.1\r\n\r\n", BAD, "there is no header"},
    {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
     BAD, "there must be exactly one Host"},
    {"two hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n",
     BAD, "there must be exactly one Host"},
    {"blank before colon", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n",
     BAD, "white space between a header's name and its colon"},
    {"blanks before colon", "GET / HTTP/1.1\r\nHost: a\r\nX   :   5\r\n\r\n",
     BAD, "white space between a header's name and its colon"},
    {"folded", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c: d\r\n\r\n",
     BAD, "the headers do not end in an empty line"},
    {"folded first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
     BAD, "the request line does not end in CR LF"},
    {"a first header that begins with an umlaut",
     "GET / HTTP/1.0\r\n\xe4: b\r\nContent-Length: 5\r\n\r\n",
     BAD, "there is no header"},
    {"a first header without name", "GET / HTTP/1.0\r\n: b\r\nContent-Length: 5\r\n\r\n",
     BAD, "there is no header"},
    {"a later header that begins with an umlaut",
     "GET / HTTP/1.1\r\nHost: a\r\n\xe4: b\r\nContent-Length: 5\r\n\r\n",
     BAD, "the headers do not end in an empty line"},
    {"bare LF after the first line", "GET / HTTP/1.1\nHost: a\r\n\r\n",
     BAD, "the request line does not end in CR LF"},
    {"bare LF between", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
     BAD, "a header line that does not end in CR LF, or is folded"},
    {"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\n\n",
     BAD, "the headers do not end in an empty line"},
    {"an empty line of LF", "GET / HTTP/1.1\r\nHost: a\r\n\nX: b\r\n\r\n",
     BAD, "the headers do not end in an empty line"},
    {"name with umlaut", "GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n",
     BAD, "a header name that is no token"},
    {"length twice", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
     BAD, "more than one statement of where the body ends"},
    {"coding twice",
     "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
     BAD, "more than one statement of where the body ends"},
    {"length and coding",
     "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     BAD, "more than one statement of where the body ends"},
    {"length with sign", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
     BAD, "Content-Length must be digits only"},
    {"length in hex", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n",
     BAD, "Content-Length must be digits only"},
    {"length with letters", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1a\r\n\r\n",
     BAD, "Content-Length must be digits only"},
    {"length empty", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
     BAD, "Content-Length must be digits only"},
    {"length listed", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
     BAD, "Content-Length must be digits only"},
    {"length of 16 digits", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000\r\n\r\n",
     BAD, "Content-Length must be digits only"},
    {"gzip", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
     BAD, "Transfer-Encoding must be chunked"},
    {"gzip, chunked", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
     BAD, "Transfer-Encoding must be chunked"},
    {"identity", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
     BAD, "Transfer-Encoding must be chunked"},
    {"chunked in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
     BAD, "Transfer-Encoding must be chunked"},
    {"origin twice", "GET / HTTP/1.1\r\nHost: a\r\nOrigin: a\r\norigin: b\r\n\r\n",
     BAD, "origin came twice"},
};

static void test_rows(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct as_civetweb parsed;
        struct http_headers headers;
        struct guard_verdict verdict;
        struct fault fault = {.kind = FAULT_NONE};

        if (!civetweb_parse(&parsed, rows[i].raw, strlen(rows[i].raw)))
            fail_msg("%s: civetweb itself refused it", rows[i].label);
        bool passed = guard_check(&parsed.view, &headers, &verdict, &fault);
        if (passed != (rows[i].reason == NULL))
            fail_msg("%s: %s", rows[i].label, passed ? "passed" : fault.reason);
        if (passed)
            continue;
        assert_int_equal(fault.kind, rows[i].kind);
        if (strcmp(fault.reason, rows[i].reason) != 0)
            fail_msg("%s: '%s' instead of '%s'", rows[i].label, fault.reason, rows[i].reason);
    }
}

static bool check_many(uint32_t count, struct fault *fault)
{
    static struct as_civetweb parsed;
    struct http_headers headers;
    struct guard_verdict verdict;
    char raw[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";
    size_t size = strlen(raw);

    for (uint32_t i = 1; i < count; i++)
        size += (size_t)snprintf(raw + size, sizeof raw - size, "X-%u: v\r\n", i);
    size += (size_t)snprintf(raw + size, sizeof raw - size, "\r\n");
    assert_true(civetweb_parse(&parsed, raw, size));
    return guard_check(&parsed.view, &headers, &verdict, fault);
}

/* civetweb passes on 64 headers whether there are 64 or 6,400. */
static void test_number_of_headers(void **state)
{
    struct fault fault = {.kind = FAULT_NONE};

    (void) state;
    assert_true(check_many(GUARD_HEADERS_MAX, &fault));
    assert_false(check_many(GUARD_HEADERS_MAX + 1, &fault));
    assert_int_equal(fault.kind, FAULT_too_long);
    assert_false(check_many(GUARD_HEADERS_MAX + 30, &fault));
    assert_int_equal(fault.kind, FAULT_too_long);
}

static void test_framing(void **state)
{
    static const char with_length[] = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 12 \r\n\r\n";
    static const char chunked[] =
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    static struct as_civetweb parsed;
    struct http_headers headers;
    struct guard_verdict verdict;
    struct fault fault;

    (void) state;
    assert_true(civetweb_parse(&parsed, with_length, sizeof with_length - 1));
    assert_true(guard_check(&parsed.view, &headers, &verdict, &fault));
    assert_int_equal(verdict.body_octets, 12);
    assert_int_equal(headers.count, 2);
    assert_true(civetweb_parse(&parsed, chunked, sizeof chunked - 1));
    assert_true(guard_check(&parsed.view, &headers, &verdict, &fault));
    assert_int_equal(verdict.body_octets, BODY_CHUNKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_number_of_headers),
        cmocka_unit_test(test_framing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
