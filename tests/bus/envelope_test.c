/* envelope_test - what is one MessagePack-RPC message, and what is not.
 *
 * Method: octets written by hand, read; then written by the envelope and compared with octets
 * written by hand, so that no mistake can hide in both.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bus/envelope.h"

#define T(literal) TEXT_OF(literal)

static const struct {
    const char *label;
    struct text packed;
    const char *reason;         /* NULL: to be read */
} rows[] = {
    {"request",              T("\x94\x00\x07\xa1m\x91\x80"), NULL},
    {"without parameter",    T("\x94\x00\x07\xa1m\x90"), NULL},
    {"array of 16",          T("\xdc\x00\x04\x00\x07\xa1m\x91\x80"), NULL},
    {"array of 32",          T("\xdd\x00\x00\x00\x04\x00\x07\xa1m\x91\x80"), NULL},
    {"msgid of 32 bits",     T("\x94\x00\xce\xff\xff\xff\xff\xa1m\x91\x80"), NULL},
    {"msgid signed",         T("\x94\x00\xd3\x00\x00\x00\x00\x00\x00\x00\x07\xa1m\x91\x80"), NULL},
    {"answer",               T("\x94\x01\x07\xc0\x80"), NULL},
    {"failure",              T("\x94\x01\x07\x81\xa4name\xa1x\xc0"), NULL},
    {"progress",             T("\x93\x02\xa8" "progress\x92\x07\x80"), NULL},
    {"nothing",              T(""), ""},
    {"cut short",            T("\x94\x00\x07\xa1m\x91"), ""},
    {"more behind it",       T("\x94\x00\x07\xa1m\x91\x80\x00"), ""},
    {"reserved type",        T("\xc1"), ""},
    {"not an array",         T("\x80"), "not an array that begins with its type"},
    {"empty array",          T("\x90"), "not an array that begins with its type"},
    {"type unknown",         T("\x94\x03\x07\xa1m\x91\x80"), "not a MessagePack-RPC message"},
    {"request of three",     T("\x93\x00\x07\xa1m"), "not a MessagePack-RPC message"},
    {"request of five",      T("\x95\x00\x07\xa1m\x91\x80\xc0"), "not a MessagePack-RPC message"},
    {"msgid negative",       T("\x94\x00\xff\xa1m\x91\x80"), "msgid is not a number of 32 bits"},
    {"msgid negative, wide", T("\x94\x00\xd2\x80\x00\x00\x00\xa1m\x91\x80"),
                             "msgid is not a number of 32 bits"},
    {"msgid of 64 bits",     T("\x94\x00\xcf\x00\x00\x00\x01\x00\x00\x00\x00\xa1m\x91\x80"),
                             "msgid is not a number of 32 bits"},
    {"msgid a string",       T("\x94\x00\xa1x\xa1m\x91\x80"), "msgid is not a number of 32 bits"},
    {"method a number",      T("\x94\x00\x07\x01\x91\x80"), "method is not a string"},
    {"method octets",        T("\x94\x00\x07\xc4\x01m\x91\x80"), "method is not a string"},
    {"params a map",         T("\x94\x00\x07\xa1m\x80"), "params is not an array of one map"},
    {"two parameters",       T("\x94\x00\x07\xa1m\x92\x80\x80"),
                             "params is not an array of one map"},
    {"parameter an array",   T("\x94\x00\x07\xa1m\x91\x90"), "the parameter is not a map"},
    {"parameter nil",        T("\x94\x00\x07\xa1m\x91\xc0"), "the parameter is not a map"},
    {"error a string",       T("\x94\x01\x07\xa1x\xc0"), "error is neither nil nor a map"},
    {"other notification",   T("\x93\x02\xa5other\x92\x07\x80"),
                             "not a notification named progress"},
    {"progress of one",      T("\x93\x02\xa8" "progress\x91\x07"), "params is not [msgid, data]"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct envelope envelope;
        struct fault fault = {0};
        bool is_read = envelope_read(rows[i].packed, &envelope, &fault);
        if (is_read != (rows[i].reason == NULL))
            fail_msg("%s: %s", rows[i].label, is_read ? "was read" : fault.reason);
        if (is_read)
            continue;
        assert_int_equal(fault.kind, FAULT_broken_msgpack);
        if (*rows[i].reason)
            assert_string_equal(fault.reason, rows[i].reason);
    }
}

static void test_parts_of_a_request(void **state)
{
    struct envelope envelope;
    struct fault fault;

    (void)state;
    assert_true(envelope_read(T("\x94\x00\xcd\x01\x02\xa8" "apps.get\x91\x81\xa1k\xa1v"), &envelope,
                              &fault));
    assert_int_equal(envelope.kind, ENVELOPE_REQUEST);
    assert_int_equal(envelope.msgid, 258);
    assert_true(text_is(envelope.method, "apps.get"));
    assert_true(text_equals(envelope.params, T("\x81\xa1k\xa1v")));
    assert_true(envelope_read(T("\x94\x00\x01\xa1m\x90"), &envelope, &fault));
    assert_true(text_equals(envelope.params, T("\x80")));
}

static void test_parts_of_answers(void **state)
{
    struct envelope envelope;
    struct fault fault;

    (void)state;
    assert_true(envelope_read(T("\x94\x01\x07\xc0\x92\x01\x02"), &envelope, &fault));
    assert_int_equal(envelope.kind, ENVELOPE_ANSWER);
    assert_null(envelope.error.at);
    assert_true(text_equals(envelope.result, T("\x92\x01\x02")));
    assert_true(envelope_read(T("\x94\x01\x07\x81\xa4name\xa1x\xc0"), &envelope, &fault));
    assert_true(text_equals(envelope.error, T("\x81\xa4name\xa1x")));
    assert_true(envelope_read(T("\x93\x02\xa8" "progress\x92\x09\x81\xa4step\xa1s"), &envelope,
                              &fault));
    assert_int_equal(envelope.kind, ENVELOPE_PROGRESS);
    assert_int_equal(envelope.msgid, 9);
    assert_true(text_equals(envelope.data, T("\x81\xa4step\xa1s")));
}

/* Every way to cut a good message short is refused, and read nowhere beyond its end. */
static void test_every_cut(void **state)
{
    struct text whole = T("\x94\x00\xcd\x01\x02\xa8" "apps.get\x91\x81\xa1k\xa1v");

    (void)state;
    for (size_t size = 0; size < whole.size; size++) {
        char *copy = test_malloc(size ? size : 1);
        struct envelope envelope;
        struct fault fault;
        memcpy(copy, whole.at, size);
        assert_false(envelope_read((struct text){copy, size}, &envelope, &fault));
        test_free(copy);
    }
}

static void test_peek(void **state)
{
    uint32_t msgid = 0;

    (void)state;
    assert_true(envelope_peek_msgid(T("\x94\x00\xcd\x01\x02 and whatever"), &msgid));
    assert_int_equal(msgid, 258);
    assert_false(envelope_peek_msgid(T("\x94\x01\x07\xc0\xc0"), &msgid));
    assert_false(envelope_peek_msgid(T("\x94\x00\xcd\x01"), &msgid));
    assert_false(envelope_peek_msgid(T("Hello"), &msgid));
    assert_false(envelope_peek_msgid(T(""), &msgid));
}

static void assert_written(msgpack_sbuffer *buffer, struct text expected)
{
    assert_int_equal(buffer->size, expected.size);
    assert_memory_equal(buffer->data, expected.at, expected.size);
    msgpack_sbuffer_clear(buffer);
}

static void test_writing(void **state)
{
    const struct progress progress = {.step = T("plan")};
    struct fault fault;
    msgpack_sbuffer buffer;

    (void)state;
    msgpack_sbuffer_init(&buffer);
    assert_true(envelope_write_request(7, "apps.get", T("\x81\xa1k\xa1v"), &buffer));
    assert_written(&buffer, T("\x94\x00\x07\xa8" "apps.get\x91\x81\xa1k\xa1v"));
    assert_true(envelope_write_request(7, "m", (struct text){NULL, 0}, &buffer));
    assert_written(&buffer, T("\x94\x00\x07\xa1m\x91\x80"));
    assert_true(envelope_write_result(7, T("\x90"), &buffer));
    assert_written(&buffer, T("\x94\x01\x07\xc0\x90"));
    assert_true(envelope_write_progress(7, &progress, &buffer));
    assert_written(&buffer, T("\x93\x02\xa8" "progress\x92\x07\x81\xa4step\xa4plan"));

    (void) fault_set(&fault, FAULT_overloaded, "full");
    (void) fault_retry_after(&fault, 5);
    assert_true(envelope_write_fault(7, &fault, &buffer));
    assert_written(&buffer, T("\x94\x01\x07\x83\xa4name\xaaoverloaded\xa6reason\xa4" "full"
                              "\xa7retryMs\x05\xc0"));
    msgpack_sbuffer_destroy(&buffer);
}

/* What an internal fault is about stays inside; text that is no UTF-8 is left out. */
static void test_reasons_that_are_not_told(void **state)
{
    struct fault fault;
    msgpack_sbuffer buffer;

    (void)state;
    msgpack_sbuffer_init(&buffer);
    (void) fault_set(&fault, FAULT_internal, "password of the database");
    assert_true(envelope_write_fault(1, &fault, &buffer));
    assert_written(&buffer, T("\x94\x01\x01\x81\xa4name\xa8internal\xc0"));
    (void) fault_set(&fault, FAULT_conflict, "\xff\xfe");
    assert_true(envelope_write_fault(1, &fault, &buffer));
    assert_written(&buffer, T("\x94\x01\x01\x81\xa4name\xa8" "conflict\xc0"));
    msgpack_sbuffer_destroy(&buffer);
}

static void test_fault_from_failure(void **state)
{
    const struct failure known = {.name = T("app_not_found"), .reason = T("gone"), .retry_ms = 3};
    const struct failure newer = {.name = T("invented_later")};
    struct fault fault;

    (void)state;
    fault_from_failure(&known, &fault);
    assert_int_equal(fault.kind, FAULT_app_not_found);
    assert_string_equal(fault.reason, "gone");
    assert_int_equal(fault.retry_ms, 3);
    fault_from_failure(&newer, &fault);
    assert_int_equal(fault.kind, FAULT_internal);
    assert_string_equal(fault.reason, "");
}

static void test_header(void **state)
{
    static char large[HEADER_OCTETS_MAX + 1];
    struct arena *arena = arena_new(65536);
    struct header header;
    struct fault fault;

    (void)state;
    assert_true(header_read(T("\x82\xa9requestId\xa1r\xaatimeLeftMs\x05"), arena, &header, &fault));
    assert_true(text_is(header.request_id, "r"));
    assert_int_equal(header.time_left_ms, 5);
    assert_true(header_read(T("\x81\xa5later\x01"), arena, &header, &fault));
    assert_false(header_read(T("\x81\xaatimeLeftMs\xa1x"), arena, &header, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
    assert_false(header_read(T("\x82\xa5retry\xc3\xa5retry\xc3"), arena, &header, &fault));
    assert_false(header_read((struct text){large, sizeof large}, arena, &header, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_parts_of_a_request),
        cmocka_unit_test(test_parts_of_answers),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_peek),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_reasons_that_are_not_told),
        cmocka_unit_test(test_fault_from_failure),
        cmocka_unit_test(test_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
