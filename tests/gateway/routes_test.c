/* routes_test - which row of routes.def a request means, and that the rows fit the contract. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gateway/routes.h"

static void test_finding(void **state)
{
    static const struct { const char *verb, *path, *row, *param; } rows[] = {
        {"POST", "/api/apps/generate", "/api/apps/generate", NULL},
        {"GET", "/api/apps", "/api/apps", NULL},
        {"HEAD", "/api/apps", "/api/apps", NULL},
        {"GET", "/api/apps/x-1", "/api/apps/{appId}", "x-1"},
        {"GET", "/api/apps/generate", "/api/apps/{appId}", "generate"},
        {"PATCH", "/api/apps/x", "/api/apps/{appId}", "x"},
        {"GET", "/api/apps/x/logs", "/api/apps/{appId}/logs", "x"},
        {"DELETE", "/api/sandbox/apps/x", "/api/sandbox/apps/{appId}", "x"},
        {"GET", "/", "/", NULL},
        {"GET", "", NULL, NULL}, {"GET", "/api", NULL, NULL}, {"GET", "/api/apps/", NULL, NULL},
        {"GET", "//api/apps", NULL, NULL}, {"GET", "/api/apps//logs", NULL, NULL},
        {"GET", "/api/apps/x/", NULL, NULL}, {"GET", "/api/apps/x/logs/y", NULL, NULL},
        {"GET", "/API/apps", NULL, NULL}, {"HEAD", "/api/apps/generate/x", NULL, NULL},
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text params[ROUTE_PARAMS_MAX] = {{NULL, 0}};
        uint32_t allowed;
        const struct route *route = route_find(text_from(rows[i].verb), text_from(rows[i].path),
                                               params, &allowed);

        if ((route != NULL) != (rows[i].row != NULL) ||
            (route && strcmp(route->path, rows[i].row) != 0))
            fail_msg("%s %s", rows[i].verb, rows[i].path);
        if (!route)
            assert_int_equal(allowed, 0);
        if (rows[i].param && !text_is(params[0], rows[i].param))
            fail_msg("%s: wrong parameter", rows[i].path);
    }
}

static void test_wrong_verb(void **state)
{
    struct text params[ROUTE_PARAMS_MAX];
    uint32_t allowed;

    (void) state;
    assert_null(route_find(TEXT_OF("PUT"), TEXT_OF("/api/apps/x"), params, &allowed));
    assert_int_equal(allowed, 1u << VERB_GET | 1u << VERB_PATCH | 1u << VERB_DELETE);
    assert_null(route_find(TEXT_OF("POST"), TEXT_OF("/api/health"), params, &allowed));
    assert_int_equal(allowed, 1u << VERB_GET);
    assert_null(route_find(TEXT_OF("HEAD"), TEXT_OF("/api/planner/infer"), params, &allowed));
    assert_int_equal(allowed, 1u << VERB_POST);
}

/* Each parameter and each query field is one of the method's request; each write has limits; each
 * method is one that a user may ask for. */
static void test_rows_fit(void **state)
{
    (void) state;
    for (uint32_t i = 0; i < route_count; i++) {
        const struct route *route = &routes[i];

        assert_true((route->method != NULL) != (route->local != NULL));
        assert_true((route->send != NULL) == (route->types != NULL));
        if (!route->method)
            continue;
        if (route->method->scope == SCOPE_INTERNAL)
            fail_msg("%s asks an internal method", route->path);
        if ((route->verb != VERB_GET || route->send) != (route->rate != FAMILY_none))
            fail_msg("%s: reads have no rate limit, writes and exports have one", route->path);
        for (uint32_t n = 0; route_param_name(route, n).at; n++)
            if (!message_field(route->method->request, route_param_name(route, n)))
                fail_msg("%s: a parameter that is no field", route->path);
        for (const char *at = route->query; *at;) {
            struct text name = {at, strcspn(at, " ")};

            if (!message_field(route->method->request, name) && !text_is(name, "follow"))
                fail_msg("%s: query '%.*s' is no field", route->path, TEXT_ARGS(name));
            at += name.size + (at[name.size] == ' ');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_wrong_verb),
        cmocka_unit_test(test_rows_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
