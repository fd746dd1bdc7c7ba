/* plan_test.c - a sentence becomes the right app, whole, with its title safe in every place. */
#include "tests/planner/library_of_test.h"

#include <jansson.h>

#include "actors/planner/escape.h"
#include "actors/planner/title.h"
#include "tests/planner/node_check.h"

static const struct { const char *prompt, *template, *name; } prompts[] = {
    {"Create a CSV viewer app", "csv-viewer", "CSV Viewer"},
    {"create a csv viewer", "csv-viewer", "CSV Viewer"},
    {"I need to look at spreadsheets: open CSV files", "csv-viewer", "CSV Viewer"},
    {"Create a to-do list app", "todo-list", "To-Do List"},
    {"make me a todo app", "todo-list", "To-Do List"},
    {"a checklist called Packing", "todo-list", "Packing"},
    {"Create a Markdown editor", "markdown-editor", "Markdown Editor"},
    {"Build a dashboard with charts for my sales", "dashboard", "Dashboard"},
    {"Create a recipe book app", "generic", "Recipe Book"},
    {"something", "generic", "Something"},
    {"todonts and researchers", "generic", "Todonts and Researchers"},
    {"\u8cb7\u3044\u7269", "generic", "\u8cb7\u3044\u7269"},
    {"?!", "generic", "My Records"},
};

static void test_the_template_fits_the_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
        struct plan_reply reply = plan_of(prompts[i].prompt);
        if (!text_is(reply.template, prompts[i].template) || !text_is(reply.name, prompts[i].name))
            fail_msg("'%s': %.*s, '%.*s'", prompts[i].prompt, TEXT_ARGS(reply.template),
                     TEXT_ARGS(reply.name));
    }
}

/* Prompts that choose each template, without asking for more. */
static const struct { const char *template, *prompt; } each[] = {
    {"csv-viewer", "Create a CSV viewer app"},
    {"todo-list", "Create a to-do list app"},
    {"markdown-editor", "Create a Markdown editor"},
    {"dashboard", "Create a dashboard"},
    {"generic", "Create a recipe book app"},
};
enum { EACH = sizeof each / sizeof *each };

static void test_every_template_is_tried_here(void **state)
{
    (void)state;
    assert_int_equal(library->count, EACH);
    for (size_t i = 0; i < EACH; i++)
        assert_true(text_is(plan_of(each[i].prompt).template, each[i].template));
}

static void test_the_reply_keeps_its_contract(void **state)
{
    (void)state;
    for (size_t i = 0; i < EACH; i++) {
        struct plan_reply reply = plan_of(each[i].prompt);
        struct fault fault = {0};
        msgpack_sbuffer packed;
        msgpack_sbuffer_init(&packed);
        if (!message_encode(&plan_reply_message, &reply, &packed, &fault))
            fail_msg("%s: %s", each[i].template, fault.reason);
        msgpack_sbuffer_destroy(&packed);
        assert_true(text_is(reply.plan->framework, "node:http"));
        assert_true(reply.components.count > 0 && reply.plan->features.count > 0);
        assert_non_null(file_at(reply.code->files, "package.json"));
        assert_non_null(file_at(reply.code->files, "server.js"));
    }
}

static const char *const titles[] = {
    "Plain", "<script>alert(1)</script>", "\"double\" and 'single'", "</title><h1>x", "${1+1} `x`",
    "\U0001F680 \u00fc\u4e2d", "a\\b\\", "--><!-- x", "&amp; & &lt;", "{{title:html}}", "*/ /* //",
};

static bool plan_titled(const char *prompt, const char *title, struct plan_reply *reply,
                        struct fault *fault)
{
    struct plan_request request = {.prompt = text_from(prompt)};
    msgpack_sbuffer context;
    msgpack_packer packer;

    msgpack_sbuffer_init(&context);
    msgpack_packer_init(&packer, &context, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 2);
    msgpack_pack_str_with_body(&packer, "other", 5);
    msgpack_pack_nil(&packer);
    msgpack_pack_str_with_body(&packer, "title", 5);
    msgpack_pack_str_with_body(&packer, title, strlen(title));
    request.context = arena_text(arena, (struct text){context.data, context.size});
    msgpack_sbuffer_destroy(&context);
    memset(reply, 0, sizeof *reply);
    return planner_make_plan(library, &request, arena, reply, fault);
}

/* Every place of the title holds its escaped spelling, all else is the template's. */
static void check_places(const struct template *template, struct files files, const char *title)
{
    struct text html = escape_html(text_from(title), arena);
    struct text js = escape_js(text_from(title), arena);

    assert_int_equal(files.count, template->file_count);
    for (size_t i = 0; i < template->file_count; i++) {
        struct text from = template->files[i].content, got = files.at[i].content;
        while (from.size > 0) {
            struct text expected = {from.at, 1};
            size_t taken = 1;
            if (from.size >= 14 && memcmp(from.at, "{{title:html}}", 14) == 0)
                expected = html, taken = 14;
            else if (from.size >= 12 && memcmp(from.at, "{{title:js}}", 12) == 0)
                expected = js, taken = 12;
            assert_true(got.size >= expected.size);
            assert_memory_equal(got.at, expected.at, expected.size);
            from = (struct text){from.at + taken, from.size - taken};
            got = (struct text){got.at + expected.size, got.size - expected.size};
        }
        assert_int_equal(got.size, 0);
    }
}

static void test_a_title_stays_a_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < EACH; i++)
        for (size_t k = 0; k < sizeof titles / sizeof *titles; k++) {
            struct plan_reply reply;
            struct fault fault = {0};
            assert_true(plan_titled(each[i].prompt, titles[k], &reply, &fault));
            assert_true(text_is(reply.name, titles[k]));
            check_places(library_find(library, reply.template), reply.code->files, titles[k]);
            struct text page = file_at(reply.code->files, "public/index.html")->content;
            assert_false(text_holds(page, "<script>alert(1)") || text_holds(page, "<script&gt;"));
            assert_false(text_holds(page, "</title><h1>") || text_holds(page, "</title&gt;"));
        }
}

static void test_escapes(void **state)
{
    (void)state;
    assert_true(text_is(escape_html(TEXT_OF("<a href='\"&"), arena),
                        "&lt;a href=&#39;&quot;&amp;"));
    assert_true(text_is(escape_js(TEXT_OF("a\"'`${</\\\n"), arena),
                        "a\\u0022\\u0027\\u0060\\u0024{\\u003c\\u002f\\u005c\\u000a"));
}

/* What escape_js() writes is one string literal with the same text, for JSON's reader too. */
static void test_a_js_string_says_the_same(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof titles / sizeof *titles; k++) {
        struct text literal = arena_print(arena, "[\"%.*s\"]",
                                          TEXT_ARGS(escape_js(text_from(titles[k]), arena)));
        json_t *array = json_loadb(literal.at, literal.size, 0, NULL);
        assert_non_null(array);
        assert_string_equal(json_string_value(json_array_get(array, 0)), titles[k]);
        json_decref(array);
    }
}

static void test_the_title_of_the_context(void **state)
{
    struct plan_reply reply;
    struct fault fault = {0};
    char long_title[600] = "";

    (void)state;
    assert_true(plan_titled("a todo app called Foo", "  Spring\tcleaning\n", &reply, &fault));
    assert_true(text_is(reply.name, "Spring cleaning"));
    assert_true(plan_titled("a todo app called Foo", "  ", &reply, &fault));
    assert_true(text_is(reply.name, "Foo"));
    memset(long_title, 'x', 500);
    assert_true(plan_titled("a todo app", long_title, &reply, &fault));
    assert_int_equal(reply.name.size, TITLE_CHARACTERS_MAX);
    struct plan_request request = {.prompt = TEXT_OF("x"), .context = TEXT_OF("\x81\xa5title\x05")};
    assert_false(planner_make_plan(library, &request, arena, &reply, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
}

static bool has_feature(struct plan_reply reply, const char *label)
{
    for (uint32_t i = 0; i < reply.plan->features.count; i++)
        if (text_is(reply.plan->features.at[i], label))
            return true;
    return false;
}

static void test_features_of_the_prompt_are_there_at_once(void **state)
{
    (void)state;
    struct plan_reply reply = plan_of("Create a to-do list with dark mode, search and sorting");
    assert_true(has_feature(reply, "dark mode") && has_feature(reply, "search") &&
                has_feature(reply, "sorting"));
    struct revise_reply again;
    struct fault fault;
    assert_true(revise(reply.code->files, "todo-list", "add dark mode, search and sorting", &again,
                       &fault));
    assert_int_equal(again.changes.count, 0);
    assert_false(has_feature(plan_of("a to-do list without search"), "search"));
    assert_true(has_feature(plan_of("a dark mode CSV viewer with search"), "dark mode"));
}

static void test_node_takes_every_script(void **state)
{
    (void)state;
    if (!node_is_there())
        skip();
    for (size_t i = 0; i < EACH; i++) {
        struct plan_reply reply;
        struct fault fault = {0};
        assert_true(plan_titled(each[i].prompt, titles[2], &reply, &fault));
        node_check(reply.code->files);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_template_fits_the_sentence),
        TEST(every_template_is_tried_here),
        TEST(the_reply_keeps_its_contract),
        TEST(a_title_stays_a_text),
        TEST(escapes),
        TEST(a_js_string_says_the_same),
        TEST(the_title_of_the_context),
        TEST(features_of_the_prompt_are_there_at_once),
        TEST(node_takes_every_script),
    };
    return cmocka_run_group_tests_name("planner_plan", tests, library_setup, library_teardown);
}
