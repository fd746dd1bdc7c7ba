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
     "dependencies of package.json: a name or version is not one of npm's registry"},
    {"a name that is a path", "{\"dependencies\":{\"../x\":\"1\"}}", NULL,
     "dependencies of package.json: a name or version is not one of npm's registry"},
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
        bool met = needs_check(&host, (struct files){files, count}, &fault);
        if (met != !needs[i].reason || (!met && strcmp(fault.reason, needs[i].reason) != 0))
            fail_msg("%s: %d '%s'", needs[i].label, met, fault.reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
