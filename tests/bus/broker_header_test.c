/* broker_header_test - what the broker writes into a header, and what it lets stand.
 *
 * Method: a header by hand, spliced, and read by the decoder that actors use.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bus/broker_header.h"

#define T(literal) TEXT_OF(literal)
#define CALLER T("\xa6" "caller\x83\xa4name\xa1n\xa4role\xa1r\xa3via\xa3ipc")

struct spliced { char octets[HEADER_OCTETS_MAX + 512]; size_t size; };

static void splice(struct text packed, uint32_t time_left_ms, struct header_look *look,
                   struct spliced *out)
{
    (void) header_look(packed, look);
    out->size = header_size(packed, look, CALLER);
    assert_true(out->size <= sizeof out->octets - 1);
    out->octets[out->size] = '!';       /* not one octet more is written */
    header_write(packed, look, CALLER, time_left_ms, out->octets);
    assert_int_equal(out->octets[out->size], '!');
}

/* Read as an actor would; false when it refuses. */
static bool read_back(const struct spliced *spliced, struct arena *arena, struct header *out)
{
    struct fault fault;

    return header_read((struct text){spliced->octets, spliced->size}, arena, out, &fault);
}

static void test_without_header(void **state)
{
    struct arena *arena = arena_new(65536);
    struct header_look look;
    struct spliced spliced;
    struct header header;

    (void)state;
    splice((struct text){NULL, 0}, 77, &look, &spliced);
    assert_false(look.is_header);
    assert_true(read_back(&spliced, arena, &header));
    assert_true(text_is(header.caller->name, "n"));
    assert_int_equal(header.time_left_ms, 77);
    arena_free(arena);
}

static void test_all_entries(void **state)
{
    struct text packed = T("\x87\xa9requestId\xa1r\xa6" "caller\x81\xa4name\xa4root\xa5retry\xc3"
        "\xaatimeLeftMs\xce\x00\x00\x10\x00\xaeidempotencyKey\xa1k"
        "\xa9principal\x82\xa4role\xa1u\xa4user\xa3" "ann\xa5" "later\x92\x01\x02");
    struct arena *arena = arena_new(65536);
    struct header_look look;
    struct spliced spliced;
    struct header header;

    (void)state;
    splice(packed, 77, &look, &spliced);
    assert_true(look.is_header && look.retry && look.has_time);
    assert_int_equal(look.time_left_ms, 4096);
    assert_true(text_is(look.user, "ann"));
    assert_true(read_back(&spliced, arena, &header));
    assert_true(text_is(header.request_id, "r"));
    assert_true(text_is(header.idempotency_key, "k"));
    assert_true(text_is(header.caller->name, "n"));
    assert_true(text_is(header.principal->user, "ann"));
    assert_true(header.retry);
    assert_int_equal(header.time_left_ms, 77);
    arena_free(arena);
}

/* A caller that the client wrote is gone, however often and however it is spelt. */
static void test_no_caller_of_the_client_survives(void **state)
{
    static const struct text rows[] = {
        T("\x81\xa6" "caller\xc0"),
        T("\x82\xa6" "caller\xc0\xa6" "caller\xc0"),
        T("\x81\xd9\x06" "caller\xc0"),
        T("\x81\xda\x00\x06" "caller\xc0"),
        T("\xde\x00\x01\xdb\x00\x00\x00\x06" "caller\xc0"),
        T("\xdf\x00\x00\x00\x02\xa5" "retry\xc2\xa6" "caller\x81\xa4name\xa4root"),
    };
    struct arena *arena = arena_new(65536);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct header_look look;
        struct spliced spliced;
        struct header header;
        splice(rows[i], 77, &look, &spliced);
        assert_true(look.is_header);
        assert_true(read_back(&spliced, arena, &header));
        assert_true(text_is(header.caller->name, "n"));
        assert_int_equal(header.time_left_ms, 77);
    }
    arena_free(arena);
}

/* What an actor would refuse, it still gets to refuse. */
static void test_broken_entries_are_not_repaired(void **state)
{
    static const struct text rows[] = {
        T("\x81\xaatimeLeftMs\xa1x"),
        T("\x81\xaatimeLeftMs\xff"),
        T("\x81\xaatimeLeftMs\xce\x05\x26\x5c\x01"),            /* 86,400,001 */
        T("\x82\xaatimeLeftMs\x05\xaatimeLeftMs\x06"),
        T("\x82\xaatimeLeftMs\xa1x\xaatimeLeftMs\x06"),
        T("\x82\xa5retry\xc3\xa5retry\xc3"),
        T("\x81\xa9requestId\x05"),
        T("\x81\x01\x02"),
        T("\x81\xc4\x06" "caller\xc0"),
    };
    struct arena *arena = arena_new(65536);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct header_look look;
        struct spliced spliced;
        struct header header;
        splice(rows[i], 77, &look, &spliced);
        assert_true(look.is_header);
        if (read_back(&spliced, arena, &header))
            fail_msg("row %zu was repaired", i);
    }
    arena_free(arena);
}

static void test_what_is_no_header(void **state)
{
    static char large[HEADER_OCTETS_MAX + 8] = "\x81\xa1k\xc5\x10\x00";
    static const struct text rows[] = {
        T(""), T("\x90"), T("\xc0"), T("\x81"), T("\x81\xa1k"), T("\x80\x80"), T("\xc1"),
        T("\xdf\xff\xff\xff\xff"), T("\x81\xa6" "caller\xdd\xff\xff\xff\xff"),
        T("\x85\xa6" "caller\xc0\xa6" "caller\xc0\xa6" "caller\xc0\xa6" "caller\xc0"
          "\xa6" "caller\xc0"),
        {large, sizeof large - 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct header_look look;
        if (header_look(rows[i], &look))
            fail_msg("row %zu is a header", i);
        assert_false(look.retry || look.has_time);
        assert_int_equal(look.cut_count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_header),
        cmocka_unit_test(test_all_entries),
        cmocka_unit_test(test_no_caller_of_the_client_survives),
        cmocka_unit_test(test_broken_entries_are_not_repaired),
        cmocka_unit_test(test_what_is_no_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
