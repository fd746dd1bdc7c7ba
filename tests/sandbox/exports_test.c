/* exports_test - who may read an archive, for how long, and how many there are at once.
 *
 * Method: small files in their place, and a clock of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actors/sandbox/exports.h"
#include "bus/clock.h"

static struct exports *exports;
static struct arena *arena;
static struct fault fault;
static int64_t now_us = 1000000;

static int64_t our_clock(void)
{
    return now_us;
}

static int make(void **state)
{
    (void) state;
    clock_set_source_for_test(our_clock);
    exports = exports_new();
    arena = arena_new(64 << 20);
    return exports && arena ? 0 : -1;
}

static int drop(void **state)
{
    (void) state;
    exports_free(exports);
    arena_free(arena);
    clock_set_source_for_test(NULL);
    return 0;
}

/* An archive of app and user; its number, to see whether it is still open. */
static int keep(const char *app_id, const char *user, const char *octets, char id[EXPORT_ID_SIZE])
{
    const struct export_key key = {.app_id = text_from(app_id), .user = text_from(user)};
    struct export *place = exports_take(exports, key.user, &fault);
    FILE *file = tmpfile();
    int fd = file ? dup(fileno(file)) : -1;

    assert_non_null(place);
    assert_true(fd >= 0);
    (void) fclose(file);
    assert_int_equal(write(fd, octets, strlen(octets)), strlen(octets));
    exports_keep(exports, place, &key, fd, id);
    assert_int_equal(strlen(id), EXPORT_ID_SIZE - 1);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static bool can_read(const char *app_id, const char *user, const char *id, uint64_t offset,
                     const char *wanted)
{
    const struct export_key key = {text_from(app_id), text_from(id), text_from(user)};
    struct text piece;

    if (!exports_read(exports, &key, offset, arena, &piece, &fault)) {
        assert_int_equal(fault.kind, FAULT_export_not_found);
        return false;
    }
    assert_true(text_is(piece, wanted));
    return true;
}

static void only_who_it_was_made_for_can_read_it(void **state)
{
    char id[EXPORT_ID_SIZE], other[EXPORT_ID_SIZE];

    (void) state;
    (void) keep("a", "me", "archive", id);
    (void) keep("a", "me", "another", other);
    assert_string_not_equal(id, other);
    assert_true(can_read("a", "me", id, 0, "archive"));
    assert_true(can_read("a", "me", id, 4, "ive"));
    assert_true(can_read("a", "me", id, 7, ""));
    assert_true(can_read("a", "me", id, UINT64_MAX, ""));
    assert_false(can_read("a", "you", id, 0, ""));
    assert_false(can_read("b", "me", id, 0, ""));
    assert_false(can_read("a", "me", "00000000000000000000000000000000", 0, ""));
}

static void its_reader_or_its_app_ends_it(void **state)
{
    char id[EXPORT_ID_SIZE], other[EXPORT_ID_SIZE];
    int first = keep("a", "me", "x", id), second = keep("b", "me", "y", other);
    const struct export_key yours = {TEXT_OF("a"), text_from(id), TEXT_OF("you")};
    const struct export_key mine = {TEXT_OF("a"), text_from(id), TEXT_OF("me")};

    (void) state;
    exports_end(exports, &yours);
    assert_true(is_open(first));
    exports_end(exports, &mine);
    assert_false(is_open(first));
    exports_forget(exports, "a");
    assert_true(is_open(second));
    exports_forget(exports, "b");
    assert_false(is_open(second));
    assert_false(can_read("b", "me", other, 0, ""));
}

static void nobody_keeps_a_place_for_ever(void **state)
{
    char id[EXPORT_ID_SIZE];
    int fd = keep("a", "me", "x", id);

    (void) state;
    for (int64_t ms = 0; ms + 50000 < EXPORT_MS_MAX; ms += 50000) {
        now_us += 50000 * INT64_C(1000);
        assert_true(can_read("a", "me", id, 0, "x"));
        exports_tick(exports);
    }
    assert_true(is_open(fd));
    now_us += 50000 * INT64_C(1000);        /* read to the last, but it is old */
    exports_tick(exports);
    assert_false(is_open(fd));

    fd = keep("a", "me", "x", id);
    now_us += (EXPORT_IDLE_MS - 1) * INT64_C(1000);
    exports_tick(exports);
    assert_true(is_open(fd));
    now_us += 1000;
    exports_tick(exports);
    assert_false(is_open(fd));
}

static void places_are_bounded(void **state)
{
    struct export *places[EXPORTS_MAX];
    char id[EXPORT_ID_SIZE];

    (void) state;
    for (int i = 0; i < EXPORTS_MAX - 1; i++) {
        places[i] = exports_take(exports, TEXT_OF("me"), &fault);
        assert_non_null(places[i]);
    }
    assert_null(exports_take(exports, TEXT_OF("me"), &fault));     /* the last is for somebody else */
    assert_int_equal(fault.kind, FAULT_capacity);
    assert_non_null(exports_take(exports, TEXT_OF("you"), &fault));
    assert_null(exports_take(exports, TEXT_OF("they"), &fault));
    assert_int_equal(fault.kind, FAULT_capacity);
    exports_give(exports, places[2]);
    (void) keep("a", "they", "x", id);
    assert_null(exports_take(exports, TEXT_OF("we"), &fault));
    now_us += EXPORT_IDLE_MS * INT64_C(1000);
    assert_non_null(exports_take(exports, TEXT_OF("we"), &fault));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_who_it_was_made_for_can_read_it, make, drop),
        cmocka_unit_test_setup_teardown(its_reader_or_its_app_ends_it, make, drop),
        cmocka_unit_test_setup_teardown(nobody_keeps_a_place_for_ever, make, drop),
        cmocka_unit_test_setup_teardown(places_are_bounded, make, drop),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("exports", tests, NULL, NULL);
}
