/* property_test.c - whatever is said about whatever files, the planner's promises hold.
 *
 * Method: sentences and files put together at random from pieces with a meaning, from a fixed
 * seed; every change must keep its contract, touch only files that were given, keep the slots, and
 * change nothing when asked again.
 */
#include "tests/planner/library_of_test.h"

#include <stdio.h>

#include "actors/planner/slots.h"

enum { ROUNDS = 3000, PIECES_MAX = 12 };

static uint64_t seed = 88172645463325252u;

static uint32_t pick(uint32_t below)        /* xorshift64 */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % below;
}

static const char *const words[] = {
    "add", "dark", "mode", "search", "sorting", "change", "the", "title", "to", "and", ",", ".",
    "rename", "it", "Foo", "\"", "'", "\u201c", "\u201d", "remove", "not", "please", "make", "call",
    ":", "from", "\n", "<b>", "\U0001F680", "sort", "list", "without", "with", "but", "=", "?", "!",
    "named", "called",
    "csv", "todo", "an", "app", "\xc2\xa0", "\xe2\x80\xa8", "u.s.", "-", "/", "(", ")",
};
static const char *const pieces[] = {
    "/* slot:style */\n", "<!-- slot:actions -->\n", "<!-- slot:toolbar -->\r\n",
    "/* slot:script */",
    "<title>", "</title>", "<h1 id=\"app-title\">", "</h1>", "<script>", "</script>", "<!--", "-->",
    "x < y\n", "id=app-title ", "<div id='app-title'", ">", "/", "\"", "'", "<p>text</p>\n",
    "/* slot:style", "<!-- slot:body -->\n", "\n", "<title/>", "</", "<textarea>",
    " slot:script ", "\\",
};
#define COUNT_OF(array) (uint32_t)(sizeof(array) / sizeof *(array))

static struct text random_text(const char *const *from, uint32_t count, uint32_t pieces_max,
                               const char *between)
{
    struct text text = TEXT_OF("");

    for (uint32_t left = pick(pieces_max) + 1; left > 0; left--)
        text = arena_print(arena, "%.*s%s%s", TEXT_ARGS(text), from[pick(count)], between);
    return text;
}

static struct files random_files(void)
{
    static const char *const paths[] = {"public/index.html", "public/app.js", "public/style.css",
                                        "other.html", "server.js"};
    struct file *files = arena_take(arena, 5 * sizeof *files);
    uint32_t count = 0;

    for (uint32_t i = 0; i < 5; i++)
        if (pick(4) > 0)
            files[count++] = (struct file){
                .path = text_from(paths[i]),
                .content = random_text(pieces, COUNT_OF(pieces), 3 * PIECES_MAX, "")};
    return (struct files){files, count};
}

static void expect_kept(const struct message *message, const void *reply, struct text prompt)
{
    struct fault fault = {0};
    msgpack_sbuffer packed;

    msgpack_sbuffer_init(&packed);
    if (!message_encode(message, reply, &packed, &fault))
        fail_msg("'%.*s': %s", TEXT_ARGS(prompt), fault.reason);
    msgpack_sbuffer_destroy(&packed);
}

static const struct file *with_path(struct files files, struct text path)
{
    for (uint32_t i = 0; i < files.count; i++)
        if (text_equals(files.at[i].path, path))
            return &files.at[i];
    return NULL;
}

static void check_revision(struct files files, struct text prompt)
{
    static const char *const templates[] = {"todo-list", "csv-viewer", "dashboard", "unknown",
                                            NULL};
    const char *template = templates[pick(COUNT_OF(templates))];
    struct revise_reply reply, again;
    struct fault fault;

    if (!revise(files, template, prompt.at, &reply, &fault)) {
        assert_true(fault.kind == FAULT_malformed || fault.kind == FAULT_conflict);
        return;
    }
    expect_kept(&revise_reply_message, &reply, prompt);
    struct file *after = arena_take(arena, (files.count + 1) * sizeof *after);
    for (uint32_t i = 0; i < files.count; i++) {
        const struct file *change = with_path(reply.changes, files.at[i].path);
        after[i] = change ? *change : files.at[i];
    }
    for (uint32_t i = 0; i < reply.changes.count; i++)
        assert_non_null(with_path(files, reply.changes.at[i].path));
    if (revise((struct files){after, files.count}, template, prompt.at, &again, &fault) &&
        again.changes.count > 0)
        fail_msg("'%.*s' changes something twice", TEXT_ARGS(prompt));
}

static void test_random_changes(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        arena = arena_new(1 << 26);
        check_revision(random_files(), random_text(words, COUNT_OF(words), PIECES_MAX, " "));
        arena_free(arena);
    }
    arena = NULL;
}

static void test_random_apps(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        arena = arena_new(1 << 26);
        struct text prompt = random_text(words, COUNT_OF(words), PIECES_MAX,
                                         pick(3) > 0 ? " " : "");
        struct plan_reply reply = plan_of(prompt.at);
        if (i % 10 == 0)
            expect_kept(&plan_reply_message, &reply, prompt);
        assert_true(reply.name.size > 0 && text_code_points(reply.name) <= 200);
        for (uint32_t k = 0; k < reply.code->files.count; k++)
            assert_false(text_holds(reply.code->files.at[k].content, "{{title:"));
        arena_free(arena);
    }
    arena = NULL;
}

/* Random octets are no prompt that the schema lets in, but must do no harm. */
static void test_random_octets(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char noise[64];
        arena = arena_new(1 << 26);
        uint32_t size = pick(sizeof noise);
        for (uint32_t k = 0; k < size; k++)
            noise[k] = (char)pick(256);
        char *prompt = arena_copy(arena, noise, size);
        struct revise_request request = {.prompt = {prompt, size}, .files = random_files()};
        struct revise_reply reply = {.name = {0}};
        struct fault fault = {0};
        planner_make_revision(library, &request, arena, &reply, &fault);
        arena_free(arena);
    }
    arena = NULL;
}

static void test_a_long_prompt_takes_no_long_time(void **state)
{
    char *prompt = arena_take(arena, 20001);
    struct revise_reply reply;
    struct fault fault;

    (void)state;
    for (size_t i = 0; i + 4 < 20000; i += 4)
        memcpy(prompt + i, "and ", 4);
    memcpy(prompt, "change the title to ", 20);
    revise(files_of("Create a to-do list app"), NULL, prompt, &reply, &fault);
    for (size_t i = 0; i < 20000; i++)
        prompt[i] = "a,"[i % 2];
    revise(files_of("Create a to-do list app"), NULL, prompt, &reply, &fault);
    plan_of(prompt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_changes),
        cmocka_unit_test(test_random_apps),
        cmocka_unit_test(test_random_octets),
        TEST(a_long_prompt_takes_no_long_time),
    };
    return cmocka_run_group_tests_name("planner_property", tests, library_setup, library_teardown);
}
