/* decode_test - what the contract lets in, and every sentence it refuses with.
 *
 * Method: octets written by hand, so that no encoder is trusted; all violations are compared as
 * "path: sentence" lines. Refusals outnumber acceptances.
 */
#include "tests/schemas/decoding.h"

#define ROW(label, message, literal, lines) \
    {label, &message##_message, {literal, sizeof literal - 1}, lines}

/* lines NULL: accepted */
static const struct {
    const char *label;
    const struct message *message;
    struct text packed;
    const char *lines;
} rows[] = {
    ROW("smallest good one", plan_request, "\x81\xa6prompt\xa1x", NULL),
    ROW("a count at its lower bound", list_request, "\x81\xa5limit\x01", NULL),
    ROW("a count at its upper bound", list_request, "\x81\xa5limit\x64", NULL),
    ROW("a count written wide", list_request, "\x81\xa5limit\xd3\0\0\0\0\0\0\0\x05", NULL),
    ROW("the largest count", logs_request,
        "\x82\xa5" "appId\xa1" "a\xa5" "after\xcf\xff\xff\xff\xff\xff\xff\xff\xff", NULL),
    ROW("no field needed", list_request, "\x80", NULL),
    ROW("a free object", plan_request,
        "\x82\xa6prompt\xa1x\xa7" "context\x82\xa1" "a\x92\x01\xc0\xa1" "b\x80", NULL),
    ROW("either a text", infer_request, "\x81\xa6" "action\xa5" "click", NULL),
    ROW("or an object", infer_request, "\x81\xa6" "action\x81\xa4type\xa5" "click", NULL),
    ROW("a file removed", modify_request,
        "\x82\xa5" "appId\xa1" "a\xa7" "changes\x82\xa1" "x\xc0\xa3" "x/y\xa0", NULL),
    ROW("keys in another order", apply_request,
        "\x82\xacsuggestionId\xa1s\xa5" "appId\xa1" "a", NULL),

    ROW("an array", plan_request, "\x90", ": The body must be an object"),
    ROW("nil", plan_request, "\xc0", ": The body must be an object"),
    ROW("missing", plan_request, "\x80",
        "prompt: Prompt must be between 1 and 5000 characters"),
    ROW("missing without a sentence", caller, "\x80",
        "name: name is missing\nrole: role is missing\nvia: via is missing"),
    ROW("empty", plan_request, "\x81\xa6prompt\xa0",
        "prompt: Prompt must be between 1 and 5000 characters"),
    ROW("white space only", plan_request, "\x81\xa6prompt\xa3 \n\t",
        "prompt: Prompt must be between 1 and 5000 characters"),
    ROW("a number for a text", plan_request, "\x81\xa6prompt\x07",
        "prompt: Prompt must be between 1 and 5000 characters"),
    ROW("octets for a text", plan_request, "\x81\xa6prompt\xc4\x01x",
        "prompt: Prompt must be between 1 and 5000 characters"),
    ROW("nil for a text", plan_request, "\x81\xa6prompt\xc0",
        "prompt: Prompt must be between 1 and 5000 characters"),
    ROW("bad UTF-8", plan_request, "\x81\xa6prompt\xa2\xc3(",
        "prompt: Prompt must be between 1 and 5000 characters"),
    ROW("nil for an optional one", plan_request, "\x82\xa6prompt\xa1x\xa7" "context\xc0",
        "context: Context must be an object"),
    ROW("twice", plan_request, "\x82\xa6prompt\xa1x\xa6prompt\xa1y",
        "prompt: prompt is given twice"),
    ROW("unknown", plan_request, "\x82\xa6prompt\xa1x\xa6promtp\xa1x",
        "promtp: promtp is not known here"),
    ROW("unknown, not like a name", plan_request, "\x82\xa6prompt\xa1x\xa8<script>\xa1x",
        ": A key is not known here"),
    ROW("unknown, empty", plan_request, "\x82\xa6prompt\xa1x\xa0\xa1x",
        ": A key is not known here"),
    ROW("unknown inside", execute_request,
        "\x83\xa5" "appId\xa1" "a\xa5" "files\x81\xa1x\xa0\xa6" "config\x81\xa1z\xa1x",
        "config.z: z is not known here"),
    ROW("a number as key", plan_request, "\x82\xa6prompt\xa1x\x01\x02", ": A key is not a text"),
    ROW("a snake_case key", app_ref, "\x81\xa6" "app_id\xa1" "a",
        "app_id: app_id is not known here\nappId: Invalid appId format"),

    ROW("a count of 0", list_request, "\x81\xa5limit\x00",
        "limit: Limit must be between 1 and 100"),
    ROW("a count of 101", list_request, "\x81\xa5limit\x65",
        "limit: Limit must be between 1 and 100"),
    ROW("a count of -1", list_request, "\x81\xa6offset\xff",
        "offset: Offset must be non-negative"),
    ROW("a count of 3.0", list_request, "\x81\xa5limit\xca\x40\x40\0\0",
        "limit: Limit must be between 1 and 100"),
    ROW("a count as text", list_request, "\x81\xa5limit\xa1" "3",
        "limit: Limit must be between 1 and 100"),
    ROW("no choice", list_request, "\x81\xa6" "fields\xa4" "most",
        "fields: Fields must be summary or full"),
    ROW("no choice, empty", list_request, "\x81\xa6" "fields\xa0",
        "fields: Fields must be summary or full"),
    ROW("a line with a line feed", list_request, "\x81\xa6" "cursor\xa3" "a\nb",
        "cursor: Invalid cursor"),

    ROW("ids with a slash", app_ref, "\x81\xa5" "appId\xa4" "../a", "appId: Invalid appId format"),
    ROW("ids with NUL", app_ref, "\x81\xa5" "appId\xa2" "a\0", "appId: Invalid appId format"),
    ROW("all at once", action_request,
        "\x83\xa5" "appId\xa0\xa6" "action\xa0\xa4" "data\x90",
        "appId: Invalid appId format\naction: Action must be between 1 and 100 characters\n"
        "data: Data must be an object"),

    ROW("no files", execute_request, "\x82\xa5" "appId\xa1" "a\xa5" "files\x80",
        "files: Files must contain between 1 and 100 files"),
    ROW("files in an array", execute_request, "\x82\xa5" "appId\xa1" "a\xa5" "files\x90",
        "files: Files must contain between 1 and 100 files"),
    ROW("changes as text", modify_request, "\x82\xa5" "appId\xa1" "a\xa7" "changes\xa0",
        "changes: Changes must be an object"),
    ROW("paths of all bad kinds", execute_request,
        "\x82\xa5" "appId\xa1" "a\xa5" "files\x86\xa4" "../a\xa0\xa2/b\xa0\xa3" "c\\d\xa0"
        "\xa2" "e\0\xa0\xa0\xa0\x01\xa0",
        "files[0]: Invalid file path\nfiles[1]: Invalid file path\nfiles[2]: Invalid file path\n"
        "files[3]: Invalid file path\nfiles[4]: Invalid file path\nfiles[5]: Invalid file path"),
    ROW("contents of all bad kinds", execute_request,
        "\x82\xa5" "appId\xa1" "a\xa5" "files\x85\xa1" "a\xc0\xa1" "b\x01\xa1" "c\xa1\xff"
        "\xa1" "d\xc4\x01x\xa1" "e\x80",
        "files[0]: File content must be a text\nfiles[1]: File content must be a text\n"
        "files[2]: File content must be a text\nfiles[3]: File content must be a text\n"
        "files[4]: File content must be a text"),
    ROW("a path twice", execute_request,
        "\x82\xa5" "appId\xa1" "a\xa5" "files\x82\xa1" "a\xa0\xa1" "a\xa0",
        "files[1]: File path given twice"),
    ROW("a file that is also a directory", execute_request,
        "\x82\xa5" "appId\xa1" "a\xa5" "files\x83\xa1" "a\xa0\xa1" "b\xa0\xa3" "a/b\xa0",
        "files[2]: File path is a directory of another"),
    ROW("a directory that is also a file", execute_request,
        "\x82\xa5" "appId\xa1" "a\xa5" "files\x82\xa5" "a/b/c\xa0\xa3" "a/b\xa0",
        "files[1]: File path is a directory of another"),
    ROW("a removed path twice", modify_request,
        "\x82\xa5" "appId\xa1" "a\xa7" "changes\x82\xa1" "a\xc0\xa1" "a\xa0",
        "changes[1]: File path given twice"),

    ROW("a nested one out of bounds", execute_request,
        "\x83\xa5" "appId\xa1" "a\xa5" "files\x81\xa1x\xa0\xa6" "config\x82\xa8memoryMb\x01"
        "\xa5" "entry\xa2..",
        "config.memoryMb: memoryMb must be between 16 and 65536\n"
        "config.entry: Invalid config.entry"),
    ROW("a nested one of the wrong type", execute_request,
        "\x83\xa5" "appId\xa1" "a\xa5" "files\x81\xa1x\xa0\xa6" "config\x90",
        "config: Config must be an object"),
    ROW("an item of an array", logs_reply, "\x81\xa4logs\x92\x84\xa3seq\x01\xa2" "at\x01"
        "\xa6stream\xa6stdout\xa4line\xa0\x83\xa3seq\x02\xa6stream\xa7toolong\xa4line\xa0",
        "logs[1].stream: stream must be a text of 1 to 6 characters\n"
        "logs[1].at: at is missing"),
    ROW("an item that is no object", logs_reply, "\x81\xa4logs\x91\x01",
        "logs[0]: It must be an object"),
    ROW("a map for an array", logs_reply, "\x81\xa4logs\x80",
        "logs: logs must be an array of 0 to 1000 objects"),
    ROW("too few items", append_request, "\x81\xa6" "events\x90",
        "events: events must be an array of 1 to 100 objects"),
    ROW("a text of an array", caller,
        "\x84\xa4name\xa1n\xa4role\xa1r\xa3via\xa3ipc\xa6scopes\x92\xa7" "act_for\x01",
        "scopes[1]: scopes must be an array of 0 to 16 texts of at most 64 characters"),
    ROW("a flag that is a number", ping_reply,
        "\x83\xa5" "actor\xa1" "a\xa8instance\xa1i\xa2ok\x01", "ok: ok must be true or false"),
    ROW("a flag that is missing", ping_reply, "\x82\xa5" "actor\xa1" "a\xa8instance\xa1i",
        "ok: ok is missing"),
    ROW("a time of 0", log_line,
        "\x84\xa3seq\x01\xa2" "at\x00\xa6stream\xa1s\xa4line\xa0",
        "at: at must be a time such as 2025-10-10T15:00:00.000Z"),
    ROW("a time before 1970", log_line,
        "\x84\xa3seq\x01\xa2" "at\xff\xa6stream\xa1s\xa4line\xa0",
        "at: at must be a time such as 2025-10-10T15:00:00.000Z"),
    ROW("a time beyond the year 9999", log_line,
        "\x84\xa3seq\x01\xa2" "at\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa6stream\xa1s\xa4line\xa0",
        "at: at must be a time such as 2025-10-10T15:00:00.000Z"),
    ROW("a number that is none", infer_reply,
        "\x82\xabsuggestions\x90\xaa" "confidence\xcb\x7f\xf8\0\0\0\0\0\0",
        "confidence: confidence must be a number from 0 to 1"),
    ROW("a number out of bounds", infer_reply,
        "\x82\xabsuggestions\x90\xaa" "confidence\x02",
        "confidence: confidence must be a number from 0 to 1"),
    ROW("octets too short", begin_request,
        "\x87\xaboperationId\xa1o\xa5" "appId\xa1" "a\xa4kind\xa4stop\xa6" "digest\xc4\x01x"
        "\xa5owner\xa1o\xa7leaseMs\xcd\x10\0\xa4user\xa1u",
        "digest: digest must be 32 to 32 octets (JSON: base64)"),
    ROW("a choice of none", begin_request,
        "\x86\xaboperationId\xa1o\xa5" "appId\xa1" "a\xa4kind\xa3" "fly\xa5owner\xa1o"
        "\xa7leaseMs\xcd\x10\0\xa4user\xa1u",
        "kind: kind must be one of generate, modify, apply, execute, start, stop, wake, remove, "
        "set_secrets, remove_secrets\n"
        "digest: digest is missing"),

    ROW("free: a text", plan_request, "\x82\xa6prompt\xa1x\xa7" "context\xa0",
        "context: Context must be an object"),
    ROW("free: a key twice", plan_request,
        "\x82\xa6prompt\xa1x\xa7" "context\x82\xa1" "a\x01\xa1" "a\x02",
        "context: context holds a key twice"),
    ROW("free: a key twice, deep", plan_request,
        "\x82\xa6prompt\xa1x\xa7" "context\x82\xa1" "a\x01\xa1" "b\x91\x83\xa1" "a\x01\xa1" "b\x02"
        "\xa1" "a\x02", "context: context holds a key twice"),
    ROW("free: a key that is a number", plan_request,
        "\x82\xa6prompt\xa1x\xa7" "context\x81\x01\x02",
        "context: context holds a key that is not a text"),
    ROW("free: bad UTF-8", plan_request,
        "\x82\xa6prompt\xa1x\xa7" "context\x81\xa1" "a\xa1\xff",
        "context: context holds a text that is not valid UTF-8"),
    ROW("free: bad UTF-8 in a key", plan_request,
        "\x82\xa6prompt\xa1x\xa7" "context\x81\xa1\xff\x01",
        "context: context holds a text that is not valid UTF-8"),
    ROW("free: an extension", plan_request,
        "\x82\xa6prompt\xa1x\xa7" "context\x81\xa1" "a\xd4\x01x",
        "context: context holds a value of an unknown type"),
    ROW("either a number", infer_request, "\x81\xa6" "action\x01",
        "action: Action must be a text of 1 to 500 characters or an object"),
    ROW("either an empty text", infer_request, "\x81\xa6" "action\xa0",
        "action: Action must be a text of 1 to 500 characters or an object"),
    ROW("either an array", infer_request, "\x81\xa6" "action\x90",
        "action: Action must be a text of 1 to 500 characters or an object"),
    ROW("an object for an array", infer_request, "\x82\xa6" "action\xa1x\xa7history\x80",
        "history: History must be an array"),
};

static void every_row_gets_its_sentences(void **state)
{
    char lines[LINES_SIZE];

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct decoded decoded;
        print_message("%s\n", rows[i].label);
        bool accepted = decode(&decoded, rows[i].message, rows[i].packed, STRICT);
        write_lines(&decoded.list, lines, sizeof lines);
        assert_string_equal(lines, rows[i].lines ? rows[i].lines : "");
        assert_int_equal(accepted, rows[i].lines == NULL);
        assert_int_equal(decoded.fault.kind, rows[i].lines ? FAULT_malformed : FAULT_NONE);
        for (uint32_t v = 0; v < decoded.list.count; v++)
            assert_true(text_is(decoded.list.at[v].location, "body"));
        done(&decoded);
    }
}

/* Each row once more, cut at every length: refused, and nothing read beyond. */
static void every_row_cut_short_is_broken(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t size = 0; size < rows[i].packed.size; size++) {
            struct decoded decoded;
            char *exact = malloc(size + 1);
            memcpy(exact, rows[i].packed.at, size);
            assert_false(decode(&decoded, rows[i].message, (struct text){exact, size}, STRICT));
            assert_int_equal(decoded.fault.kind, FAULT_broken_msgpack);
            done(&decoded);
            free(exact);
        }
}

static void the_fault_names_the_first_and_counts_the_rest(void **state)
{
    struct decoded decoded;

    (void) state;
    assert_false(decode(&decoded, &caller_message, TEXT_OF("\x80"), STRICT));
    assert_string_equal(decoded.fault.reason, "name: name is missing (and 2 more)");
    done(&decoded);
    assert_false(decode(&decoded, &plan_request_message, TEXT_OF("\x90"), STRICT));
    assert_string_equal(decoded.fault.reason, "The body must be an object");
    done(&decoded);
    assert_false(decode(&decoded, &plan_request_message, TEXT_OF("\x80\xc0"), STRICT));
    assert_int_equal(decoded.fault.kind, FAULT_broken_msgpack);
    done(&decoded);
}

static void lenient_passes_over_unknown_keys_only(void **state)
{
    struct decoded decoded;

    (void) state;
    assert_true(decode(&decoded, &plan_request_message,
                       TEXT_OF("\x83\xa3new\x81\x01\x02\xa6prompt\xa1x\xa4newa\xc0"), LENIENT));
    assert_true(text_is(((struct plan_request *)decoded.out)->prompt, "x"));
    done(&decoded);
    assert_false(decode(&decoded, &plan_request_message, TEXT_OF("\x81\xa3new\x01"), LENIENT));
    done(&decoded);
    assert_false(decode(&decoded, &plan_request_message,
                        TEXT_OF("\x82\xa6prompt\xa1x\xa6prompt\xa1x"), LENIENT));
    done(&decoded);
}

static void values_arrive(void **state)
{
    static const char packed[] =
        "\x86\xa5" "appId\xa1" "a\xa5runId\xa1r\xa7version\x07\xa5" "files\x82\xa1x\xa3" "abc"
        "\xa3y/z\xa0\xa6" "config\x81\xa8memoryMb\x40\xa6" "unseen\x01";
    struct decoded decoded;

    (void) state;
    assert_true(decode(&decoded, &start_request_message, (struct text){packed, sizeof packed - 1},
                       LENIENT));
    const struct start_request *request = decoded.out;
    assert_true(text_is(request->app_id, "a"));
    assert_true(text_is(request->run_id, "r"));
    assert_int_equal(request->version, 7);
    assert_int_equal(request->files.count, 2);
    assert_true(text_is(request->files.at[0].path, "x"));
    assert_true(text_is(request->files.at[0].content, "abc"));
    assert_false(request->files.at[0].removed);
    assert_true(text_is(request->files.at[1].path, "y/z"));
    assert_non_null(request->files.at[1].content.at);
    assert_int_equal(request->files.at[1].content.size, 0);
    assert_int_equal(request->config->memory_mb, 64);
    assert_int_equal(request->config->cpu_percent, 0);
    assert_null(request->config->entry.at);
    /* texts borrow from the octets */
    assert_in_range((uintptr_t)request->files.at[0].content.at, (uintptr_t)packed,
                    (uintptr_t)packed + sizeof packed);
    done(&decoded);
}

static void what_is_absent_is_told_from_what_is_empty(void **state)
{
    struct decoded decoded;

    (void) state;
    assert_true(decode(&decoded, &list_request_message, TEXT_OF("\x80"), STRICT));
    const struct list_request *list = decoded.out;
    assert_int_equal(list->limit, 10);
    assert_int_equal(list->offset, 0);
    assert_null(list->cursor.at);
    assert_int_equal(list->fields, list_fields_absent);
    done(&decoded);

    assert_true(decode(&decoded, &modify_request_message,
                       TEXT_OF("\x82\xa5" "appId\xa1" "a\xa7" "changes\x80"), STRICT));
    const struct modify_request *modify = decoded.out;
    assert_non_null(modify->changes.at);
    assert_int_equal(modify->changes.count, 0);
    done(&decoded);
    assert_true(decode(&decoded, &modify_request_message, TEXT_OF("\x81\xa5" "appId\xa1" "a"),
                       STRICT));
    assert_null(((struct modify_request *)decoded.out)->changes.at);
    done(&decoded);

    assert_true(decode(&decoded, &caller_message,
                       TEXT_OF("\x84\xa4name\xa1n\xa4role\xa1r\xa3via\xa1v\xa6scopes\x90"),
                       STRICT));
    assert_non_null(((struct caller *)decoded.out)->scopes.at);
    done(&decoded);
}

static void trimmed_texts_are_stored_trimmed_and_counted_so(void **state)
{
    struct decoded decoded;

    (void) state;
    assert_true(decode(&decoded, &plan_request_message, TEXT_OF("\x81\xa6prompt\xa6 a b\n\t"),
                       STRICT));
    assert_true(text_is(((struct plan_request *)decoded.out)->prompt, "a b"));
    done(&decoded);
}

static void free_values_are_cut_out_as_they_are(void **state)
{
    struct decoded decoded;

    (void) state;
    assert_true(decode(&decoded, &plan_request_message,
                       TEXT_OF("\x82\xa7" "context\x81\xa1" "a\x92\x01\xc3\xa6prompt\xa1x"),
                       STRICT));
    const struct plan_request *request = decoded.out;
    assert_true(text_equals(request->context, TEXT_OF("\x81\xa1" "a\x92\x01\xc3")));
    done(&decoded);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_gets_its_sentences),
        cmocka_unit_test(every_row_cut_short_is_broken),
        cmocka_unit_test(the_fault_names_the_first_and_counts_the_rest),
        cmocka_unit_test(lenient_passes_over_unknown_keys_only),
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(what_is_absent_is_told_from_what_is_empty),
        cmocka_unit_test(trimmed_texts_are_stored_trimmed_and_counted_so),
        cmocka_unit_test(free_values_are_cut_out_as_they_are),
    };

    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
