/* edits_test - the way from one text to another: right always, shortest within its bounds.
 *
 * Method: random small texts against the textbook table of common subsequences; then the bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/apps/edits.h"

enum { ARENA_OCTETS = 1 << 26, LINES_SMALL_MAX = 24, ROUNDS = 5000, PLENTY = 1000000000 };

static struct arena *arena;

static int make_arena(void **state)
{
    (void) state;
    arena = arena_new(ARENA_OCTETS);
    return arena ? 0 : -1;
}

static int drop_arena(void **state)
{
    (void) state;
    arena_free(arena);
    return 0;
}

static void split(struct side *side, struct text text)
{
    struct fault fault = {0};

    assert_true(side_split(side, text, arena, &fault));
}

static uint32_t count_edited(const struct side *side)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < side->count; i++)
        count += side->is_edited[i];
    return count;
}

/* What is edited on neither side is the same on both, in the same order. */
static void must_be_a_way(const struct side *before, const struct side *after)
{
    uint32_t i = 0, j = 0;

    for (;;) {
        while (i < before->count && before->is_edited[i])
            i++;
        while (j < after->count && after->is_edited[j])
            j++;
        if (i == before->count || j == after->count)
            break;
        assert_true(text_equals(side_line(before, i++), side_line(after, j++)));
    }
    assert_int_equal(i, before->count);
    assert_int_equal(j, after->count);
}

static struct text random_text(unsigned int *seed)
{
    static const char *const lines[] = {"a\n", "b\n", "\n", "}\n", "ab\n"};
    char *at = arena_take(arena, LINES_SMALL_MAX * 3 + 1);
    size_t size = 0;

    for (int left = rand_r(seed) % LINES_SMALL_MAX; left > 0; left--) {
        const char *line = lines[rand_r(seed) % 5];
        memcpy(at + size, line, strlen(line));
        size += strlen(line);
    }
    if (size > 0 && rand_r(seed) % 2 == 0)
        size--;                 /* no newline at the end, or one line less */
    return (struct text){at, size};
}

static uint32_t common_lines(const struct side *before, const struct side *after)
{
    uint32_t table[LINES_SMALL_MAX + 1][LINES_SMALL_MAX + 1] = {{0}};

    for (uint32_t i = 1; i <= before->count; i++)
        for (uint32_t j = 1; j <= after->count; j++) {
            uint32_t up = table[i - 1][j], left = table[i][j - 1];
            bool same = text_equals(side_line(before, i - 1), side_line(after, j - 1));
            table[i][j] = same ? table[i - 1][j - 1] + 1 : up > left ? up : left;
        }
    return table[before->count][after->count];
}

static void the_way_is_right_and_shortest(void **state)
{
    unsigned int seed = 7;
    struct fault fault = {0};

    (void) state;
    for (int round = 0; round < ROUNDS; round++) {
        struct side before, after;
        uint64_t steps = PLENTY;

        split(&before, random_text(&seed));
        split(&after, random_text(&seed));
        assert_true(edits_find(&before, &after, &steps, arena, &fault));
        must_be_a_way(&before, &after);
        uint32_t common = common_lines(&before, &after);
        assert_int_equal(count_edited(&before), before.count - common);
        assert_int_equal(count_edited(&after), after.count - common);
    }
}

static void lines_keep_their_ends(void **state)
{
    struct side side;

    (void) state;
    split(&side, TEXT_OF("a\n\nb"));
    assert_int_equal(side.count, 3);
    assert_true(text_is(side_line(&side, 0), "a\n"));
    assert_true(text_is(side_line(&side, 1), "\n"));
    assert_true(text_is(side_line(&side, 2), "b"));
    split(&side, TEXT_OF(""));
    assert_int_equal(side.count, 0);
    split(&side, TEXT_OF("\n"));
    assert_int_equal(side.count, 1);
}

/* `unique` lines that are nowhere else, before or behind `same` lines that are all alike. */
static struct text long_text(uint32_t unique, uint32_t same, bool is_first)
{
    char *at = arena_take(arena, unique * 12ul + same * 2ul + 1);
    size_t size = 0;

    for (uint32_t i = 0; !is_first && i < same; i++, size += 2)
        memcpy(at + size, "=\n", 2);
    for (uint32_t i = 0; i < unique; i++)
        size += (size_t)snprintf(at + size, 12, "%d %u\n", is_first, i);
    for (uint32_t i = 0; is_first && i < same; i++, size += 2)
        memcpy(at + size, "=\n", 2);
    return (struct text){at, size};
}

static void more_edits_than_the_bound_replace_all(void **state)
{
    struct side before, after;
    struct fault fault = {0};
    uint64_t steps = PLENTY;

    (void) state;
    split(&before, long_text(EDITS_MAX / 2, 100, true));
    split(&after, long_text(EDITS_MAX / 2, 100, false));
    assert_true(edits_find(&before, &after, &steps, arena, &fault));
    assert_int_equal(count_edited(&before), EDITS_MAX / 2);
    split(&before, long_text(EDITS_MAX / 2 + 1, 100, true));
    split(&after, long_text(EDITS_MAX / 2 + 1, 100, false));
    assert_true(edits_find(&before, &after, &steps, arena, &fault));
    must_be_a_way(&before, &after);
    assert_int_equal(count_edited(&before), before.count);
}

static void time_is_bounded(void **state)
{
    struct side before, after;
    struct fault fault = {0};
    uint64_t steps = 100000;

    (void) state;
    split(&before, long_text(400, 50000, true));
    split(&after, long_text(400, 50000, false));
    assert_true(edits_find(&before, &after, &steps, arena, &fault));
    assert_int_equal(steps, 0);
    must_be_a_way(&before, &after);
    assert_int_equal(count_edited(&before), before.count);
    /* what both begin and end with costs nothing and stays */
    split(&before, TEXT_OF("same\nold\nend\n"));
    split(&after, TEXT_OF("same\nnew\nend\n"));
    assert_true(edits_find(&before, &after, &steps, arena, &fault));
    assert_int_equal(count_edited(&before), 1);
    assert_int_equal(count_edited(&after), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, make_arena, drop_arena)
        ROW(the_way_is_right_and_shortest),
        ROW(lines_keep_their_ends),
        ROW(more_edits_than_the_bound_replace_all),
        ROW(time_is_bounded),
    };
    return cmocka_run_group_tests_name("edits", tests, NULL, NULL);
}
