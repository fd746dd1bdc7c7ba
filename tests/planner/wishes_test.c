/* wishes_test.c - what sentences ask for: a table of what people say and what was meant. */
#include "tests/planner/library_of_test.h"

#include "actors/planner/title.h"
#include "actors/planner/wishes.h"

static const struct { const char *prompt, *features, *title, *left_out; } sentences[] = {
    /* One wish. */
    {"add dark mode", "dark-mode", NULL, NULL},
    {"Please add a dark theme!", "dark-mode", NULL, NULL},
    {"make it dark", "dark-mode", NULL, NULL},
    {"Make the app dark.", "dark-mode", NULL, NULL},
    {"dark mode", "dark-mode", NULL, NULL},
    {"dark mode please", "dark-mode", NULL, NULL},
    {"Could you switch to dark mode?", "dark-mode", NULL, NULL},
    {"I would like a night mode", "dark-mode", NULL, NULL},
    {"change the theme to dark", "dark-mode", NULL, NULL},
    {"Use a dark color scheme", "dark-mode", NULL, NULL},
    {"enable dark-mode", "dark-mode", NULL, NULL},
    {"ADD DARK MODE", "dark-mode", NULL, NULL},
    {"add search", "search", NULL, NULL},
    {"Add a search box", "search", NULL, NULL},
    {"search", "search", NULL, NULL},
    {"I want to be able to search", "search", NULL, NULL},
    {"let me search the rows", "search", NULL, NULL},
    {"make the list searchable", "search", NULL, NULL},
    {"it needs a search bar", "search", NULL, NULL},
    {"add sorting", "sorting", NULL, NULL},
    {"Add sorting by name", "sorting", NULL, NULL},
    {"make the columns sortable", "sorting", NULL, NULL},
    {"sort the list by date", "sorting", NULL, NULL},
    {"Let users sort the table", "sorting", NULL, NULL},
    {"add the ability to sort", "sorting", NULL, NULL},
    {"the list should be searchable", "search", NULL, NULL},
    {"Add a search feature so that I can find rows", "search", NULL, NULL},
    {"sortable columns", "sorting", NULL, NULL},
    {"add a dark/light mode toggle", "dark-mode", NULL, NULL},
    /* Several. */
    {"add dark mode, don't forget search", "dark-mode search", NULL, NULL},
    {"Change the heading to Sales 2024 and the theme to dark", "dark-mode", "Sales 2024", NULL},
    {"add dark mode and search", "dark-mode search", NULL, NULL},
    {"Add search, sorting and dark mode", "search sorting dark-mode", NULL, NULL},
    {"add sorting and a search box", "sorting search", NULL, NULL},
    {"Please add: dark mode, search", "dark-mode search", NULL, NULL},
    {"add search and sort", "search sorting", NULL, NULL},
    {"add dark mode. Also add sorting.", "dark-mode sorting", NULL, NULL},
    {"add dark mode and change the title to Foo", "dark-mode", "Foo", NULL},
    {"Change the title to Foo and add dark mode", "dark-mode", "Foo", NULL},
    {"Change the title to Foo Bar, add search and make it dark", "search dark-mode", "Foo Bar",
     NULL},
    {"Rename it to Foo. Then add sorting.", "sorting", "Foo", NULL},
    {"call it \"Foo\" and add search", "search", "Foo", NULL},
    {"change the title to Yahoo! and add search", "search", "Yahoo!", NULL},
    /* Titles: nothing but the title is the title (C15). */
    {"Change the title to Foo Bar", "", "Foo Bar", NULL},
    {"Change the title to Foo Bar.", "", "Foo Bar", NULL},
    {"change the title to \"Foo Bar\"", "", "Foo Bar", NULL},
    {"change the title to 'Foo Bar'.", "", "Foo Bar", NULL},
    {"change the title to \u201cFoo Bar\u201d", "", "Foo Bar", NULL},
    {"change title to: Foo Bar", "", "Foo Bar", NULL},
    {"set title to X", "", "X", NULL},
    {"Set the title to \"Say \\o/\"", "", "Say \\o/", NULL},
    {"rename it to X", "", "X", NULL},
    {"Rename the app to My Books", "", "My Books", NULL},
    {"call it \"X\"", "", "X", NULL},
    {"Call the app Tom's List", "", "Tom's List", NULL},
    {"call it 'Tom's List'", "", "Tom's List", NULL},
    {"please change the name of the app to Foo", "", "Foo", NULL},
    {"Can you change the title to Foo Bar?", "", "Foo Bar", NULL},
    {"Change the title to What now?", "", "What now?", NULL},
    {"change the title to Foo Bar please", "", "Foo Bar", NULL},
    {"Change the title to Foo, thanks", "", "Foo", NULL},
    {"Change the title from Old Name to New Name", "", "New Name", NULL},
    {"change the title from \"Road to Rome\" to \"Home\"", "", "Home", NULL},
    {"The title should be Foo Bar", "", "Foo Bar", NULL},
    {"Title: Foo Bar", "", "Foo Bar", NULL},
    {"make the title \"Foo\"", "", "Foo", NULL},
    {"Change the title to Salt and Pepper", "", "Salt and Pepper", NULL},
    {"Change the title to Me and You", "", "Me and You", NULL},
    {"Change the title to Add, Sort, Search", "", "Add, Sort, Search", NULL},
    {"Change the title to The Search and Sort Everything", "", "The Search and Sort Everything",
     NULL},
    {"Make the title say Foo Bar", "", "Foo Bar", NULL},
    {"give the app a new name: Foo", "", "Foo", NULL},
    {"Change the title to Dark Mode Notes", "", "Dark Mode Notes", NULL},
    {"Change the title to Mr. Robot", "", "Mr. Robot", NULL},
    {"Change the title to U.S.A.", "", "U.S.A.", NULL},
    {"Change the title to Wait...", "", "Wait...", NULL},
    {"Change the title to to Foo", "", "to Foo", NULL},
    {"change the title to \u00dcbersicht \U0001F680", "", "\u00dcbersicht \U0001F680", NULL},
    {"Change the title to <script>alert(1)</script>", "", "<script>alert(1)</script>", NULL},
    {"Change the title to Foo\nand thank you", "", "Foo", NULL},
    {"Change the title to  Foo \t Bar ", "", "Foo Bar", NULL},
    {"change the title to \"Foo", "", "Foo", NULL},
    /* Not understood, or the contrary. */
    {"remove dark mode", "", NULL, "remove dark mode"},
    {"don't add search", "", NULL, "don't add search"},
    {"remove dark mode and search", "", NULL, "remove dark mode"},
    {"remove dark mode and add search", "search", NULL, "remove dark mode"},
    {"add search without sorting", "search", NULL, "without sorting"},
    {"add dark mode but no search", "dark-mode", NULL, "no search"},
    {"turn off dark mode", "", NULL, "turn off dark mode"},
    {"Do not change the title to Foo", "", NULL, "Do not change the title to Foo"},
    {"make the search box bigger", "", NULL, "make the search box bigger"},
    {"Make the title bold", "", NULL, "Make the title bold"},
    {"the title should be bold", "", NULL, "the title should be bold"},
    {"Change the title color to red", "", NULL, "Change the title color to red"},
    {"rename the column price to cost", "", NULL, "rename the column price to cost"},
    {"add a login page", "", NULL, "add a login page"},
    {"add research notes", "", NULL, "add research notes"},
    {"add dark mode and make the buttons fly", "dark-mode", NULL, "make the buttons fly"},
    {"please", "", NULL, NULL},
    {"change the title to", "", NULL, "change the title to"},
    {"change the title to \"\"", "", NULL, "change the title to"},
    {"!!!", "", NULL, NULL},
};

static struct text features_of(const struct wishes *wishes)
{
    struct text all = TEXT_OF("");

    for (size_t i = 0; i < wishes->features.count; i++)
        all = arena_print(arena, "%.*s%s%s", TEXT_ARGS(all), i > 0 ? " " : "",
                          feature_directory(wishes->features.at[i]));
    return all;
}

static int failures;

/* Goes on after a failure, so that one run shows all of them. */
static void expect(const char *prompt, const char *what, struct text got, const char *expected)
{
    if (expected ? text_is(got, expected) : !got.at)
        return;
    failures++;
    print_error("'%s': %s is '%.*s', not '%s'\n", prompt, what, TEXT_ARGS(got),
                expected ? expected : "(none)");
}

static void test_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        struct wishes wishes = wishes_read(text_from(sentences[i].prompt), arena);
        expect(sentences[i].prompt, "features", features_of(&wishes), sentences[i].features);
        expect(sentences[i].prompt, "title", wishes.title, sentences[i].title);
        expect(sentences[i].prompt, "left out", wishes.left_out, sentences[i].left_out);
    }
    assert_int_equal(failures, 0);
}

static void test_a_title_is_cut_on_a_character(void **state)
{
    char prompt[2000] = "change the title to ";

    (void)state;
    for (int i = 0; i < 250; i++)
        strcat(prompt, "\U0001F680");
    struct wishes wishes = wishes_read(text_from(prompt), arena);
    assert_int_equal(text_code_points(wishes.title), TITLE_CHARACTERS_MAX);
}

/* Names in sentences that ask for a new app, and names made from them. */
static const struct { const char *prompt, *named, *made; } prompts[] = {
    {"Create a recipe book app", NULL, "Recipe Book"},
    {"Create a CSV viewer app", NULL, "CSV Viewer"},
    {"Please build me a simple plant care tracker", NULL, "Plant Care Tracker"},
    {"I want an app for tracking birds", NULL, "Tracking Birds"},
    {"birthday list for my kids with reminders", NULL, "Birthday List"},
    {"make a list of books and films", NULL, "List of Books and Films"},
    {"app", NULL, NULL},
    {"!!!", NULL, NULL},
    {"Create an app called Foo Bar", "Foo Bar", NULL},
    {"Create an app called Foo Bar that shows things", "Foo Bar", NULL},
    {"Create an app named \"Foo and Bar with Baz\" with search", "Foo and Bar with Baz", NULL},
    {"a todo app titled Bread and Butter, with dark mode", "Bread and Butter", NULL},
    {"a todo app called budget buddy for my family", "budget buddy", NULL},
    {"Create an app called Working With Wood.", "Working With Wood", NULL},
    {"an app with the title Moon Base", "Moon Base", NULL},
    {"an app with the name and picture of each dish", NULL, NULL},
    {"Create a \"Team Budget\" dashboard", "Team Budget", NULL},
    {"a form with a button \"Save all\"", NULL, NULL},
    {"an app called '<b>'", "<b>", NULL},
};

static void test_titles_of_new_apps(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
        struct words words = words_split(text_from(prompts[i].prompt), arena);
        expect(prompts[i].prompt, "named", title_named(&words, arena), prompts[i].named);
        if (!prompts[i].named)
            if (prompts[i].made || i < 8)
                expect(prompts[i].prompt, "made", title_made(&words, arena), prompts[i].made);
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sentences),
        TEST(a_title_is_cut_on_a_character),
        TEST(titles_of_new_apps),
    };
    return cmocka_run_group_tests_name("planner_wishes", tests, NULL, NULL);
}
