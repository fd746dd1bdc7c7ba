/* scan_test - MessagePack from strangers is measured before anything is made of it.
 *
 * Method: hand-written octets with their verdict; then random octets, whose verdict must be
 * that of msgpack-c's own unpacker.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <msgpack.h>
#include <stdlib.h>

#include "schemas/scan.h"
#include "schemas/token.h"

#define ROW(label, literal, kind) {label, {literal, sizeof literal - 1}, kind}

static const struct { const char *label; struct text packed; enum fault_kind kind; } rows[] = {
    ROW("nil", "\xc0", FAULT_NONE),
    ROW("empty map", "\x80", FAULT_NONE),
    ROW("map of one", "\x81\xa1" "a\x01", FAULT_NONE),
    ROW("float 32", "\xca\x40\x00\x00\x00", FAULT_NONE),
    ROW("int 64", "\xd3\xff\xff\xff\xff\xff\xff\xff\xff", FAULT_NONE),
    ROW("fixext 4", "\xd6\x01" "abcd", FAULT_NONE),
    ROW("ext 8", "\xc7\x02\x01" "ab", FAULT_NONE),
    ROW("nothing", "", FAULT_broken_msgpack),
    ROW("reserved type", "\xc1", FAULT_broken_msgpack),
    ROW("reserved type inside", "\x91\xc1", FAULT_broken_msgpack),
    ROW("two values", "\xc0\xc0", FAULT_broken_msgpack),
    ROW("text cut short", "\xa3" "ab", FAULT_broken_msgpack),
    ROW("text 32 that claims 4 GB", "\xdb\xff\xff\xff\xff", FAULT_broken_msgpack),
    ROW("bin 32 that claims 4 GB", "\xc6\xff\xff\xff\xff", FAULT_broken_msgpack),
    ROW("array 32 that claims 16 million", "\xdd\x01\x00\x00\x00\xc0", FAULT_broken_msgpack),
    ROW("array 32 that claims 4 billion", "\xdd\xff\xff\xff\xff\xc0", FAULT_broken_msgpack),
    ROW("map 32 that claims 4 billion", "\xdf\xff\xff\xff\xff\xc0", FAULT_broken_msgpack),
    ROW("map without value", "\x81\xa1" "a", FAULT_broken_msgpack),
    ROW("map without key", "\x81", FAULT_broken_msgpack),
    ROW("length cut short", "\xd9", FAULT_broken_msgpack),
    ROW("uint 64 cut short", "\xcf\x00\x00\x00", FAULT_broken_msgpack),
    ROW("fixext without octets", "\xd4\x01", FAULT_broken_msgpack),
    ROW("ext without type", "\xc7\x00", FAULT_broken_msgpack),
    ROW("last item missing", "\x93\x01\x02", FAULT_broken_msgpack),
};

static void every_row_gets_its_verdict(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fault fault = {FAULT_NONE, 0, ""};
        print_message("%s\n", rows[i].label);
        assert_int_equal(scan_whole(rows[i].packed, SCAN_DEPTH_MAX, SCAN_NODES_MAX, &fault),
                         rows[i].kind == FAULT_NONE);
        assert_int_equal(fault.kind, rows[i].kind);
    }
    struct fault fault = {FAULT_NONE, 0, ""};
    assert_false(scan_whole((struct text){NULL, 0}, 8, 8, &fault));
}

static void depth_is_counted_to_the_level(void **state)
{
    struct fault fault;
    char nested[200];

    (void) state;
    memset(nested, 0x91, sizeof nested);
    for (size_t depth = 1; depth < 100; depth++) {
        nested[depth] = (char)0xc0;
        assert_int_equal(scan_whole((struct text){nested, depth + 1}, 16, 1000, &fault),
                         depth <= 16);
        assert_int_equal(scan_whole((struct text){nested, depth + 1}, 1000, 1000, &fault),
                         depth <= SCAN_DEPTH_MAX);
        nested[depth] = (char)0x91;
    }
    assert_int_equal(fault.kind, FAULT_broken_msgpack);
    assert_true(scan_whole(TEXT_OF("\x92\x90\x80"), 2, 10, &fault));
    assert_false(scan_whole(TEXT_OF("\x92\x90\x80"), 1, 10, &fault));   /* empty ones count */
    assert_true(scan_whole(TEXT_OF("\xc0"), 0, 10, &fault));
    assert_false(scan_whole(TEXT_OF("\x90"), 0, 10, &fault));
}

static void nodes_are_counted_to_the_one(void **state)
{
    struct fault fault;

    (void) state;
    assert_true(scan_whole(TEXT_OF("\x82\x01\x02\x03\x04"), 2, 5, &fault));
    assert_false(scan_whole(TEXT_OF("\x82\x01\x02\x03\x04"), 2, 4, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
}

static void the_first_value_is_cut_where_it_ends(void **state)
{
    struct fault fault;

    (void) state;
    assert_int_equal(scan_first(TEXT_OF("\x92\x01\xa1" "a\xc1"), 4, 10, &fault), 4);
    assert_int_equal(scan_first(TEXT_OF("\xc0\xc0"), 4, 10, &fault), 1);
    assert_int_equal(scan_first(TEXT_OF("\xc1\xc0"), 4, 10, &fault), 0);
    assert_int_equal(scan_first(TEXT_OF("\x91\x92\x01"), 4, 10, &fault), 0);
}

static void every_number_is_read_as_written(void **state)
{
    static const struct { struct text packed; enum token_kind kind; int64_t number; } numbers[] = {
        {TEXT_OF("\x7f"), TOKEN_COUNT, 127},
        {TEXT_OF("\xff"), TOKEN_NEGATIVE, -1},
        {TEXT_OF("\xe0"), TOKEN_NEGATIVE, -32},
        {TEXT_OF("\xcc\xff"), TOKEN_COUNT, 255},
        {TEXT_OF("\xcd\x01\x00"), TOKEN_COUNT, 256},
        {TEXT_OF("\xce\xff\xff\xff\xff"), TOKEN_COUNT, 4294967295},
        {TEXT_OF("\xd0\x05"), TOKEN_COUNT, 5},
        {TEXT_OF("\xd0\x80"), TOKEN_NEGATIVE, -128},
        {TEXT_OF("\xd1\x80\x00"), TOKEN_NEGATIVE, -32768},
        {TEXT_OF("\xd2\x80\x00\x00\x00"), TOKEN_NEGATIVE, -2147483648LL},
        {TEXT_OF("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), TOKEN_NEGATIVE, INT64_MIN},
        {TEXT_OF("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff"), TOKEN_COUNT, INT64_MAX},
    };
    struct token token;

    (void) state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct reader reader = reader_of(numbers[i].packed);
        assert_true(token_read(&reader, &token));
        assert_int_equal(token.kind, numbers[i].kind);
        assert_true((token.kind == TOKEN_COUNT ? (int64_t)token.count : token.negative) ==
                    numbers[i].number);
        assert_ptr_equal(reader.at, reader.end);
    }
    struct reader reader = reader_of(TEXT_OF("\xcb\xc0\x04\x00\x00\x00\x00\x00\x00"));
    assert_true(token_read(&reader, &token) && token.kind == TOKEN_REAL && token.real == -2.5);
    reader = reader_of(TEXT_OF("\xca\x3f\x00\x00\x00"));
    assert_true(token_read(&reader, &token) && token.kind == TOKEN_REAL && token.real == 0.5);
    reader = reader_of(TEXT_OF("\xa3" "ab"));
    assert_false(token_read(&reader, &token));
    assert_int_equal(reader.end - reader.at, 3);        /* a refused reader stays */
}

/* Formats come often, so that containers are opened and closed. */
static size_t fill_randomly(unsigned int *seed, char *out, size_t capacity)
{
    static const unsigned char heads[] = {0x80, 0x81, 0x82, 0x90, 0x91, 0x93, 0xa0, 0xa2, 0xc0,
                                          0xc1, 0xc4, 0xc7, 0xcb, 0xcd, 0xd1, 0xd4, 0xd9, 0xda,
                                          0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0x00, 0x01, 0xff};
    size_t size = (size_t)rand_r(seed) % capacity;

    for (size_t i = 0; i < size; i++)
        out[i] = (char)(rand_r(seed) % 3 ? heads[(size_t)rand_r(seed) % sizeof heads]
                                         : (unsigned char)rand_r(seed) % 8);
    return size;
}

/* msgpack-c on octets that are small enough not to let it map gigabytes. */
static bool unpacks_whole(const char *octets, size_t size)
{
    msgpack_zone zone;
    msgpack_object object;
    size_t offset = 0;

    msgpack_zone_init(&zone, 1024);
    msgpack_unpack_return verdict = msgpack_unpack(octets, size, &offset, &zone, &object);
    msgpack_zone_destroy(&zone);
    return (verdict == MSGPACK_UNPACK_SUCCESS || verdict == MSGPACK_UNPACK_EXTRA_BYTES) &&
           offset == size;
}

static void random_octets_get_the_verdict_of_msgpack_c(void **state)
{
    unsigned int seed = 20251010, agreed = 0;
    char octets[24];

    (void) state;
    for (int round = 0; round < 200000; round++) {
        size_t size = fill_randomly(&seed, octets, sizeof octets);
        struct fault fault = {FAULT_NONE, 0, ""};
        bool passed = scan_whole((struct text){octets, size}, SCAN_DEPTH_MAX, 1000, &fault);
        if (!passed)
            assert_true(fault.kind == FAULT_broken_msgpack || fault.kind == FAULT_too_large);
        /* what declares more than it has is refused without asking the unpacker */
        if (passed)
            assert_true(unpacks_whole(octets, size));
        else if (!memchr(octets, 0xdd, size) && !memchr(octets, 0xdf, size) &&
                 !memchr(octets, 0xdc, size) && !memchr(octets, 0xde, size))
            assert_false(unpacks_whole(octets, size));
        agreed += passed;
    }
    assert_true(agreed > 1000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_gets_its_verdict),
        cmocka_unit_test(depth_is_counted_to_the_level),
        cmocka_unit_test(nodes_are_counted_to_the_one),
        cmocka_unit_test(the_first_value_is_cut_where_it_ends),
        cmocka_unit_test(every_number_is_read_as_written),
        cmocka_unit_test(random_octets_get_the_verdict_of_msgpack_c),
    };

    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
