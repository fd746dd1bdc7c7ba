/* decode_bounds_test - bounds that need many octets: the last that fit, the first that do not. */
#include "tests/schemas/decoding.h"

struct packer { msgpack_sbuffer buffer; msgpack_packer packer; };

static void begin(struct packer *self, size_t pairs)
{
    msgpack_sbuffer_init(&self->buffer);
    msgpack_packer_init(&self->packer, &self->buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&self->packer, pairs);
}

static void put_text(struct packer *self, const char *text)
{
    msgpack_pack_str(&self->packer, strlen(text));
    msgpack_pack_str_body(&self->packer, text, strlen(text));
}

static void put_many_characters(struct packer *self, const char *character, size_t count)
{
    msgpack_pack_str(&self->packer, count * strlen(character));
    for (size_t i = 0; i < count; i++)
        msgpack_pack_str_body(&self->packer, character, strlen(character));
}

static void expect(struct packer *self, const struct message *message, const char *wanted)
{
    struct decoded decoded;
    char lines[LINES_SIZE];
    bool accepted = decode(&decoded, message,
                           (struct text){self->buffer.data, self->buffer.size}, STRICT);

    write_lines(&decoded.list, lines, sizeof lines);
    assert_string_equal(lines, wanted ? wanted : "");
    assert_int_equal(accepted, wanted == NULL);
    done(&decoded);
    msgpack_sbuffer_destroy(&self->buffer);
}

static void texts_are_bounded_in_characters(void **state)
{
    struct packer packer;

    (void) state;
    for (size_t count = 5000; count <= 5001; count++) {
        begin(&packer, 1);
        put_text(&packer, "prompt");
        put_many_characters(&packer, "\xe2\x82\xac", count);
        expect(&packer, &plan_request_message,
               count > 5000 ? "prompt: Prompt must be between 1 and 5000 characters" : NULL);
    }
    for (size_t count = 100; count <= 101; count++) {
        begin(&packer, 1);
        put_text(&packer, "appId");
        put_many_characters(&packer, "a", count);
        expect(&packer, &app_ref_message, count > 100 ? "appId: Invalid appId format" : NULL);
    }
}

static void put_app_and_files(struct packer *packer, const char *field, size_t count)
{
    begin(packer, 2);
    put_text(packer, "appId");
    put_text(packer, "a");
    put_text(packer, field);
    msgpack_pack_map(&packer->packer, count);
}

static void files_are_bounded_in_number(void **state)
{
    struct packer packer;
    char path[16];

    (void) state;
    for (size_t count = 100; count <= 101; count++)
        for (int is_change = 0; is_change < 2; is_change++) {
            put_app_and_files(&packer, is_change ? "changes" : "files", count);
            for (size_t i = 0; i < count; i++) {
                (void) snprintf(path, sizeof path, "f%zu", i);
                put_text(&packer, path);
                put_text(&packer, "");
            }
            expect(&packer, is_change ? &modify_request_message : &execute_request_message,
                   count == 100 ? NULL
                   : is_change  ? "changes: Files must contain between 1 and 100 files"
                                : "files: Files must contain between 1 and 100 files");
        }
}

static void paths_and_contents_are_bounded_in_size(void **state)
{
    struct packer packer;
    char path[512];

    (void) state;
    for (size_t size = 500; size <= 501; size++) {
        memset(path, 'd', sizeof path);
        path[200] = path[400] = '/';
        path[size] = '\0';
        put_app_and_files(&packer, "files", 1);
        put_text(&packer, path);
        put_text(&packer, "x");
        expect(&packer, &execute_request_message,
               size > 500 ? "files[0]: File path too long" : NULL);
    }
    for (size_t size = FILE_CONTENT_OCTETS_MAX; size <= FILE_CONTENT_OCTETS_MAX + 1; size++) {
        put_app_and_files(&packer, "files", 1);
        put_text(&packer, "p");
        put_many_characters(&packer, "x", size);
        expect(&packer, &execute_request_message,
               size > FILE_CONTENT_OCTETS_MAX
                   ? "files[0]: File content too large (max 1MB per file)" : NULL);
    }
}

static void begin_context(struct packer *packer)
{
    begin(packer, 2);
    put_text(packer, "prompt");
    put_text(packer, "x");
    put_text(packer, "context");
}

static void free_values_are_bounded_in_depth(void **state)
{
    struct packer packer;

    (void) state;
    for (int depth = FREE_DEPTH_MAX; depth <= FREE_DEPTH_MAX + 1; depth++) {
        begin_context(&packer);
        for (int i = 0; i < depth; i++) {
            msgpack_pack_map(&packer.packer, i + 1 < depth);
            if (i + 1 < depth)
                put_text(&packer, "k");
        }
        expect(&packer, &plan_request_message,
               depth > FREE_DEPTH_MAX ? "context: context is nested too deep" : NULL);
    }
}

static void free_values_are_bounded_in_number(void **state)
{
    struct packer packer;
    char key[16];

    (void) state;
    for (size_t pairs = 4999; pairs <= 5000; pairs++) {     /* 1 + 2 * pairs values, then 1 more */
        begin_context(&packer);
        msgpack_pack_map(&packer.packer, pairs);
        for (size_t i = 0; i < pairs; i++) {
            (void) snprintf(key, sizeof key, "k%zu", i);
            put_text(&packer, key);
            msgpack_pack_nil(&packer.packer);
        }
        expect(&packer, &plan_request_message,
               pairs > 4999 ? "context: context holds too many values" : NULL);
    }
}

static void violations_are_listed_to_their_bound_and_counted_beyond(void **state)
{
    struct packer packer;
    struct decoded decoded;
    char key[16];

    (void) state;
    begin(&packer, 40);
    for (int i = 0; i < 40; i++) {
        (void) snprintf(key, sizeof key, "odd%c%c", 'a' + i / 26, 'a' + i % 26);
        put_text(&packer, key);
        msgpack_pack_nil(&packer.packer);
    }
    assert_false(decode(&decoded, &list_request_message,
                        (struct text){packer.buffer.data, packer.buffer.size}, STRICT));
    assert_int_equal(decoded.list.count, VIOLATIONS_MAX);
    assert_int_equal(decoded.list.dropped, 8);
    assert_string_equal(decoded.fault.reason, "oddaa: oddaa is not known here (and 39 more)");
    done(&decoded);
    msgpack_sbuffer_destroy(&packer.buffer);
}

static void a_used_up_arena_is_too_large_and_not_a_crash(void **state)
{
    struct arena *arena = arena_new(64);
    struct execute_request request;
    struct fault fault = {FAULT_NONE, 0, ""};

    (void) state;
    assert_false(message_decode(&execute_request_message,
                                TEXT_OF("\x82\xa5" "appId\xa1" "a\xa5" "files\x82\xa1x\xa0"
                                        "\xa1y\xa0"),
                                STRICT, arena, &request, NULL, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
    arena_free(arena);
}

static void deep_octets_are_broken(void **state)
{
    struct decoded decoded;
    char nested[1000];

    (void) state;
    memset(nested, 0x91, sizeof nested);
    nested[sizeof nested - 1] = (char)0xc0;
    assert_false(decode(&decoded, &plan_request_message, (struct text){nested, sizeof nested},
                        STRICT));
    assert_int_equal(decoded.fault.kind, FAULT_broken_msgpack);
    done(&decoded);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_bounded_in_characters),
        cmocka_unit_test(files_are_bounded_in_number),
        cmocka_unit_test(paths_and_contents_are_bounded_in_size),
        cmocka_unit_test(free_values_are_bounded_in_depth),
        cmocka_unit_test(free_values_are_bounded_in_number),
        cmocka_unit_test(violations_are_listed_to_their_bound_and_counted_beyond),
        cmocka_unit_test(a_used_up_arena_is_too_large_and_not_a_crash),
        cmocka_unit_test(deep_octets_are_broken),
    };

    return cmocka_run_group_tests_name("decode_bounds", tests, NULL, NULL);
}
