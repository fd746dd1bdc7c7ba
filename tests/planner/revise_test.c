/* revise_test.c - what a sentence changes, and that it changes nothing else.
 *
 * Method: make every template's app, change it, take what was put in out again: what is left must
 * be the app as it was, octet for octet.
 */
#include "tests/planner/library_of_test.h"

#include "actors/planner/slots.h"
#include "tests/planner/node_check.h"

static const char *const prompts[] = {
    "Create a CSV viewer app", "Create a to-do list app", "Create a Markdown editor",
    "Create a dashboard", "Create a recipe book app",
};
enum { APPS = sizeof prompts / sizeof *prompts };

static const char *const asks[FEATURES] = {
    [FEATURE_dark_mode] = "add dark mode",
    [FEATURE_search] = "add search",
    [FEATURE_sorting] = "add sorting",
};

static bool can_add(const struct template *template, int feature)
{
    return template->can[feature].snippet_count > 0;
}

static void expect_same(struct files got, struct files expected)
{
    assert_int_equal(got.count, expected.count);
    for (uint32_t i = 0; i < got.count; i++) {
        assert_true(text_equals(got.at[i].path, expected.at[i].path));
        if (!text_equals(got.at[i].content, expected.at[i].content))
            fail_msg("%.*s differs", TEXT_ARGS(got.at[i].path));
    }
}

/* Take a feature's snippets out of the files again. */
static struct files taken_out(struct files files, const struct template *template, int feature)
{
    const struct template_feature *can = &template->can[feature];

    for (size_t i = 0; i < can->snippet_count; i++)
        for (uint32_t k = 0; k < files.count; k++)
            if (memmem(files.at[k].content.at, files.at[k].content.size,
                       can->snippets[i].content.at, can->snippets[i].content.size))
                files = with_change(files, arena_text(arena, files.at[k].path).at,
                                    text_without(files.at[k].content, can->snippets[i].content));
    return files;
}

static void test_a_feature_adds_its_snippets_and_nothing_else(void **state)
{
    (void)state;
    for (int i = 0; i < APPS; i++) {
        struct plan_reply plan = plan_of(prompts[i]);
        const struct template *template = library_find(library, plan.template);
        for (int feature = 0; feature < FEATURES; feature++) {
            if (!can_add(template, feature))
                continue;
            struct files after = revised(plan.code->files, asks[feature]);
            for (size_t k = 0; k < template->can[feature].snippet_count; k++) {
                const struct snippet *snippet = &template->can[feature].snippets[k];
                size_t begin, places = 0;
                for (uint32_t f = 0; f < after.count; f++) {
                    struct text content = after.at[f].content;
                    if (!slot_find(content, snippet->slot, &begin))
                        continue;
                    places++;
                    assert_true(begin >= snippet->content.size);
                    assert_memory_equal(content.at + begin - snippet->content.size,
                                        snippet->content.at, snippet->content.size);
                }
                assert_int_equal(places, 1);
            }
            expect_same(taken_out(after, template, feature), plan.code->files);
        }
    }
}

static void test_twice_is_as_once(void **state)
{
    (void)state;
    for (int i = 0; i < APPS; i++) {
        struct plan_reply plan = plan_of(prompts[i]);
        const struct template *template = library_find(library, plan.template);
        for (int feature = 0; feature < FEATURES; feature++) {
            struct revise_reply reply;
            struct fault fault;
            if (!can_add(template, feature) && !template->can[feature].is_built_in)
                continue;
            struct files once = revised(plan.code->files, asks[feature]);
            assert_true(revise(once, NULL, asks[feature], &reply, &fault));
            assert_int_equal(reply.changes.count, 0);
            assert_int_equal(reply.done.count, 1);
            assert_true(text_holds(reply.done.at[0], "already"));
        }
    }
}

/* All features and a title, in every order: the same features, each once, and nothing else. */
static void test_the_order_of_changes(void **state)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (int i = 0; i < APPS; i++) {
        struct plan_reply plan = plan_of(prompts[i]);
        const struct template *template = library_find(library, plan.template);
        struct files titled = revised(plan.code->files, "change the title to \"A <b> & 'c'\"");
        for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
            struct files files = plan.code->files;
            for (int k = 0; k < 3; k++) {
                if (can_add(template, orders[o][k]))
                    files = revised(files, asks[orders[o][k]]);
                if (k == 1)
                    files = revised(files, "change the title to \"A <b> & 'c'\"");
            }
            for (int feature = 0; feature < FEATURES; feature++)
                files = taken_out(files, template, feature);
            expect_same(files, titled);
        }
    }
}

static void test_several_wishes_of_one_sentence(void **state)
{
    struct revise_reply reply;
    struct fault fault;

    (void)state;
    struct files files = files_of("Create a to-do list app");
    assert_true(revise(files, "todo-list", "add dark mode and change the title to Foo", &reply,
                       &fault));
    assert_true(text_is(reply.name, "Foo"));
    assert_int_equal(reply.done.count, 2);
    assert_true(text_is(reply.done.at[0], "Added dark mode."));
    assert_true(text_is(reply.done.at[1], "Changed the title to \"Foo\"."));
    struct files one = revised(files, "add dark mode and change the title to Foo");
    expect_same(revised(revised(files, "make it dark"), "rename it to Foo"), one);
}

/* C15, and what else is in the page stays. */
static void test_a_title_change(void **state)
{
    struct revise_reply reply;
    struct fault fault;

    (void)state;
    for (int i = 0; i < APPS; i++) {
        struct files files = files_of(prompts[i]);
        assert_true(revise(files, NULL, "Change the title to Foo Bar", &reply, &fault));
        assert_true(text_is(reply.name, "Foo Bar"));
        assert_int_equal(reply.changes.count, 1);
        assert_true(text_is(reply.changes.at[0].path, "public/index.html"));
        assert_true(text_holds(reply.changes.at[0].content, "<title>Foo Bar</title>"));
        assert_true(text_holds(reply.changes.at[0].content, "id=\"app-title\">Foo Bar</h1>"));
        struct files other = revised(files, "Change the title to Foo Bar");
        struct text before = file_at(files, "public/index.html")->content;
        struct plan_reply plan = plan_of(prompts[i]);
        struct text back = arena_print(arena, "change the title to \"%.*s\"", TEXT_ARGS(plan.name));
        assert_true(text_equals(file_at(revised(other, back.at), "public/index.html")->content,
                                before));
    }
}

static void test_titles_are_escaped(void **state)
{
    (void)state;
    struct files files = revised(files_of("Create a to-do list app"),
                                 "change the title to </title><script>alert('x')</script> & \"y\"");
    struct text page = file_at(files, "public/index.html")->content;
    static const char escaped[] = "&lt;/title&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; "
                                  "&amp; &quot;y&quot;<";
    assert_true(text_holds(page, escaped));
    assert_false(text_holds(page, "<script>alert"));
    struct files plain = revised(files, "change the title to Plain ${x} \U0001F680");
    assert_true(text_holds(file_at(plain, "public/index.html")->content,
                           "<title>Plain ${x} \U0001F680</title>"));
}

static void test_a_page_edited_by_hand(void **state)
{
    static const char page[] =
        "<HTML>\r\n<!-- <title>not this</title> -->\r\n<Title>\n old &amp; new </Title>\r\n"
        "<script>document.title = '<title>no</title>';</script>\r\n"
        "<DIV class='a' id='app-title'><i>Old</i><div>er</div></DIV><title>second</title>";
    static const char expected[] =
        "<HTML>\r\n<!-- <title>not this</title> -->\r\n<Title>New</Title>\r\n"
        "<script>document.title = '<title>no</title>';</script>\r\n"
        "<DIV class='a' id='app-title'>New</DIV><title>second</title>";
    const struct file files[] = {{.path = TEXT_OF("a/page.html"), .content = TEXT_OF(page)},
                                 {.path = TEXT_OF("b.js"), .content = TEXT_OF("'<title>'")},
                                 {.path = TEXT_OF("c.html"), .content = TEXT_OF("<p>no title")}};
    struct revise_reply reply;
    struct fault fault;

    (void)state;
    assert_true(revise((struct files){files, 3}, NULL, "rename it to New", &reply, &fault));
    assert_int_equal(reply.changes.count, 1);
    assert_true(text_is(reply.changes.at[0].content, expected));
}

/* C14: the app stays the app, whatever was done to its files by hand. */
static void test_an_edited_app_stays_itself(void **state)
{
    (void)state;
    struct files files = files_of("Create a CSV viewer app");
    struct text app = file_at(files, "public/app.js")->content;
    struct text edited = arena_print(arena, "/* mine */\n%.*s\n/* mine too */\n", TEXT_ARGS(app));
    files = with_change(files, "public/app.js", edited);
    struct files after = revised(files, "Add sorting");
    const struct template *template = library_find(library, TEXT_OF("csv-viewer"));
    expect_same(taken_out(after, template, FEATURE_sorting), files);
    assert_true(text_holds(file_at(after, "public/app.js")->content, "/* mine */"));
    assert_true(text_holds(file_at(after, "public/app.js")->content, "/* mine too */"));
}

/* A feature whose code was edited by hand is not put in a second time; a part that was taken out by
 * hand comes back alone. */
static void test_an_edited_feature_is_known(void **state)
{
    struct revise_reply reply;
    struct fault fault;

    (void)state;
    struct files before = files_of("Create a to-do list app");
    struct files files = revised(before, "add dark mode");
    struct text style = file_at(files, "public/style.css")->content;
    char *css = arena_copy(arena, style.at, style.size);
    memcpy(strstr(css, "#10141c"), "#000000", 7);
    files = with_change(files, "public/style.css", text_from(css));
    assert_true(revise(files, "todo-list", "add dark mode", &reply, &fault));
    assert_int_equal(reply.changes.count, 0);
    files = with_change(files, "public/index.html", file_at(before, "public/index.html")->content);
    assert_true(revise(files, "todo-list", "add dark mode", &reply, &fault));
    assert_int_equal(reply.changes.count, 1);
    assert_true(text_is(reply.changes.at[0].path, "public/index.html"));
}

static void expect_refused(struct files files, const char *template, const char *prompt,
                           enum fault_kind kind, const char *reason)
{
    struct revise_reply reply;
    struct fault fault;

    assert_false(revise(files, template, prompt, &reply, &fault));
    if (fault.kind != kind || !strstr(fault.reason, reason))
        fail_msg("'%s': %s: %s", prompt, fault_name(fault.kind), fault.reason);
}

static void test_refusals(void **state)
{
    const struct file lone = {.path = TEXT_OF("server.js"), .content = TEXT_OF("1")};

    (void)state;
    struct files files = files_of("Create a to-do list app"), foreign = {&lone, 1};
    expect_refused(files, "todo-list", "make it fly", FAULT_malformed,
                   "Cannot do that yet; ask for: dark mode, a title change, search, sorting");
    expect_refused(files, "todo-list", "remove search", FAULT_malformed, "Cannot do that yet");
    expect_refused(foreign, NULL, "add search", FAULT_conflict, "did not grow");
    expect_refused(foreign, NULL, "rename it to Foo", FAULT_conflict, "<title>");
    expect_refused((struct files){0}, NULL, "add search", FAULT_conflict, "did not grow");
    struct files slotless = with_change(files, "public/app.js", TEXT_OF("/* all gone */\n"));
    expect_refused(slotless, "todo-list", "add search and rename it to Foo", FAULT_conflict,
                   "slot:script");
    struct text app = file_at(files, "public/app.js")->content;
    char *big = arena_take(arena, FILE_CONTENT_OCTETS_MAX);
    memset(big, '\n', FILE_CONTENT_OCTETS_MAX);
    memcpy(big, app.at, app.size);
    expect_refused(with_change(files, "public/app.js",
                               (struct text){big, FILE_CONTENT_OCTETS_MAX}),
                   "todo-list", "add dark mode", FAULT_too_large, "public/app.js");
}

static void test_what_was_not_understood_is_told(void **state)
{
    struct revise_reply reply;
    struct fault fault;

    (void)state;
    assert_true(revise(files_of("Create a to-do list app"), NULL,
                       "add dark mode and make the buttons fly", &reply, &fault));
    assert_int_equal(reply.done.count, 2);
    assert_true(text_holds(reply.done.at[1], "\"make the buttons fly\""));
}

static struct files those_that_differ(struct files files, struct files from)
{
    struct file *differing = arena_take(arena, (files.count + 1) * sizeof *differing);
    uint32_t count = 0;

    for (uint32_t i = 0; i < files.count; i++)
        if (!text_equals(files.at[i].content, from.at[i].content))
            differing[count++] = files.at[i];
    return (struct files){differing, count};
}

static void test_node_takes_every_feature_of_every_template(void **state)
{
    (void)state;
    if (!node_is_there())
        skip();
    for (int i = 0; i < APPS; i++) {
        struct plan_reply plan = plan_of(prompts[i]);
        const struct template *template = library_find(library, plan.template);
        struct files all = plan.code->files;
        for (int feature = 0; feature < FEATURES; feature++) {
            struct revise_reply reply;
            struct fault fault;
            if (!can_add(template, feature))
                continue;
            assert_true(revise(plan.code->files, NULL, asks[feature], &reply, &fault));
            node_check(reply.changes);
            all = revised(all, asks[feature]);
        }
        node_check(those_that_differ(all, plan.code->files));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_feature_adds_its_snippets_and_nothing_else),
        TEST(twice_is_as_once),
        TEST(the_order_of_changes),
        TEST(several_wishes_of_one_sentence),
        TEST(a_title_change),
        TEST(titles_are_escaped),
        TEST(a_page_edited_by_hand),
        TEST(an_edited_app_stays_itself),
        TEST(an_edited_feature_is_known),
        TEST(refusals),
        TEST(what_was_not_understood_is_told),
        TEST(node_takes_every_feature_of_every_template),
    };
    return cmocka_run_group_tests_name("planner_revise", tests, library_setup, library_teardown);
}
