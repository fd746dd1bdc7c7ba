/* needs_test - versions, ranges, and what package.json asks for.
 *
 * Method: rows written out. For ranges the expected answers are node-semver's, of the same table.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "actors/sandbox/needs.h"
#include "actors/sandbox/semver.h"

static const struct { const char *version, *range; bool satisfies; } ranges[] = {
    {"1.2.3", "1.2.3", true},           {"1.2.3", "=1.2.3", true},
    {"1.2.3", "v1.2.3", true},          {"1.2.3", "1.2.4", false},
    {"1.2.3", "1.2", true},             {"1.2.3", "1.3", false},
    {"1.2.3", "1", true},               {"1.2.3", "2", false},
    {"1.2.3", "1.x", true},             {"1.2.3", "1.2.x", true},
    {"1.2.3", "1.3.X", false},          {"1.2.3", "*", true},
    {"1.2.3", "x", true},               {"1.2.3", "", true},
    {"1.2.3", "latest", true},          {"1.2.3", "next", false},
    {"1.2.3", "^1.2.3", true},          {"1.2.3", "^1.2.4", false},
    {"1.9.0", "^1.2.3", true},          {"2.0.0", "^1.2.3", false},
    {"1.2.3", "^1", true},              {"0.2.9", "^0.2.3", true},
    {"0.3.0", "^0.2.3", false},         {"0.0.3", "^0.0.3", true},
    {"0.0.4", "^0.0.3", false},         {"0.9.0", "^0", true},
    {"1.0.0", "^0", false},             {"0.0.9", "^0.0", true},
    {"0.1.0", "^0.0", false},           {"0.1.0", "^0.x", true},
    {"1.2.9", "~1.2.3", true},          {"1.3.0", "~1.2.3", false},
    {"1.2.2", "~1.2.3", false},         {"1.2.0", "~1.2", true},
    {"1.3.0", "~1.2", false},           {"1.9.0", "~1", true},
    {"2.0.0", "~1", false},             {"1.2.3", ">=1.2.3", true},
    {"1.2.3", ">= 1.2.3", true},        {"1.2.3", ">1.2.3", false},
    {"1.2.4", ">1.2.3", true},          {"1.2.9", ">1.2", false},
    {"1.3.0", ">1.2", true},            {"1.2.3", "<1.2.3", false},
    {"1.2.2", "<1.2.3", true},          {"1.1.9", "<1.2", true},
    {"1.2.0", "<1.2", false},           {"1.2.3", "<=1.2.3", true},
    {"1.2.9", "<=1.2", true},           {"1.3.0", "<=1.2", false},
    {"1.2.3", ">=1.0.0 <2.0.0", true},  {"2.0.0", ">=1.0.0 <2.0.0", false},
    {"1.2.3", "1.0.0 - 1.2.3", true},   {"1.2.4", "1.0.0 - 1.2.3", false},
    {"1.2.9", "1.0 - 1.2", true},       {"0.9.0", "1.0 - 1.2", false},
    {"1.2.3", "^2.0.0 || ^1.0.0", true}, {"1.2.3", "^1.0.0||^2.0.0", true},
    {"3.0.0", "^1.0.0 || ^2.0.0", false}, {"10.0.0", ">9", true},
    {"1.2.3", " ^1.2.0 ", true},        {"1.2.3", "^1.2.3-beta.1", false},
    {"1.2.3", "git+ssh://x/y", false},  {"1.2.3", "1.2.3.4", false},
    {"1.2.3", "^", false},              {"1.2.3", "99999999999", false},
    {"1.2.3-rc.1", "^1.2.0", false},    {"1.2.3", "^1 nonsense", false},
};

static void test_ranges(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (semver_satisfies(text_from(ranges[i].version), text_from(ranges[i].range)) !=
            ranges[i].satisfies)
            fail_msg("%s in '%s' is not %d", ranges[i].version, ranges[i].range,
                     ranges[i].satisfies);
}

static const struct modules host = {
    .path = "/x", .list = {{"express", "4.22.3"}, {"@hono/node-server", "1.19.0"}}, .count = 2,
};

static const struct { const char *label, *package, *brought, *reason; } needs[] = {
    {"no package.json", NULL, NULL, NULL},
    {"no dependencies", "{}", NULL, NULL},
    {"no JSON", "{", NULL, NULL},
    {"the host's", "{\"dependencies\":{\"express\":\"^4.0.0\",\"@hono/node-server\":\"1\"}}", NULL, NULL},
    {"for development only", "{\"devDependencies\":{\"mocha\":\"^10\"}}", NULL, NULL},
    {"another version", "{\"dependencies\":{\"express\":\"^5.0.0\"}}", NULL,
     "dependencies: 'express' is here as 4.22.3, which '^5.0.0' is not; ask for that, or put it "
     "below node_modules/"},
    {"brought along", "{\"dependencies\":{\"express\":\"^5.0.0\"}}", "node_modules/express/index.js", NULL},
    {"something like it brought", "{\"dependencies\":{\"express\":\"^5.0.0\"}}",
     "node_modules/express-x/index.js", "dependencies: 'express' is here as 4.22.3, which '^5.0.0' "
     "is not; ask for that, or put it below node_modules/"},
    {"unknown", "{\"dependencies\":{\"left-pad\":\"1\"}}", NULL,
     "dependencies: 'left-pad' is not here; put it below node_modules/, or use: express, "
     "@hono/node-server"},
    {"an address", "{\"dependencies\":{\"express\":\"github:x/y\"}}", NULL,
     "dependencies of package.json: 'express' asks for 'github:x/y', which is no version of npm's "
     "registry"},
    {"a file", "{\"dependencies\":{\"express\":\"x.tgz\"}}", NULL,
     "dependencies of package.json: 'express' asks for 'x.tgz', which is no version of npm's registry"},
    {"a name that is a path", "{\"dependencies\":{\"../x\":\"1\"}}", NULL,
     "dependencies of package.json: '../x' is no name of npm's registry"},
    {"a version that is a number", "{\"dependencies\":{\"express\":4}}", NULL,
     "dependencies: 'express' is here as 4.22.3, which 'no text' is not; ask for that, or put it "
     "below node_modules/"},
};

static void test_needs(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        struct file files[2];
        struct fault fault = {0};
        uint32_t count = 0;

        if (needs[i].package)
            files[count++] = (struct file){.path = TEXT_OF("package.json"),
                                           .content = text_from(needs[i].package)};
        if (needs[i].brought)
            files[count++] = (struct file){.path = text_from(needs[i].brought),
                                           .content = TEXT_OF("")};
        bool met = needs_check(&host, (struct files){files, count}, NULL, NULL, &fault);
        if (met != !needs[i].reason || (!met && strcmp(fault.reason, needs[i].reason) != 0))
            fail_msg("%s: %d '%s'", needs[i].label, met, fault.reason);
    }
}

/* ---- installing ---- */

static const struct { const char *label, *dependencies, *brought, *to_install, *reason; } installs[] = {
    {"the host's", "{\"express\":\"^4\"}", NULL, "", NULL},
    {"brought along", "{\"left-pad\":\"1\"}", "node_modules/left-pad/index.js", "", NULL},
    {"one that is not here: all of them, sorted", "{\"left-pad\" : \"1\", \"express\":\"^4\"}", NULL,
     "{\"express\":\"^4\",\"left-pad\":\"1\"}", NULL},
    {"another version", "{\"express\":\"5\"}", NULL, "{\"express\":\"5\"}", NULL},
    {"a tag", "{\"express\":\"next\"}", NULL, "{\"express\":\"next\"}", NULL},
    {"beside modules of its own", "{\"left-pad\":\"1\"}", "node_modules/x/index.js", NULL,
     "dependencies: 'left-pad' would be installed, but the app has a node_modules of its own; put it "
     "there too, or leave that out"},
    {"beside a file of that name", "{\"left-pad\":\"1\"}", "node_modules", NULL,
     "dependencies: 'left-pad' would be installed, but the app has a node_modules of its own; put it "
     "there too, or leave that out"},
    {"beside a name like it", "{\"left-pad\":\"1\"}", "node_modules2/x", "{\"left-pad\":\"1\"}", NULL},
    {"a version that is a number", "{\"left-pad\":1}", NULL, NULL,
     "dependencies of package.json: the version of 'left-pad' is no text"},
    {"git", "{\"left-pad\":\"git+https://x/y.git\"}", NULL, NULL,
     "dependencies of package.json: 'left-pad' asks for 'git+https://x/y.git', which is no version of "
     "npm's registry"},
    {"an alias", "{\"left-pad\":\"npm:right-pad@1\"}", NULL, NULL,
     "dependencies of package.json: 'left-pad' asks for 'npm:right-pad@1', which is no version of npm's "
     "registry"},
    {"a directory", "{\"left-pad\":\"..\"}", NULL, NULL,
     "dependencies of package.json: 'left-pad' asks for '..', which is no version of npm's registry"},
    {"an archive", "{\"left-pad\":\"1.TAR.GZ\"}", NULL, NULL,
     "dependencies of package.json: 'left-pad' asks for '1.TAR.GZ', which is no version of npm's "
     "registry"},
};

static bool check(const char *dependencies, const char *brought, struct arena *arena,
                  struct text *to_install, struct fault *fault)
{
    struct text package = arena_print(arena, "{\"dependencies\":%s}", dependencies);
    struct file files[] = {{.path = TEXT_OF("package.json"), .content = package},
                           {.path = text_from(brought ? brought : "x"), .content = TEXT_OF("")}};

    return needs_check(&host, (struct files){files, 2}, arena, to_install, fault);
}

static void test_what_is_installed(void **state)
{
    struct arena *arena = arena_new(1 << 20);

    (void) state;
    for (size_t i = 0; i < sizeof installs / sizeof *installs; i++) {
        struct text to_install;
        struct fault fault = {0};
        bool met = check(installs[i].dependencies, installs[i].brought, arena, &to_install, &fault);
        if (met != !installs[i].reason || (!met && strcmp(fault.reason, installs[i].reason) != 0) ||
            (met && !text_is(to_install, installs[i].to_install)))
            fail_msg("%s: %d '%s' '%.*s'", installs[i].label, met, fault.reason,
                     TEXT_ARGS(to_install));
    }
    arena_free(arena);
}

static void test_so_many_are_installed(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    char many[8192] = "{\"p0\":\"1\"";
    struct text to_install;
    struct fault fault;
    size_t used = strlen(many);

    (void) state;
    for (int i = 1; i < NEEDS_MAX; i++)
        used += (size_t)snprintf(many + used, sizeof many - used, ",\"p%d\":\"1\"", i);
    (void) snprintf(many + used, sizeof many - used, "}");
    assert_true(check(many, NULL, arena, &to_install, &fault));
    (void) snprintf(many + used, sizeof many - used, ",\"one-more\":\"1\"}");
    assert_false(check(many, NULL, arena, &to_install, &fault));
    assert_string_equal(fault.reason, "dependencies: more than 100");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_installed),
        cmocka_unit_test(test_so_many_are_installed),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
