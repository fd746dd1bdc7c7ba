/* gzip_test - who accepts gzip, and that what is packed unpacks to the same octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "gateway/gzip.h"

static void test_who_accepts(void **state)
{
    static const struct { const char *header; bool accepts; } rows[] = {
        {"gzip", true}, {"GZIP", true}, {"x-gzip", true}, {"*", true}, {"br, gzip", true},
        {"gzip;q=0.001", true}, {"gzip; q=1", true}, {"br;q=1.0, *;q=0.1", true},
        {"", false}, {"br", false}, {"identity", false}, {"gzip;q=0", false}, {"gzip; q=0.000", false},
        {"*;q=0", false}, {"*, gzip;q=0", false}, {"gzip2", false}, {"gzi p", false}, {";q=1", false},
        {"gzip;q=", false}, {"gzip;q=x", false},
    };

    (void) state;
    assert_false(gzip_is_accepted((struct text){NULL, 0}));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (gzip_is_accepted(text_from(rows[i].header)) != rows[i].accepts)
            fail_msg("'%s' %s", rows[i].header, rows[i].accepts ? "accepts" : "does not");
}

static void check_round_trip(struct text plain)
{
    struct fault fault;
    msgpack_sbuffer packed;
    char *back = malloc(plain.size + 1);
    z_stream stream = {.next_out = (unsigned char *)back, .avail_out = (unsigned)plain.size + 1};

    assert_non_null(back);
    msgpack_sbuffer_init(&packed);
    assert_true(gzip_write(plain, &packed, &fault));
    stream.next_in = (unsigned char *)packed.data;
    stream.avail_in = (unsigned)packed.size;
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);     /* gzip, nothing else */
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, plain.size);
    assert_int_equal(stream.avail_in, 0);
    assert_memory_equal(back, plain.at, plain.size);
    inflateEnd(&stream);
    msgpack_sbuffer_destroy(&packed);
    free(back);
}

static void test_round_trips(void **state)
{
    enum { OCTETS = 200000 };
    char *octets = malloc(OCTETS);

    (void) state;
    assert_non_null(octets);
    srand(7);
    for (size_t i = 0; i < OCTETS; i++)
        octets[i] = (char)rand();       /* does not pack: every piece is full */
    check_round_trip((struct text){octets, OCTETS});
    memset(octets, 'a', OCTETS);
    check_round_trip((struct text){octets, OCTETS});
    check_round_trip((struct text){octets, 1});
    check_round_trip((struct text){octets, 0});
    free(octets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_who_accepts),
                                       cmocka_unit_test(test_round_trips)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
