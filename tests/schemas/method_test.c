/* method_test - every row of METHOD has a name of its own, and no call can wait for itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schemas/method.h"

static void every_method_has_a_name_of_its_own(void **state)
{
    (void) state;
    for (size_t i = 0; i < method_count; i++) {
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(methods[other]->name, methods[i]->name);
        assert_true(strncmp(methods[i]->name, methods[i]->actor, strlen(methods[i]->actor)) == 0);
        assert_true(strncmp(methods[i]->service, methods[i]->actor,
                            strlen(methods[i]->actor)) == 0);
        assert_string_equal(methods[i]->service + strlen(methods[i]->actor),
                            lane_suffix(methods[i]->lane));
        assert_true(methods[i]->doc[0] != '\0');
    }
}

static void rows_say_what_the_design_says(void **state)
{
    (void) state;
    assert_string_equal(method_apps_generate.service, "apps.long");
    assert_string_equal(method_store_get.service, "store");
    assert_string_equal(method_planner_analyze.service, "planner.work");
    assert_int_equal(method_store_begin.scope, SCOPE_INTERNAL);
    assert_int_equal(method_audit_list.scope, SCOPE_ADMIN);
    assert_int_equal(method_apps_generate.retry, ONCE);
    assert_int_equal(lane_deadline_ms(LANE_QUICK), 5000);
    assert_int_equal(lane_deadline_ms(LANE_WORK), 30000);
    assert_int_equal(lane_deadline_ms(LANE_LONG), 300000);
    assert_string_equal(scope_name(SCOPE_ADMIN), "admin");
}

static void callers_form_no_cycle(void **state)
{
    static const char *const actors[] = {"gateway", "apps", "planner", "sandbox", "store", "audit"};
    enum { COUNT_OF_ACTORS = sizeof actors / sizeof *actors };
    bool reaches[COUNT_OF_ACTORS][COUNT_OF_ACTORS];

    (void) state;
    for (int from = 0; from < COUNT_OF_ACTORS; from++)
        for (int to = 0; to < COUNT_OF_ACTORS; to++)
            reaches[from][to] = callers_may_ask(actors[from], actors[to]);
    for (int over = 0; over < COUNT_OF_ACTORS; over++)
        for (int from = 0; from < COUNT_OF_ACTORS; from++)
            for (int to = 0; to < COUNT_OF_ACTORS; to++)
                if (reaches[from][over] && reaches[over][to])
                    reaches[from][to] = true;
    for (int actor = 0; actor < COUNT_OF_ACTORS; actor++)
        assert_false(reaches[actor][actor]);
    assert_true(reaches[0][COUNT_OF_ACTORS - 1]);
    assert_true(callers_may_ask("apps", "store"));
    assert_false(callers_may_ask("store", "apps"));
    assert_false(callers_may_ask("apps", "gateway"));
    assert_false(callers_may_ask("nobody", "store"));
}

/* The decoder's and encoder's recursion is bounded by this: no message holds itself. */
static uint32_t depth_of(const struct message *message, uint32_t depth)
{
    size_t count;
    const struct field *fields = message->fields(&count);
    uint32_t deepest = depth;

    assert_true(depth < 12);
    for (size_t i = 0; i < count; i++) {
        uint32_t below = fields[i].item ? depth_of(fields[i].item, depth + 1) : depth;
        deepest = below > deepest ? below : deepest;
    }
    return deepest;
}

static void messages_nest_a_few_levels_only(void **state)
{
    uint32_t deepest = 0;

    (void) state;
    for (size_t i = 0; i < message_count; i++) {
        uint32_t depth = depth_of(messages[i], 1);
        deepest = depth > deepest ? depth : deepest;
    }
    /* a MANY costs an array and a map; a FREE goes FREE_DEPTH_MAX further; an envelope two */
    assert_in_range(deepest, 2, 7);
}

static void rows_are_sound(void **state)
{
    char name[FIELD_NAME_SIZE];

    (void) state;
    for (size_t i = 0; i < message_count; i++) {
        size_t count;
        const struct field *fields = messages[i]->fields(&count);
        assert_true(messages[i]->doc[0] != '\0');
        for (size_t f = 0; f < count; f++) {
            print_message("%s.%s\n", messages[i]->name, fields[f].name);
            assert_true(strlen(fields[f].name) < FIELD_NAME_SIZE - 1);
            assert_true(fields[f].max == 0 || fields[f].min <= fields[f].max);
            assert_true(fields[f].real_min <= fields[f].real_max);
            assert_true(fields[f].offset < messages[i]->size);
            assert_true(fields[f].doc[0] != '\0');
            field_wire_name(fields[f].name, name);
            assert_ptr_equal(message_field(messages[i], text_from(name)), &fields[f]);
        }
    }
}

static void wire_names_are_camel_case(void **state)
{
    static const struct { const char *name, *wire; } rows[] = {
        {"id", "id"}, {"app_id", "appId"}, {"peak_memory_bytes", "peakMemoryBytes"}};
    char out[FIELD_NAME_SIZE];

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        field_wire_name(rows[i].name, out);
        assert_string_equal(out, rows[i].wire);
    }
    assert_non_null(message_field(&app_ref_message, TEXT_OF("appId")));
    assert_null(message_field(&app_ref_message, TEXT_OF("app_id")));
    assert_null(message_field(&app_ref_message, TEXT_OF("appI")));
    assert_null(message_field(&app_ref_message, TEXT_OF("appIdd")));
    assert_null(message_field(&app_ref_message, TEXT_OF("")));
    assert_string_equal(choice_name(&app_status_choices, app_status_running), "running");
    assert_null(choice_name(&app_status_choices, 0));
    assert_null(choice_name(&app_status_choices, app_status_count));
    assert_null(choice_name(&app_status_choices, -1));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_has_a_name_of_its_own),
        cmocka_unit_test(rows_say_what_the_design_says),
        cmocka_unit_test(callers_form_no_cycle),
        cmocka_unit_test(messages_nest_a_few_levels_only),
        cmocka_unit_test(rows_are_sound),
        cmocka_unit_test(wire_names_are_camel_case),
    };

    return cmocka_run_group_tests_name("method", tests, NULL, NULL);
}
