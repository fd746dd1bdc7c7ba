/* claims_test - one change of an app at a time: who asks hurries the holder, who only tries does not.
 *
 * Method: one thread; a deadline that has passed stands for waiting in vain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/sandbox/claims.h"

static int hurried;

static void hurry(void *self, const char *app_id)
{
    (void) self;
    (void) app_id;
    hurried++;
}

static void who_asks_hurries_the_holder(void **state)
{
    struct claims *claims = claims_new(hurry, NULL);
    struct fault fault = {0};
    struct claim *held = claims_take(claims, "a", 0, &fault);

    (void) state;
    hurried = 0;
    assert_non_null(held);
    assert_null(claims_take(claims, "a", 0, &fault));
    assert_int_equal(fault.kind, FAULT_busy);
    assert_int_equal(hurried, 1);
    assert_true(claims_is_wanted(claims, held));
    claims_give(claims, held);
    claims_free(claims);
}

static void who_only_tries_disturbs_nobody(void **state)
{
    struct claims *claims = claims_new(hurry, NULL);
    struct fault fault = {0};
    struct claim *held = claims_take(claims, "a", 0, &fault), *other;

    (void) state;
    hurried = 0;
    assert_null(claims_try(claims, "a", &fault));
    assert_int_equal(fault.kind, FAULT_busy);
    assert_int_equal(hurried, 0);
    assert_false(claims_is_wanted(claims, held));
    other = claims_try(claims, "b", &fault);
    assert_non_null(other);
    claims_give(claims, held);
    held = claims_try(claims, "a", &fault);
    assert_non_null(held);
    assert_null(claims_take(claims, "a", 0, &fault));       /* it holds like any other */
    claims_give(claims, held);
    claims_give(claims, other);
    claims_free(claims);
}

static void who_waits_disturbs_nobody(void **state)
{
    struct claims *claims = claims_new(hurry, NULL);
    struct fault fault = {0};
    struct claim *held = claims_wait(claims, "a", 0, &fault);

    (void) state;
    hurried = 0;
    assert_non_null(held);
    assert_null(claims_wait(claims, "a", 0, &fault));
    assert_int_equal(fault.kind, FAULT_busy);
    assert_int_equal(hurried, 0);
    assert_false(claims_is_wanted(claims, held));
    claims_give(claims, held);
    claims_free(claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_hurries_the_holder),
        cmocka_unit_test(who_only_tries_disturbs_nobody),
        cmocka_unit_test(who_waits_disturbs_nobody),
    };

    return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
