/* fault_test - faults are values: cut, wrapped, named, found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schemas/fault.h"
#include "schemas/text.h"

static void every_kind_is_found_by_its_name(void **state)
{
    (void) state;
    for (int kind = 1; kind < FAULT_KINDS; kind++) {
        const char *name = fault_name(kind);
        assert_int_equal(fault_from_name(name, strlen(name)), kind);
        assert_in_range(fault_http_status(kind), 400, 599);
        assert_true(fault_text(kind)[0] != '\0');
    }
    assert_int_equal(fault_from_name("unheard_of", 10), FAULT_internal);
    assert_int_equal(fault_from_name("", 0), FAULT_internal);
    assert_int_equal(fault_from_name("not_foun", 8), FAULT_internal);
    assert_false(fault_may_tell(FAULT_internal));
    assert_true(fault_may_tell(FAULT_malformed));
    assert_true(fault_may_retry(FAULT_busy));
}

static void wrapping_keeps_kind_and_hint(void **state)
{
    struct fault fault = {FAULT_NONE, 0, ""};

    (void) state;
    assert_false(fault_set(&fault, FAULT_busy, "app %s", "a"));
    assert_false(fault_retry_after(&fault, 250));
    assert_false(fault_while(&fault, "changing %d", 7));
    assert_string_equal(fault.reason, "changing 7: app a");
    assert_int_equal(fault.kind, FAULT_busy);
    assert_int_equal(fault.retry_ms, 250);
    assert_false(fault_set(&fault, FAULT_stale, "x"));
    assert_int_equal(fault.retry_ms, 0);
}

static void callers_hear_the_reason_only_where_the_table_says_so(void **state)
{
    struct fault fault;

    (void) state;
    assert_false(fault_set(&fault, FAULT_malformed, "name: missing"));
    assert_string_equal(fault_told(&fault), "name: missing");
    assert_false(fault_set(&fault, FAULT_malformed, "%s", ""));
    assert_string_equal(fault_told(&fault), fault_text(FAULT_malformed));
    assert_false(fault_set(&fault, FAULT_disk_full, "SQLite: database or disk is full (13)"));
    assert_string_equal(fault_told(&fault), fault_text(FAULT_disk_full));
}

static void a_long_reason_is_cut_between_characters(void **state)
{
    char word[400];
    struct fault fault = {FAULT_NONE, 0, ""};

    (void) state;
    for (size_t shift = 0; shift < 4; shift++) {
        size_t size = 0;
        for (; size < shift; size++)
            word[size] = 'a';
        for (; size + 3 < sizeof word; size += 3)
            memcpy(word + size, "\xe2\x82\xac", 3);
        word[size] = '\0';
        assert_false(fault_set(&fault, FAULT_malformed, "%s", word));
        assert_true(strlen(fault.reason) < sizeof fault.reason);
        assert_true(strlen(fault.reason) + 7 > sizeof fault.reason);
        assert_int_not_equal(text_code_points(text_from(fault.reason)), SIZE_MAX);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_found_by_its_name),
        cmocka_unit_test(wrapping_keeps_kind_and_hint),
        cmocka_unit_test(callers_hear_the_reason_only_where_the_table_says_so),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
    };

    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
