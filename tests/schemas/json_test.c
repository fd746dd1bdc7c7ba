/* json_test - JSON in and out: what is refused before parsing, what becomes what.
 *
 * Method: rows of JSON with the octets or the fault they must give, all written by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/json.h"

#define ROW(label, message, json, literal) \
    {label, &message##_message, {json, sizeof json - 1}, {literal, sizeof literal - 1}}

static const struct {
    const char *label;
    const struct message *message;
    struct text json, packed;
} rows[] = {
    ROW("nothing", nothing, "", "\x80"),
    ROW("empty object", nothing, " {} ", "\x80"),
    ROW("texts", plan_request, "{\"prompt\":\"a\\u00e4\\ud83d\\ude00\\n\"}",
        "\x81\xa6prompt\xa8" "a\xc3\xa4\xf0\x9f\x98\x80\n"),
    ROW("NUL inside a text", plan_request, "{\"prompt\":\"a\\u0000b\"}",
        "\x81\xa6prompt\xa3" "a\0b"),
    ROW("whole numbers", list_request, "{\"limit\":3,\"offset\":-1}",
        "\x82\xa5limit\x03\xa6offset\xff"),
    ROW("3.0 is not a whole number", list_request, "{\"limit\":3.0}",
        "\x81\xa5limit\xcb\x40\x08\0\0\0\0\0\0"),
    ROW("the order stays", list_request, "{\"offset\":1,\"limit\":2}",
        "\x82\xa6offset\x01\xa5limit\x02"),
    ROW("wrong types pass", list_request, "{\"limit\":\"3\",\"x\":[null,true,{}]}",
        "\x82\xa5limit\xa1" "3\xa1x\x93\xc0\xc3\x80"),
    ROW("an array passes", list_request, "[1]", "\x91\x01"),
    ROW("a number passes", list_request, "7", "\x07"),
    ROW("a time", log_line, "{\"at\":\"2025-10-10T15:00:00.000Z\"}",
        "\x81\xa2" "at\xcf\0\0\x01\x99\xce\xa2\xcd\x80"),
    ROW("a time that is none passes", log_line, "{\"at\":\"yesterday\"}",
        "\x81\xa2" "at\xa9yesterday"),
    ROW("a time elsewhere stays text", log_line, "{\"line\":\"2025-10-10T15:00:00.000Z\"}",
        "\x81\xa4line\xb8" "2025-10-10T15:00:00.000Z"),
    ROW("a time in an item", logs_reply, "{\"logs\":[{\"at\":\"1970-01-01T00:00:00.001Z\"}]}",
        "\x81\xa4logs\x91\x81\xa2" "at\x01"),
    ROW("a time in a nested one", run_state,
        "{\"exit\":{\"endedAt\":\"1970-01-01T00:00:00.001Z\"}}",
        "\x81\xa4" "exit\x81\xa7" "endedAt\x01"),
    ROW("no time inside a free value", plan_request,
        "{\"context\":{\"at\":\"1970-01-01T00:00:00.001Z\"}}",
        "\x81\xa7" "context\x81\xa2" "at\xb8" "1970-01-01T00:00:00.001Z"),
    ROW("base64", begin_request, "{\"digest\":\"gKH/\"}", "\x81\xa6" "digest\xc4\x03\x80\xa1\xff"),
    ROW("base64 that is none passes", begin_request, "{\"digest\":\"gKH\"}",
        "\x81\xa6" "digest\xa3gKH"),
    ROW("base64 of nothing", begin_request, "{\"digest\":\"\"}", "\x81\xa6" "digest\xc4\x00"),
    ROW("files and null", modify_request, "{\"changes\":{\"a/b\":\"x\",\"c\":null}}",
        "\x81\xa7" "changes\x82\xa3" "a/b\xa1x\xa1" "c\xc0"),
};

static void every_row_becomes_its_octets(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fault fault = {FAULT_NONE, 0, ""};
        msgpack_sbuffer out;
        print_message("%s\n", rows[i].label);
        msgpack_sbuffer_init(&out);
        assert_true(json_to_packed(rows[i].message, rows[i].json, NULL, 0, &out, &fault));
        assert_int_equal(out.size, rows[i].packed.size);
        assert_memory_equal(out.data, rows[i].packed.at, out.size);
        msgpack_sbuffer_destroy(&out);
    }
}

static const struct { struct text json; enum fault_kind kind; const char *sentence; } refused[] = {
    {TEXT_OF(" "), FAULT_broken_json, "ends too early"},
    {TEXT_OF("{"), FAULT_broken_json, "ends too early"},
    {TEXT_OF("{\"a\":1,}"), FAULT_broken_json, "syntax error"},
    {TEXT_OF("{'a':1}"), FAULT_broken_json, "syntax error"},
    {TEXT_OF("{\"a\":1}}"), FAULT_broken_json,
     "something stands behind the value"},
    {TEXT_OF("{}{}"), FAULT_broken_json, "something stands behind the value"},
    {TEXT_OF("{\"a\":1,\"a\":2}"), FAULT_broken_json, "a key is given twice"},
    {TEXT_OF("{\"a\":{\"b\":1,\"b\":2}}"), FAULT_broken_json,
     "a key is given twice"},
    {TEXT_OF("{\"a\":\"\xff\"}"), FAULT_broken_json, "not valid UTF-8"},
    {TEXT_OF("{\"a\":\"\xed\xa0\x80\"}"), FAULT_broken_json, "not valid UTF-8"},
    {TEXT_OF("{\"a\":\"\\ud800\"}"), FAULT_broken_json, NULL},
    {TEXT_OF("{\"a\\u0000\":1}"), FAULT_broken_json, NULL},
    {TEXT_OF("{\"a\":99999999999999999999}"), FAULT_broken_json, NULL},
    {TEXT_OF("{\"a\":1e999}"), FAULT_broken_json, NULL},
    {TEXT_OF("{\"a\":NaN}"), FAULT_broken_json, NULL},
    {TEXT_OF("{\"a\":01}"), FAULT_broken_json, NULL},
    {TEXT_OF("{\"a\":\"\n\"}"), FAULT_broken_json, NULL},
    {TEXT_OF("\xef\xbb\xbf{}"), FAULT_broken_json, NULL},
    {TEXT_OF("{\"a\":\"x\\"), FAULT_broken_json, NULL},
    {TEXT_OF("{}\0"), FAULT_broken_json, NULL},
};

static void broken_json_is_refused_without_echo(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct fault fault = {FAULT_NONE, 0, ""};
        msgpack_sbuffer out;
        print_message("row %zu\n", i);
        msgpack_sbuffer_init(&out);
        assert_false(json_to_packed(&nothing_message, refused[i].json, NULL, 0, &out, &fault));
        assert_int_equal(fault.kind, refused[i].kind);
        assert_true(strncmp(fault.reason, "line 1, column ", 15) == 0);
        if (refused[i].sentence)
            assert_string_equal(strstr(fault.reason, ": ") + 2, refused[i].sentence);
        assert_int_equal(out.size, 0);
        msgpack_sbuffer_destroy(&out);
    }
}

static bool is_taken(struct text json, struct fault *fault)
{
    msgpack_sbuffer out;

    msgpack_sbuffer_init(&out);
    bool taken = json_to_packed(&nothing_message, json, NULL, 0, &out, fault);
    msgpack_sbuffer_destroy(&out);
    return taken;
}

static void depth_is_bounded_before_parsing(void **state)
{
    enum { DEEP = 100000 };
    struct fault fault = {FAULT_NONE, 0, ""};
    char *json = malloc(2 * DEEP);

    (void) state;
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(json, '[', depth);
        memset(json + depth, ']', depth);
        assert_int_equal(is_taken((struct text){json, 2 * depth}, &fault),
                         depth == JSON_DEPTH_MAX);
    }
    memset(json, '[', DEEP);
    memset(json + DEEP, ']', DEEP);
    assert_false(is_taken((struct text){json, 2 * DEEP}, &fault));
    assert_int_equal(fault.kind, FAULT_broken_json);
    assert_false(is_taken((struct text){json, DEEP}, &fault));
    memset(json, '[', 2 * DEEP);
    json[0] = json[2 * DEEP - 1] = '"';                 /* brackets in a text do not count */
    assert_true(is_taken((struct text){json, 2 * DEEP}, &fault));
    memcpy(json, "[\"\\\"[", 5);                        /* nor behind an escaped quote */
    assert_false(is_taken((struct text){json, 2 * DEEP}, &fault));
    assert_string_not_equal(fault.reason, "nested deeper than 32");
    free(json);
}

static void the_number_of_values_is_bounded_before_parsing(void **state)
{
    struct fault fault = {FAULT_NONE, 0, ""};
    size_t size = 2 * JSON_NODES_MAX + 1;
    char *json = malloc(size);

    (void) state;
    json[0] = '[';
    for (size_t i = 1; i + 1 < size; i += 2)
        memcpy(json + i, "1,", 2);
    json[size - 1] = ']';
    assert_false(is_taken((struct text){json, size}, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
    size -= 6;
    json[size - 1] = ']';
    json[size - 2] = '1';
    assert_true(is_taken((struct text){json, size - 0}, &fault));
    free(json);
}

static void extras_become_what_their_field_is(void **state)
{
    static const struct { const char *field, *value; struct text packed; } extras[] = {
        {"limit", "12", TEXT_OF("\x81\xa5limit\x0c")},
        {"limit", "18446744073709551615",
         TEXT_OF("\x81\xa5limit\xcf\xff\xff\xff\xff\xff\xff\xff\xff")},
        {"limit", "18446744073709551616", TEXT_OF("\x81\xa5limit\xb4" "18446744073709551616")},
        {"limit", "-1", TEXT_OF("\x81\xa5limit\xa2-1")},
        {"limit", "+1", TEXT_OF("\x81\xa5limit\xa2+1")},
        {"limit", "1.0", TEXT_OF("\x81\xa5limit\xa3" "1.0")},
        {"limit", " 1", TEXT_OF("\x81\xa5limit\xa2 1")},
        {"limit", "", TEXT_OF("\x81\xa5limit\xa0")},
        {"limit", "0x10", TEXT_OF("\x81\xa5limit\xa4" "0x10")},
        {"cursor", "12", TEXT_OF("\x81\xa6" "cursor\xa2" "12")},
        {"fields", "full", TEXT_OF("\x81\xa6" "fields\xa4" "full")},
    };

    (void) state;
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        struct fault fault = {FAULT_NONE, 0, ""};
        struct json_extra extra = {message_field(&list_request_message, text_from(extras[i].field)),
                                   text_from(extras[i].value)};
        msgpack_sbuffer out;
        msgpack_sbuffer_init(&out);
        assert_true(json_to_packed(&list_request_message, (struct text){NULL, 0}, &extra, 1, &out,
                                   &fault));
        assert_int_equal(out.size, extras[i].packed.size);
        assert_memory_equal(out.data, extras[i].packed.at, out.size);
        msgpack_sbuffer_destroy(&out);
    }
}

static void extras_of_flags_and_doubles_of_the_body(void **state)
{
    struct fault fault = {FAULT_NONE, 0, ""};
    struct json_extra extras[] = {
        {message_field(&header_message, TEXT_OF("retry")), TEXT_OF("true")},
        {message_field(&header_message, TEXT_OF("requestId")), TEXT_OF("r")},
    };
    msgpack_sbuffer out;

    (void) state;
    msgpack_sbuffer_init(&out);
    assert_true(json_to_packed(&header_message, TEXT_OF("{\"requestId\":\"body\"}"), extras, 2,
                               &out, &fault));
    struct text wanted = TEXT_OF("\x83\xa5retry\xc3\xa9requestId\xa1r\xa9requestId\xa4" "body");
    assert_int_equal(out.size, wanted.size);
    assert_memory_equal(out.data, wanted.at, out.size);

    struct arena *arena = arena_new(1 << 16);
    struct header header;
    assert_false(message_decode(&header_message, (struct text){out.data, out.size}, STRICT, arena,
                                &header, NULL, &fault));
    assert_string_equal(fault.reason, "requestId: requestId is given twice");
    arena_free(arena);
    msgpack_sbuffer_destroy(&out);
}

static void expect_json(const struct message *message, struct text packed, const char *wanted)
{
    struct fault fault = {FAULT_NONE, 0, ""};
    msgpack_sbuffer out;

    msgpack_sbuffer_init(&out);
    assert_true(json_from_packed(message, packed, &out, &fault));
    assert_int_equal(out.size, strlen(wanted));
    assert_memory_equal(out.data, wanted, out.size);
    msgpack_sbuffer_destroy(&out);
}

static void octets_become_their_json(void **state)
{
    (void) state;
    expect_json(&nothing_message, TEXT_OF("\x80"), "{}");
    expect_json(&logs_reply_message,
                TEXT_OF("\x81\xa4logs\x92\x82\xa2" "at\x01\xa4line\xa1\x1b\x80"),
                "{\"logs\":[{\"at\":\"1970-01-01T00:00:00.001Z\",\"line\":\"\\u001b\"},{}]}");
    expect_json(&plan_request_message,
                TEXT_OF("\x82\xa6prompt\xab\"\\\n\r\t\b\f\x00\x1f\x7f/\xa7" "context\x80"),
                "{\"prompt\":\"\\\"\\\\\\n\\r\\t\\b\\f\\u0000\\u001f\x7f/\",\"context\":{}}");
    expect_json(&begin_request_message, TEXT_OF("\x81\xa6" "digest\xc4\x03\x80\xa1\xff"),
                "{\"digest\":\"gKH/\"}");
    expect_json(&modify_request_message,
                TEXT_OF("\x81\xa7" "changes\x82\xa3" "a/b\xa0\xa1" "c\xc0"),
                "{\"changes\":{\"a/b\":\"\",\"c\":null}}");
    expect_json(&list_request_message,          /* what no row knows is written as it is */
                TEXT_OF("\x84\xa1u\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa1n\xd3\x80\0\0\0\0\0\0\0"
                        "\xa1r\x93\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a\xcb\x40\x08\0\0\0\0\0\0"
                        "\xcb\x7f\xf0\0\0\0\0\0\0\xa1" "f\x92\xc2\xc3"),
                "{\"u\":18446744073709551615,\"n\":-9223372036854775808,"
                "\"r\":[0.1,3.0,null],\"f\":[false,true]}");
    expect_json(&plan_request_message, TEXT_OF("\x81\xa7" "context\x81\xa2" "at\x01"),
                "{\"context\":{\"at\":1}}");    /* no time inside a free value */
}

static void long_octets_are_base64_in_one_piece(void **state)
{
    char packed[3000 + 16] = "\x81\xa6" "digest\xc5\x0b\xb8";
    char json[4096] = "{\"digest\":\"";

    (void) state;
    for (int i = 0; i < 1000; i++)
        strcat(json, "AAAA");
    strcat(json, "\"}");
    expect_json(&begin_request_message, (struct text){packed, 11 + 3000}, json);
}

static void octets_that_are_no_message_are_refused(void **state)
{
    static const struct text broken[] = {TEXT_OF(""), TEXT_OF("\x81"), TEXT_OF("\x80\x80"),
                                         TEXT_OF("\x81\x01\x02"), TEXT_OF("\xc1"),
                                         TEXT_OF("\x81\xa1" "a\x81\xc0\x01")};

    (void) state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct fault fault = {FAULT_NONE, 0, ""};
        msgpack_sbuffer out;
        msgpack_sbuffer_init(&out);
        assert_false(json_from_packed(&nothing_message, broken[i], &out, &fault));
        assert_int_equal(fault.kind, FAULT_broken_msgpack);
        assert_int_equal(out.size, 0);
        msgpack_sbuffer_destroy(&out);
    }
}

static void a_text_gets_its_quotes(void **state)
{
    msgpack_sbuffer out;

    (void) state;
    msgpack_sbuffer_init(&out);
    json_write_text(TEXT_OF("a\"</script>"), &out);
    json_write_text(TEXT_OF(""), &out);
    json_write_text((struct text){NULL, 0}, &out);
    assert_memory_equal(out.data, "\"a\\\"</script>\"\"\"\"\"", out.size);
    msgpack_sbuffer_destroy(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_becomes_its_octets),
        cmocka_unit_test(broken_json_is_refused_without_echo),
        cmocka_unit_test(depth_is_bounded_before_parsing),
        cmocka_unit_test(the_number_of_values_is_bounded_before_parsing),
        cmocka_unit_test(extras_become_what_their_field_is),
        cmocka_unit_test(extras_of_flags_and_doubles_of_the_body),
        cmocka_unit_test(octets_become_their_json),
        cmocka_unit_test(long_octets_are_base64_in_one_piece),
        cmocka_unit_test(octets_that_are_no_message_are_refused),
        cmocka_unit_test(a_text_gets_its_quotes),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
