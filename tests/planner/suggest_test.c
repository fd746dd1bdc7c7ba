/* suggest_test.c - actions lead to the right suggestions; a suggestion does what asking does. */
#include "tests/planner/library_of_test.h"

static void suggest(struct files files, const char *action, const char *target, struct text data,
                    struct infer_reply *reply)
{
    struct suggest_request request = {.action = text_from(action), .target = text_from(target),
                                      .data = data, .files = files};
    struct fault fault = {0};

    memset(reply, 0, sizeof *reply);
    if (!planner_make_suggestions(library, &request, arena, reply, &fault))
        fail_msg("%s: %s", action, fault.reason);
}

static const struct {
    const char *prompt, *action, *target, *data, *first;    /* first: title, or NULL for none */
} acts[] = {
    {"Create a to-do list app", "search", NULL, NULL, "Add search"},
    {"Create a to-do list app", "click", "search box", NULL, "Add search"},
    {"Create a to-do list app", "Find", "milk", NULL, "Add search"},
    {"Create a to-do list app", "upload", "file", "\x81\xa4rows\x15", "Add search"},
    {"Create a to-do list app", "upload", "file", "\x81\xa4rows\x14", NULL},
    {"Create a to-do list app", "upload", "file", "\x81\xa4rows\xa3" "100", NULL},
    {"Create a to-do list app", "upload", "file", "\x81\xa4rows\xff", NULL},
    {"Create a to-do list app", "sort", "table", NULL, "Add sorting"},
    {"Create a to-do list app", "click", "th.name", NULL, "Add sorting"},
    {"Create a CSV viewer app", "click", "table header", NULL, "Add sorting"},
    {"Create a CSV viewer app", "search", NULL, NULL, NULL},        /* it has a search */
    {"Create a to-do list app", "theme", NULL, NULL, "Add dark mode"},
    {"Create a to-do list app", "it is too bright", NULL, NULL, "Add dark mode"},
    {"Create a to-do list app", "click", "button", NULL, NULL},
    {"Create a to-do list app", "research", NULL, NULL, NULL},
    {"a to-do list with search", "search", NULL, NULL, NULL},
};

static void test_acts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        struct infer_reply reply;
        suggest(files_of(acts[i].prompt), acts[i].action, acts[i].target, text_from(acts[i].data),
                &reply);
        if (acts[i].first ? reply.suggestions.count == 0 ||
                                !text_is(reply.suggestions.at[0].title, acts[i].first)
                          : reply.suggestions.count > 0)
            fail_msg("'%s' on '%s': %u suggestions", acts[i].action,
                     acts[i].target ? acts[i].target : "", reply.suggestions.count);
        assert_true(reply.suggestions.count == 0
                        ? reply.confidence == 0
                        : reply.confidence == reply.suggestions.at[0].confidence);
        for (uint32_t k = 0; k < reply.suggestions.count; k++) {
            assert_true(reply.suggestions.at[k].changes.count > 0);
            assert_true(k == 0 || reply.suggestions.at[k].confidence <=
                                      reply.suggestions.at[k - 1].confidence);
        }
    }
}

static void test_a_suggestion_changes_what_asking_changes(void **state)
{
    struct infer_reply reply;
    struct revise_reply asked;
    struct fault fault;

    (void)state;
    struct files files = files_of("Create a to-do list app");
    suggest(files, "search", NULL, (struct text){0}, &reply);
    assert_true(revise(files, NULL, "add search", &asked, &fault));
    const struct files *changes = &reply.suggestions.at[0].changes;
    assert_int_equal(changes->count, asked.changes.count);
    for (uint32_t i = 0; i < changes->count; i++)
        assert_true(text_equals(changes->at[i].content, asked.changes.at[i].content));
}

static void test_files_of_no_template_get_no_suggestion(void **state)
{
    const struct file lone = {.path = TEXT_OF("server.js"), .content = TEXT_OF("1")};
    struct infer_reply reply;

    (void)state;
    suggest((struct files){&lone, 1}, "search", NULL, (struct text){0}, &reply);
    assert_int_equal(reply.suggestions.count, 0);
}

/* ---- infer: everything is free, and written by hand here ---- */

static bool infer(struct text action, struct text context, struct text history,
                  struct infer_reply *reply, struct violation_list *broken)
{
    struct infer_request request = {.action = action, .context = context, .history = history};
    struct fault fault = {0};

    memset(reply, 0, sizeof *reply);
    memset(broken, 0, sizeof *broken);
    bool inferred = planner_make_inference(library, &request, arena, reply, broken, &fault);
    if (!inferred)
        assert_int_equal(fault.kind, FAULT_malformed);
    return inferred;
}

#define PACKED(literal) TEXT_OF(literal)
static const struct text none;

static void test_infer_without_files(void **state)
{
    struct violation_list broken;
    struct infer_reply reply;

    (void)state;
    assert_true(infer(PACKED("\xa6search"), none, none, &reply, &broken));
    assert_int_equal(reply.suggestions.count, 1);
    assert_int_equal(reply.suggestions.at[0].changes.count, 0);
    assert_true(infer(PACKED("\x82\xa4type\xa5" "click\xa6target\xa2th"), none, none, &reply,
                      &broken));
    assert_true(text_is(reply.suggestions.at[0].title, "Add sorting"));
    assert_true(infer(PACKED("\xa6search"), PACKED("\x81\xa8template\xaa" "csv-viewer"), none,
                      &reply, &broken));
    assert_int_equal(reply.suggestions.count, 0);
    assert_true(infer(PACKED("\xa5hello"), none, none, &reply, &broken));
    assert_int_equal(reply.suggestions.count, 0);
    assert_true(reply.confidence == 0);
}

static void test_infer_with_history(void **state)
{
    struct violation_list broken;
    struct infer_reply before, after;

    (void)state;
    assert_true(infer(PACKED("\xa4sort"), none, none, &before, &broken));
    assert_true(infer(PACKED("\xa4sort"), none,
                      PACKED("\x94\xa4sort\x81\xa6" "action\xa4sort\x05\xc0"), &after, &broken));
    assert_true(after.confidence > before.confidence);
    assert_true(after.confidence <= 1.0);
}

static void test_infer_with_files(void **state)
{
    struct violation_list broken;
    struct infer_reply reply;
    struct fault fault = {0};
    msgpack_sbuffer packed;

    (void)state;
    struct infer_context context = {.files = files_of("Create a to-do list app")};
    msgpack_sbuffer_init(&packed);
    assert_true(message_encode(&infer_context_message, &context, &packed, &fault));
    assert_true(infer(PACKED("\xa6search"), (struct text){packed.data, packed.size}, none, &reply,
                      &broken));
    assert_int_equal(reply.suggestions.count, 1);
    assert_true(reply.suggestions.at[0].changes.count > 0);
    msgpack_sbuffer_destroy(&packed);
}

static void test_infer_names_what_is_broken(void **state)
{
    struct violation_list broken;
    struct infer_reply reply;

    (void)state;
    assert_false(infer(PACKED("\xa6search"), PACKED("\x81\xa5" "files\x81\xa4" "../x\xa1y"), none,
                       &reply, &broken));
    assert_true(broken.count > 0);
    assert_true(text_holds(broken.at[0].path, "context.files"));
    assert_false(infer(PACKED("\x81\xa6" "action\x05"), none, none, &reply, &broken));
    assert_true(text_is(broken.at[0].path, "action.action"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(acts),
        TEST(a_suggestion_changes_what_asking_changes),
        TEST(files_of_no_template_get_no_suggestion),
        TEST(infer_without_files),
        TEST(infer_with_history),
        TEST(infer_with_files),
        TEST(infer_names_what_is_broken),
    };
    return cmocka_run_group_tests_name("planner_suggest", tests, library_setup, library_teardown);
}
