/* encode_test - what our own structs become, and that a struct which breaks its table is a defect.
 *
 * Method: octets written by hand are compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/message.h"

#define OCTETS_32 "0123456789abcdef0123456789abcdef"

static void expect_octets(const struct message *message, const void *in, struct text wanted)
{
    struct fault fault = {FAULT_NONE, 0, ""};
    msgpack_sbuffer out;

    msgpack_sbuffer_init(&out);
    if (!message_encode(message, in, &out, &fault))
        fail_msg("%s", fault.reason);
    assert_int_equal(out.size, wanted.size);
    assert_memory_equal(out.data, wanted.at, wanted.size);
    msgpack_sbuffer_destroy(&out);
}

static void expect_defect(const struct message *message, const void *in, const char *reason)
{
    struct fault fault = {FAULT_NONE, 0, ""};
    msgpack_sbuffer out;

    msgpack_sbuffer_init(&out);
    (void) msgpack_sbuffer_write(&out, "before", 6);
    assert_false(message_encode(message, in, &out, &fault));
    assert_int_equal(fault.kind, FAULT_internal);
    assert_string_equal(fault.reason, reason);
    assert_int_equal(out.size, 6);          /* nothing to undo */
    assert_memory_equal(out.data, "before", 6);
    msgpack_sbuffer_destroy(&out);
}

static void absent_fields_are_left_out(void **state)
{
    (void) state;
    expect_octets(&nothing_message, &(struct nothing){0}, TEXT_OF("\x80"));
    expect_octets(&list_request_message, &(struct list_request){0}, TEXT_OF("\x80"));
    expect_octets(&list_request_message, &(struct list_request){.limit = 10}, TEXT_OF("\x80"));
    expect_octets(&list_request_message,
                  &(struct list_request){.limit = 11, .fields = list_fields_full},
                  TEXT_OF("\x82\xa5limit\x0b\xa6" "fields\xa4" "full"));
    expect_octets(&run_config_message, &(struct run_config){0}, TEXT_OF("\x80"));
    expect_octets(&header_message, &(struct header){.retry = true, .time_left_ms = 30000},
                  TEXT_OF("\x81\xa5retry\xc3"));
    expect_octets(&failure_message,
                  &(struct failure){.name = TEXT_OF("busy"), .reason = TEXT_OF("")},
                  TEXT_OF("\x82\xa4name\xa4" "busy\xa6reason\xa0"));
}

static void required_ones_are_written_even_when_empty(void **state)
{
    (void) state;
    expect_octets(&list_reply_message, &(struct list_reply){0},
                  TEXT_OF("\x82\xa4" "apps\x90\xa5total\x00"));
    expect_octets(&app_code_message, &(struct app_code){0}, TEXT_OF("\x81\xa5" "files\x80"));
    expect_octets(&ping_reply_message,
                  &(struct ping_reply){.actor = TEXT_OF("a"), .instance = TEXT_OF("i")},
                  TEXT_OF("\x83\xa5" "actor\xa1" "a\xa8instance\xa1i\xa2ok\xc2"));
    expect_octets(&modify_request_message,
                  &(struct modify_request){.app_id = TEXT_OF("a"),
                                           .changes = {(struct file[1]){{{0}, {0}, false}}, 0}},
                  TEXT_OF("\x82\xa5" "appId\xa1" "a\xa7" "changes\x80"));
}

static void every_kind_has_its_octets(void **state)
{
    static const struct file files[] = {{TEXT_OF("a/b"), TEXT_OF("x"), false},
                                        {TEXT_OF("c"), {NULL, 0}, true}};
    static const struct text scopes[] = {TEXT_OF("act_for")};

    (void) state;
    expect_octets(&modify_request_message,
                  &(struct modify_request){.app_id = TEXT_OF("a"), .changes = {files, 2}},
                  TEXT_OF("\x82\xa5" "appId\xa1" "a\xa7" "changes\x82\xa3" "a/b\xa1x\xa1" "c\xc0"));
    expect_octets(&caller_message,
                  &(struct caller){.name = TEXT_OF("n"), .role = TEXT_OF("r"),
                                   .scopes = {scopes, 1}, .via = TEXT_OF("ipc")},
                  TEXT_OF("\x84\xa4name\xa1n\xa4role\xa1r\xa6scopes\x91\xa7" "act_for"
                          "\xa3via\xa3ipc"));
    expect_octets(&log_line_message,
                  &(struct log_line){.seq = 300, .at = 1760108400000, .stream = TEXT_OF("stdout"),
                                     .line = TEXT_OF("hi")},
                  TEXT_OF("\x84\xa3seq\xcd\x01\x2c\xa2" "at\xcf\0\0\x01\x99\xce\xa2\xcd\x80"
                          "\xa6stream\xa6stdout\xa4line\xa2hi"));
    expect_octets(&plan_request_message,
                  &(struct plan_request){.prompt = TEXT_OF(" p "),
                                         .context = TEXT_OF("\x81\xa1k\x90")},
                  TEXT_OF("\x82\xa6prompt\xa1p\xa7" "context\x81\xa1k\x90"));
    expect_octets(&infer_request_message, &(struct infer_request){.action = TEXT_OF("\xa1" "a")},
                  TEXT_OF("\x81\xa6" "action\xa1" "a"));
    expect_octets(&infer_reply_message, &(struct infer_reply){.confidence = 0.5},
                  TEXT_OF("\x82\xabsuggestions\x90\xaa" "confidence\xcb\x3f\xe0\0\0\0\0\0\0"));
    expect_octets(&begin_reply_message,
                  &(struct begin_reply){.created = true, .operation = &(struct operation){
                      .operation_id = TEXT_OF("o"), .app_id = TEXT_OF("a"),
                      .kind = operation_kind_stop, .step = operation_step_ended,
                      .owner = TEXT_OF("w"), .result = &(struct operation_result){0},
                      .created_at = 1, .lease_until = 2}},
                  TEXT_OF("\x82\xa9operation\x88\xaboperationId\xa1o\xa5" "appId\xa1" "a\xa4kind"
                          "\xa4stop\xa4step\xa5" "ended\xa5owner\xa1w\xa6result\x80"
                          "\xa9" "createdAt\x01\xaaleaseUntil\x02\xa7" "created\xc3"));
    expect_octets(&checkpoint_message,
                  &(struct checkpoint){.size = 7, .root = TEXT_OF(OCTETS_32),
                                       .chain = TEXT_OF(OCTETS_32), .at = 1},
                  TEXT_OF("\x84\xa4size\x07\xa4root\xc4\x20" OCTETS_32
                          "\xa5" "chain\xc4\x20" OCTETS_32 "\xa2" "at\x01"));
}

static void broken_structs_are_defects(void **state)
{
    static const struct file twice[] = {{TEXT_OF("a"), TEXT_OF(""), false},
                                        {TEXT_OF("a"), TEXT_OF(""), false}};
    static const struct file outside[] = {{TEXT_OF("../a"), TEXT_OF(""), false}};
    static const struct file no_content[] = {{TEXT_OF("a"), {NULL, 0}, false}};
    static const struct file removed[] = {{TEXT_OF("a"), {NULL, 0}, true}};
    static const struct text bad[] = {TEXT_OF("\xff")};

    (void) state;
    expect_defect(&app_ref_message, &(struct app_ref){0}, "our own app_ref.app_id is missing");
    expect_defect(&app_ref_message, &(struct app_ref){.app_id = TEXT_OF("a b")},
                  "our own app_ref.app_id is out of its form or bounds");
    expect_defect(&list_request_message, &(struct list_request){.limit = 101},
                  "our own list_request.limit is out of bounds");
    expect_defect(&list_request_message, &(struct list_request){.fields = 99},
                  "our own list_request.fields is none of its choices");
    expect_defect(&list_reply_message, &(struct list_reply){.apps = {NULL, 3}},
                  "our own list_reply.apps counts items that are not there");
    expect_defect(&append_request_message, &(struct append_request){.events = {NULL, 0}},
                  "our own append_request.events has too few or too many items");
    expect_defect(&infer_reply_message, &(struct infer_reply){.confidence = 1.5},
                  "our own infer_reply.confidence is out of bounds");
    expect_defect(&app_code_message, &(struct app_code){.files = {twice, 2}},
                  "our own app_code.files File path given twice");
    expect_defect(&app_code_message, &(struct app_code){.files = {outside, 1}},
                  "our own app_code.files Invalid file path");
    expect_defect(&app_code_message, &(struct app_code){.files = {no_content, 1}},
                  "our own app_code.files File content must be a text");
    expect_defect(&app_code_message, &(struct app_code){.files = {removed, 1}},
                  "our own app_code.files File content must be a text");
    expect_defect(&caller_message,
                  &(struct caller){.name = TEXT_OF("n"), .role = TEXT_OF("r"), .scopes = {bad, 1}},
                  "our own caller.scopes holds a text out of bounds");
    expect_defect(&plan_request_message,
                  &(struct plan_request){.prompt = TEXT_OF("p"), .context = TEXT_OF("\x90")},
                  "our own plan_request.context has the wrong type");
    expect_defect(&plan_request_message,
                  &(struct plan_request){.prompt = TEXT_OF("p"), .context = TEXT_OF("\x81\xa1k")},
                  "our own plan_request.context is not one whole value");
    expect_defect(&infer_request_message, &(struct infer_request){.action = TEXT_OF("\xa0")},
                  "our own infer_request.action is out of bounds");
    expect_defect(&infer_request_message, &(struct infer_request){.action = TEXT_OF("\xa1" "ab")},
                  "our own infer_request.action is out of bounds");
    expect_defect(&begin_reply_message, &(struct begin_reply){0},
                  "our own begin_reply.operation is missing");
    expect_defect(&checkpoint_message, &(struct checkpoint){.root = TEXT_OF("short")},
                  "our own checkpoint.root is out of bounds");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_fields_are_left_out),
        cmocka_unit_test(required_ones_are_written_even_when_empty),
        cmocka_unit_test(every_kind_has_its_octets),
        cmocka_unit_test(broken_structs_are_defects),
    };

    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
