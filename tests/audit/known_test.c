/* known_test.c - the set of known event ids holds the last KNOWN_MAX and forgets the rest. */
#include "tests/audit/fixture.h"

#include <stdio.h>

#include "actors/audit/known.h"

static struct known_id id_of(const struct known *known, int number)
{
    char id[32];

    snprintf(id, sizeof id, "event-%d", number);
    return known_id_of(known, text_from(id));
}

static void test_the_oldest_is_forgotten_first(void **state)
{
    struct known *known = known_new();

    (void)state;
    assert_non_null(known);
    for (int i = 0; i < 3 * KNOWN_MAX; i++) {
        assert_false(known_has(known, id_of(known, i)));
        known_add(known, id_of(known, i));
        assert_true(known_has(known, id_of(known, i)));
    }
    for (int i = 0; i < 3 * KNOWN_MAX; i++)
        assert_int_equal(known_has(known, id_of(known, i)), i >= 2 * KNOWN_MAX);
    known_free(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_oldest_is_forgotten_first)};

    return cmocka_run_group_tests_name("audit_known", tests, NULL, NULL);
}
