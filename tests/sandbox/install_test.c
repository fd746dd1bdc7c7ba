/* install_test - what names an install, which locks of npm are accepted, which registries there are,
 * and which trees apps name. npm itself is tried in tests/end_to_end/install_test.py.
 *
 * Method: rows written out; real directories under /tmp for the locks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/sandbox/install_host.h"
#include "actors/sandbox/install_lock.h"
#include "actors/sandbox/locks.h"
#include "actors/sandbox/tree.h"
#include "bus/owned.h"

/* ---- the key ---- */

static void test_the_key(void **state)
{
    static const struct { const char *dependencies, *registry, *kind; } others[] = {
        {"{\"a\":\"2\"}", "https://r/", "linux-x64-115"},
        {"{\"a\":\"1\"}", "https://s/", "linux-x64-115"},
        {"{\"a\":\"1\"}", "https://r/", "linux-x64-127"},
        {"{\"a\":\"1\"}", "https://r/linux-x64-115", ""},      /* where one ends counts too */
    };
    char key[INSTALL_KEY_SIZE], again[INSTALL_KEY_SIZE];

    (void) state;
    install_key(TEXT_OF("{\"a\":\"1\"}"), "https://r/", "linux-x64-115", key);
    assert_int_equal(strspn(key, "0123456789abcdef"), INSTALL_KEY_SIZE - 1);
    install_key(TEXT_OF("{\"a\":\"1\"}"), "https://r/", "linux-x64-115", again);
    assert_string_equal(key, again);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        install_key(text_from(others[i].dependencies), others[i].registry, others[i].kind, again);
        assert_string_not_equal(key, again);
    }
}

/* ---- npm's lock ---- */

#define FROM "\"resolved\":\"https://r:1/a.tgz\""
#define WHOLE FROM ",\"integrity\":\"sha512-x\""

static const struct { const char *label, *packages; uint32_t count; const char *reason; } locks[] = {
    {"nothing but the app", "\"\":{}", 0, NULL},
    {"one", "\"\":{},\"node_modules/a\":{" WHOLE "}", 1, NULL},
    {"one within another", "\"node_modules/a\":{" WHOLE "},\"node_modules/a/node_modules/b\":{" WHOLE "}",
     2, NULL},
    {"one that came within another", "\"node_modules/a/node_modules/b\":{\"inBundle\":true}", 1, NULL},
    {"no integrity", "\"node_modules/a\":{" FROM "}", 0, "dependencies: the registry gives 'a' without an "
     "integrity of SHA-256 or better; depend on another version"},
    {"a weak one", "\"node_modules/a\":{" FROM ",\"integrity\":\"sha1-x\"}", 0,
     "dependencies: the registry gives 'a' without an integrity of SHA-256 or better; depend on another "
     "version"},
    {"an integrity that is none", "\"node_modules/a\":{" FROM ",\"integrity\":1}", 0,
     "dependencies: the registry gives 'a' without an integrity of SHA-256 or better; depend on another "
     "version"},
    {"another host", "\"node_modules/a\":{\"resolved\":\"https://r:11/a.tgz\"}", 0,
     "dependencies: 'a' comes from 'https://r:11/a.tgz' and not from the registry; depend on one that does"},
    {"git", "\"node_modules/a\":{\"resolved\":\"git+ssh://r/a\",\"integrity\":\"sha512-x\"}", 0,
     "dependencies: 'a' comes from 'git+ssh://r/a' and not from the registry; depend on one that does"},
    {"nowhere", "\"node_modules/a\":{\"integrity\":\"sha512-x\"}", 0,
     "dependencies: 'a' comes from 'nowhere' and not from the registry; depend on one that does"},
    {"a link", "\"node_modules/a\":{\"link\":true," WHOLE "}", 0,
     "dependencies: 'node_modules/a' is a link and no package; depend on one of the registry"},
    {"a directory", "\"elsewhere\":{" WHOLE "}", 0,
     "dependencies: 'elsewhere' is a link and no package; depend on one of the registry"},
    {"too many", "\"node_modules/a\":{" WHOLE "},\"node_modules/b\":{" WHOLE "},\"node_modules/c\":{" WHOLE "}",
     0, "dependencies: with what they need they are 3 packages, at most 2 (INSTALL_PACKAGES_MAX); depend "
     "on less"},
    {"packages that are no packages", "\"node_modules/a\":1", 0,
     "dependencies: 'a' comes from 'nowhere' and not from the registry; depend on one that does"},
};

static void test_locks(void **state)
{
    char lock[1024];

    (void) state;
    for (size_t i = 0; i < sizeof locks / sizeof *locks; i++) {
        struct fault fault = {0};
        uint32_t count;
        (void) snprintf(lock, sizeof lock, "{\"lockfileVersion\":3,\"packages\":{%s}}",
                        locks[i].packages);
        bool is_fine = install_lock_check(text_from(lock), "https://r:1/", 2, &count, &fault);
        if (is_fine != !locks[i].reason || (!is_fine && strcmp(fault.reason, locks[i].reason) != 0) ||
            (is_fine && count != locks[i].count))
            fail_msg("%s: %d %u '%s'", locks[i].label, is_fine, count, fault.reason);
    }
}

static void test_what_is_no_lock(void **state)
{
    static const char *const texts[] = {"", "{", "[]", "{}", "{\"packages\":[]}"};
    struct fault fault;
    uint32_t count;

    (void) state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(install_lock_check(text_from(texts[i]), "https://r/", 2, &count, &fault));
}

static void test_what_a_lock_is(void **state)
{
    struct install_sum sum;

    (void) state;
    install_lock_sum(text_from("{\"packages\":{\"\":{},\"node_modules/a\":{},\"node_modules/b\":{}}}"), &sum);
    assert_int_equal(sum.packages, 2);
    install_lock_sum(text_from("abc"), &sum);
    assert_int_equal(sum.packages, 0);
    assert_string_equal(sum.digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* ---- the registry ---- */

static const struct { const char *setting, *origin, *host; uint16_t port; } registries[] = {
    {"https://r.test/", "https://r.test/", "r.test", 443},
    {"http://r.test/", "http://r.test/", "r.test", 80},
    {"https://R.test:8443/npm/all/", "https://R.test:8443/", "r.test", 8443},
    {"http://10.0.0.1:4873/", "http://10.0.0.1:4873/", "10.0.0.1", 4873},
    {"", NULL, NULL, 0},
    {"r.test", NULL, NULL, 0},
    {"https://r.test", NULL, NULL, 0},
    {"https://r.test/npm", NULL, NULL, 0},
    {"https:///", NULL, NULL, 0},
    {"https://user:secret@r.test/", NULL, NULL, 0},
    {"https://r.test:0/", NULL, NULL, 0},
    {"https://r.test:65536/", NULL, NULL, 0},
    {"https://r.test:/", NULL, NULL, 0},
    {"https://r.test/?a/", NULL, NULL, 0},
    {"https://r.test/a b/", NULL, NULL, 0},
    {"file:///tmp/", NULL, NULL, 0},
};

static void test_registries(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof registries / sizeof *registries; i++) {
        struct install_host host = {.is_on = false};
        struct fault fault;
        bool is_one = install_read_registry(&host, registries[i].setting, &fault);
        if (is_one != (registries[i].origin != NULL))
            fail_msg("'%s': %d", registries[i].setting, is_one);
        if (!is_one)
            continue;
        assert_true(host.is_on);
        assert_string_equal(host.origin, registries[i].origin);
        assert_string_equal(host.grant.host, registries[i].host);
        assert_int_equal(host.grant.port, registries[i].port);
    }
}

static void test_off(void **state)
{
    struct install_host host = {.is_on = true};
    struct fault fault;

    (void) state;
    assert_true(install_read_registry(&host, "off", &fault));
    assert_false(host.is_on);
}

/* ---- what apps name ---- */

static void count_key(void *self, const char *key)
{
    char *seen = self;

    seen[strlen(seen)] = *key;
}

static void test_locks_of_versions(void **state)
{
    char top[] = "/tmp/isekai-install-XXXXXX", a[INSTALL_KEY_SIZE], b[INSTALL_KEY_SIZE], seen[8] = "";
    struct fault fault;

    (void) state;
    assert_non_null(mkdtemp(top));
    OWNED(fd) int app = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    memset(a, 'a', sizeof a - 1);
    memset(b, 'b', sizeof b - 1);
    a[sizeof a - 1] = b[sizeof b - 1] = '\0';
    locks_each(app, count_key, seen);               /* none yet */
    assert_string_equal(seen, "");
    assert_true(locks_put(app, 1, a, TEXT_OF("{}"), &fault));
    assert_true(locks_has(app, 1, a));
    assert_false(locks_has(app, 2, a));
    assert_true(locks_put(app, 1, b, TEXT_OF("{}"), &fault));       /* in its place */
    assert_false(locks_has(app, 1, a));
    assert_true(locks_put(app, 12, a, TEXT_OF("{}"), &fault));
    OWNED(fd) int strange = openat(app, "locks/1-zz.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(strange >= 0);
    locks_each(app, count_key, seen);
    assert_int_equal(strlen(seen), 2);
    assert_int_equal(mkdirat(app, "versions", 0700), 0);
    assert_int_equal(mkdirat(app, "versions/12", 0700), 0);
    locks_prune(app);                               /* version 1 is gone */
    assert_false(locks_has(app, 1, b));
    assert_true(locks_has(app, 12, a));
    assert_true(tree_remove(AT_FDCWD, top, &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_key),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_what_is_no_lock),
        cmocka_unit_test(test_what_a_lock_is),
        cmocka_unit_test(test_registries),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_locks_of_versions),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
