/* arena_test - an arena gives aligned, zeroed memory and no more than it may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schemas/arena.h"

static void what_it_gives_is_aligned_zeroed_and_apart(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    char *before = NULL;

    (void) state;
    for (size_t size = 0; size < 300; size++) {
        char *taken = arena_take(arena, size);
        assert_non_null(taken);
        assert_int_equal((uintptr_t)taken % 16, 0);
        assert_ptr_not_equal(taken, before);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(taken[i], 0);
        memset(taken, 0xee, size);
        before = taken;
    }
    arena_free(arena);
}

static void large_and_small_pieces_live_together(void **state)
{
    struct arena *arena = arena_new(10 << 20);
    char *small = arena_take(arena, 8);
    char *large = arena_take(arena, 1 << 20);
    char *next = arena_take(arena, 8);

    (void) state;
    memset(large, 1, 1 << 20);
    memset(small, 2, 8);
    memset(next, 3, 8);
    assert_int_equal(large[(1 << 20) - 1], 1);
    assert_int_equal(small[7], 2);
    assert_int_equal(next - small, 16);      /* the block that was begun is filled further */
    arena_free(arena);
}

static void the_bound_holds_and_is_remembered(void **state)
{
    struct arena *arena = arena_new(64);

    (void) state;
    assert_non_null(arena_take(arena, 48));
    assert_false(arena_is_exhausted(arena));
    assert_null(arena_take(arena, 17));
    assert_true(arena_is_exhausted(arena));
    assert_non_null(arena_take(arena, 16));
    assert_null(arena_take(arena, 1));
    assert_true(arena_is_exhausted(arena));
    arena_free(arena);
}

static void sizes_that_overflow_are_refused(void **state)
{
    struct arena *arena = arena_new(SIZE_MAX);

    (void) state;
    assert_null(arena_take(arena, SIZE_MAX));
    assert_null(arena_take(arena, SIZE_MAX - 15));
    assert_null(arena_copy(arena, "", SIZE_MAX));
    assert_true(arena_is_exhausted(arena));
    arena_free(arena);
    arena_free(NULL);
}

static void copies_end_with_nul(void **state)
{
    struct arena *arena = arena_new(4096);

    (void) state;
    assert_string_equal(arena_copy(arena, "abcdef", 3), "abc");
    struct text text = arena_text(arena, TEXT_OF("a\0b"));
    assert_int_equal(text.size, 3);
    assert_memory_equal(text.at, "a\0b", 4);
    assert_null(arena_text(arena, (struct text){NULL, 0}).at);
    assert_non_null(arena_text(arena, TEXT_OF("")).at);
    text = arena_print(arena, "%s-%d", "app", 42);
    assert_true(text_is(text, "app-42"));
    assert_string_equal(text.at, "app-42");
    arena_free(arena);
}

static void a_print_that_does_not_fit_is_absent(void **state)
{
    struct arena *arena = arena_new(16);

    (void) state;
    struct text text = arena_print(arena, "%s", "0123456789abcdef");
    assert_null(text.at);
    assert_int_equal(text.size, 0);
    assert_true(arena_is_exhausted(arena));
    arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_gives_is_aligned_zeroed_and_apart),
        cmocka_unit_test(large_and_small_pieces_live_together),
        cmocka_unit_test(the_bound_holds_and_is_remembered),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(copies_end_with_nul),
        cmocka_unit_test(a_print_that_does_not_fit_is_absent),
    };

    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
