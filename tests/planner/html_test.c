/* html_test.c - places are found in pages that people wrote, and nowhere else. */
#include "tests/planner/library_of_test.h"

#include "actors/planner/html.h"

static const struct { const char *page, *title, *by_id; } pages[] = {
    {"<title>a</title><h1 id=\"app-title\">b</h1>", "a", "b"},
    {"<TITLE>a</TITLE ><h1 ID='app-title'>b</H1>", "a", "b"},
    {"<title></title><h1 class=x id=app-title>b</h1>", "", "b"},
    {"<title>a</title><title>b</title>", "a", NULL},
    {"<title>a <b>&amp; <!-- c --> </b></title>", "a <b>&amp; <!-- c --> </b>", NULL},
    {"<!-- <title>no</title> --><title>a</title>", "a", NULL},
    {"<!--><title>a</title>", "a", NULL},
    {"<script>'<title>no</title>'</script><title>a</title>", "a", NULL},
    {"<style>/* <title>no</title> */</style><title>a</title>", "a", NULL},
    {"<textarea><h1 id=app-title>no</h1></textarea>", NULL, NULL},
    {"<div data-x='<title>no</title>'></div><title>a</title>", "a", NULL},
    {"<div id=\"app-title\"><div>x</div> y</div> z", NULL, "<div>x</div> y"},
    {"<h1 id=app-title>b<br>c<img alt='</h1>'></h1>", NULL, "b<br>c<img alt='</h1>'>"},
    {"<h1 id=app-title>b<!-- </h1> -->c</h1>", NULL, "b<!-- </h1> -->c"},
    {"<h1 id=app-title>b<script>'</h1>'</script></h1>", NULL, "b<script>'</h1>'</script>"},
    {"<input id=app-title><p>x", NULL, NULL},
    {"<h1 id=app-title2>b</h1>", NULL, NULL},
    {"<h1 title=id id=other data-id=app-title>b</h1>", NULL, NULL},
    {"<h1 id=app-title>never closed", NULL, NULL},
    {"<title>never closed", NULL, NULL},
    {"<title", NULL, NULL},
    {"<", NULL, NULL},
    {"", NULL, NULL},
    {"a < b <title>a</title>", "a", NULL},
    {"<!doctype html><?xml ?></ x><title>a</title>", "a", NULL},
    {"<h1 = id=app-title>b</h1>", NULL, "b"},
    {"<titles>no</titles><title\n>a</title\n>", "a", NULL},
};

static void expect(const char *page, const char *what, bool found, struct span inside,
                   const char *expected)
{
    struct text got = {page + inside.begin, found ? inside.end - inside.begin : 0};

    if (found != (expected != NULL) || (found && !text_is(got, expected)))
        fail_msg("%s: %s is '%.*s', not '%s'", page, what, TEXT_ARGS(got),
                 expected ? expected : "(none)");
}

static void test_pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct span inside = {0};
        bool found = html_find_title(text_from(pages[i].page), &inside);
        expect(pages[i].page, "title", found, inside, pages[i].title);
        found = html_find_id(text_from(pages[i].page), "app-title", &inside);
        expect(pages[i].page, "id", found, inside, pages[i].by_id);
    }
}

/* A page cut anywhere, or with an octet changed anywhere, is read to its end. */
static void test_broken_pages_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        size_t size = strlen(pages[i].page);
        for (size_t cut = 0; cut < size; cut++) {
            static const char others[] = {'<', '>', '"', '\'', '=', '/', '-', '\0', ' '};
            char *page = arena_copy(arena, pages[i].page, size);
            struct span inside = {0};
            html_find_title((struct text){page, cut}, &inside);
            for (size_t k = 0; k < sizeof others; k++) {
                page[cut] = others[k];
                if (html_find_id((struct text){page, size}, "app-title", &inside))
                    assert_true(inside.begin <= inside.end && inside.end <= size);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(pages), TEST(broken_pages_end)};

    return cmocka_run_group_tests_name("planner_html", tests, NULL, NULL);
}
