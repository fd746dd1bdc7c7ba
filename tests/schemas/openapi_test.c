/* openapi_test - the printed document is JSON, whole, and says what the tables say.
 *
 * Method: a few routes are printed and parsed; then the document is walked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>

#include "schemas/openapi.h"

enum { VALUES_MAX = 100000 };

static const struct openapi_route routes[] = {
    {"POST", "/api/apps/generate", &method_apps_generate, 201, "", NULL, "Make an app"},
    {"GET", "/api/apps", &method_store_list, 200, "limit offset", NULL, "List apps"},
    {"GET", "/api/apps/{appId}", &method_store_get, 200, "", NULL, "Get an app"},
    {"PATCH", "/api/apps/{appId}", &method_apps_modify, 200, "", NULL, "Change an app"},
    {"DELETE", "/api/apps/{appId}", &method_apps_delete, 204, "", NULL, "Remove an app"},
    {"POST", "/api/apps/{appId}/stop", &method_apps_stop, 200, "", NULL, "Stop an app"},
    {"GET", "/api/apps/{appId}/logs", &method_apps_logs, 200, "tail follow", NULL, "Read \"logs\""},
    {"GET", "/api/apps/{appId}/export", &method_apps_export, 200, "format data",
     "application/gzip application/zip", "Take an app along"},
    {"GET", "/api/health", NULL, 200, "", NULL, "Be well"},
};

static json_t *document;

static int print_and_parse(void **state)
{
    char *octets = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&octets, &size);
    json_error_t error;

    (void) state;
    openapi_print(out, routes, sizeof routes / sizeof *routes);
    (void) fclose(out);
    document = json_loadb(octets, size, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        print_error("line %d: %s\n", error.line, error.text);
    free(octets);
    return document ? 0 : -1;
}

static int forget(void **state)
{
    (void) state;
    json_decref(document);
    return 0;
}

static json_t *schema_of(const char *name)
{
    return json_object_get(json_object_get(json_object_get(document, "components"), "schemas"),
                           name);
}

static json_t *operation_of(const char *path, const char *verb)
{
    json_t *operation = json_object_get(
        json_object_get(json_object_get(document, "paths"), path), verb);

    assert_non_null(operation);
    return operation;
}

/* The parameter as "query required", or NULL. */
static const char *place_of_parameter(json_t *operation, const char *name)
{
    json_t *parameters = json_object_get(operation, "parameters"), *parameter;
    size_t i;

    json_array_foreach(parameters, i, parameter)
        if (strcmp(json_string_value(json_object_get(parameter, "name")), name) == 0)
            return json_string_value(json_object_get(parameter, "in"));
    return NULL;
}

static json_t *body_of(json_t *operation)
{
    json_t *content = json_object_get(json_object_get(operation, "requestBody"), "content");

    return json_object_get(json_object_get(content, "application/json"), "schema");
}

static void fields_stand_where_the_route_says(void **state)
{
    json_t *patch = operation_of("/api/apps/{appId}", "patch");
    json_t *list = operation_of("/api/apps", "get");
    json_t *logs = operation_of("/api/apps/{appId}/logs", "get");

    (void) state;
    assert_string_equal(place_of_parameter(patch, "appId"), "path");
    assert_string_equal(place_of_parameter(patch, "If-Match"), "header");
    assert_null(place_of_parameter(patch, "prompt"));
    assert_non_null(json_object_get(json_object_get(body_of(patch), "properties"), "prompt"));
    assert_null(json_object_get(json_object_get(body_of(patch), "properties"), "appId"));
    assert_null(json_object_get(json_object_get(body_of(patch), "properties"), "ifMatch"));
    assert_string_equal(place_of_parameter(list, "limit"), "query");
    assert_null(place_of_parameter(list, "cursor"));        /* not in this route's query */
    assert_null(body_of(list));
    assert_string_equal(place_of_parameter(logs, "tail"), "query");
    assert_string_equal(place_of_parameter(logs, "follow"), "query");
    assert_string_equal(json_string_value(json_object_get(logs, "summary")), "Read \"logs\"");
    assert_null(body_of(operation_of("/api/apps/{appId}/stop", "post")));
    assert_string_equal(place_of_parameter(operation_of("/api/apps/generate", "post"),
                                           "Idempotency-Key"), "header");
}

static void answers_have_their_status_and_shape(void **state)
{
    json_t *responses = json_object_get(operation_of("/api/apps/{appId}", "delete"), "responses");

    (void) state;
    assert_non_null(json_object_get(responses, "204"));
    assert_null(json_object_get(json_object_get(responses, "204"), "content"));
    assert_non_null(json_object_get(responses, "default"));
    responses = json_object_get(operation_of("/api/apps/generate", "post"), "responses");
    assert_non_null(json_object_get(json_object_get(responses, "201"), "content"));
    assert_non_null(operation_of("/api/health", "get"));
}

static void only_what_is_used_is_described(void **state)
{
    (void) state;
    assert_non_null(schema_of("problem"));
    assert_non_null(schema_of("violation"));
    assert_non_null(schema_of("app"));
    assert_non_null(schema_of("app_code"));         /* through app */
    assert_null(schema_of("begin_request"));        /* internal */
    assert_null(schema_of("nothing"));
    assert_true(message_count < 256);               /* MESSAGES_MAX of openapi.c */
}

static void rows_become_their_keywords(void **state)
{
    json_t *properties = json_object_get(schema_of("app"), "properties");
    json_t *files = json_object_get(json_object_get(schema_of("app_code"), "properties"), "files");
    json_t *limit = json_object_get(json_array_get(json_object_get(
        operation_of("/api/apps", "get"), "parameters"), 0), "schema");

    (void) state;
    assert_int_equal(json_integer_value(json_object_get(limit, "maximum")), 100);
    assert_int_equal(json_integer_value(json_object_get(limit, "default")), 10);
    assert_string_equal(json_string_value(json_object_get(json_object_get(properties, "createdAt"),
                                                          "format")), "date-time");
    json_t *statuses = json_object_get(json_object_get(properties, "status"), "enum");
    assert_int_equal(json_array_size(statuses), app_status_count - 1);
    assert_int_equal(json_integer_value(json_object_get(files, "maxProperties")), FILES_MAX);
    assert_null(json_object_get(json_object_get(properties, "createdAt"), "default"));
}

/* Every $ref leads somewhere; walked with a stack, no deeper than the document. */
static void every_reference_leads_somewhere(void **state)
{
    static json_t *stack[VALUES_MAX];
    size_t depth = 0, found = 0, i;
    const char *key;
    json_t *value;

    (void) state;
    stack[depth++] = document;
    while (depth > 0) {
        json_t *here = stack[--depth];
        json_array_foreach(here, i, value)
            stack[depth++] = value;
        json_object_foreach(here, key, value) {
            assert_true(depth < VALUES_MAX);
            stack[depth++] = value;
            if (strcmp(key, "$ref") == 0) {
                assert_non_null(schema_of(strrchr(json_string_value(value), '/') + 1));
                found++;
            }
        }
    }
    assert_true(found > 10);
}

static void every_message_can_be_printed(void **state)
{
    char *octets = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&octets, &size);

    (void) state;
    fputc('{', out);
    for (size_t i = 0; i < message_count; i++) {
        fprintf(out, "%s\n\"%s\":", i > 0 ? "," : "", messages[i]->name);
        openapi_print_message(out, messages[i], NULL);
    }
    fputs("\n}\n", out);
    (void) fclose(out);
    json_t *all = json_loadb(octets, size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(all);
    assert_int_equal(json_object_size(all), message_count);
    json_decref(all);
    free(octets);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_stand_where_the_route_says),
        cmocka_unit_test(answers_have_their_status_and_shape),
        cmocka_unit_test(only_what_is_used_is_described),
        cmocka_unit_test(rows_become_their_keywords),
        cmocka_unit_test(every_reference_leads_somewhere),
        cmocka_unit_test(every_message_can_be_printed),
    };

    return cmocka_run_group_tests_name("openapi", tests, print_and_parse, forget);
}
