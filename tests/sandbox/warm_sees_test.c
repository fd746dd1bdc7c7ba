/* warm_sees_test - an app sees the same of itself after a cold and after a warm start.
 *
 * Method: what it can see is told by the app, once after each, and compared word for word; so is what
 * is said of one that fails.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/warm_rig.h"

/* ---- what an app sees ---- */

#define SEEN                                                                                      \
    "const fs = require('fs'), seen = () => { const status = fs.readFileSync('/proc/self/status', "\
    "'utf8').split('\\n').filter(l => /^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups|NSpid)/.test(l));"\
    "return JSON.stringify({argv: process.argv, execArgv: process.execArgv, argv0: process.argv0,"\
    "env: process.env, cwd: process.cwd(), main: typeof module === 'undefined' || require.main "\
    "=== module, id: typeof module === 'undefined' || [module.id, module.parent, module.paths,"\
    "module.filename, module.children.length], cache: "\
    "Object.keys(require.cache), title: process.title, uptime: process.uptime() < 20,"\
    "up: [process.uptime.name, process.uptime.length, Object.keys(process).includes('uptime')],"\
    "run: Object.getOwnPropertyDescriptor(require('module'), 'runMain').get === undefined,"\
    "names: Object.keys(require('module')), limits: fs.readFileSync('/proc/self/limits', 'utf8'),"\
    "pid: [process.pid, process.ppid], status, app: fs.readdirSync('/app'),"\
    "data: fs.readdirSync('/data'), root: fs.readdirSync('/'), modes: [fs.statSync('/app').mode,"\
    "fs.statSync('/data').mode, fs.statSync('/app/server.js').mode], ids: [process.getuid(),"\
    "fs.statSync('/app').uid, fs.statSync('/data').uid, fs.statSync('/app/server.js').uid],"\
    "umask: process.umask(), heap: require('v8').getHeapStatistics().heap_size_limit,"\
    "preloaded: [process._preload_modules, Object.getOwnPropertyDescriptor(process,"\
    "'_preload_modules')],"\
    "process: Object.getOwnPropertyNames(process).map(n => [n, typeof process[n]]),"\
    "listeners: process.eventNames(), globals: Object.getOwnPropertyNames(globalThis)}); };"

static void compare(struct rig *rig, struct files files)
{
    assert_true(rig_start_files(rig, "cold", 1, files, NULL));
    assert_false(was_warm(rig, "cold"));
    assert_true(rig_ask(rig, "cold", "/"));
    char *cold = strdup(strstr(rig->answer, "\r\n\r\n"));
    warm_open_again(rig);
    assert_true(rig_start_files(rig, "warm", 1, files, NULL));
    assert_true(was_warm(rig, "warm"));
    assert_true(rig_ask(rig, "warm", "/"));
    assert_string_equal(strstr(rig->answer, "\r\n\r\n"), cold);
    free(cold);
    assert_true(rig_stop(rig, "warm"));
}

static void test_a_script_sees_the_same(void **state)
{
    const struct file file = {.path = TEXT_OF("server.js"), .content = TEXT_OF(
        SEEN "const early = seen(); require('http').createServer((q, r) => r.end(early + seen()))"
        ".listen(process.env.PORT);")};
    struct rig *rig = *state;

    compare(rig, (struct files){&file, 1});
    assert_non_null(strstr(rig->answer, "Seccomp:\\t2"));
    assert_non_null(strstr(rig->answer, "CapBnd:\\t0000000000000000"));
}

static void test_a_module_sees_the_same(void **state)
{
    const struct file files[] = {
        {.path = TEXT_OF("server.js"), .content = TEXT_OF(
            "import {createServer} from 'http'; import {createRequire} from 'module';"
            "const require = createRequire(import.meta.url);"
            SEEN "const early = seen() + import.meta.url + (await 1);"
            "createServer((q, r) => r.end(early + seen())).listen(process.env.PORT);")},
        {.path = TEXT_OF("package.json"), .content = TEXT_OF("{\"type\": \"module\"}")},
    };

    compare(*state, (struct files){files, 2});
}

static void test_another_entry_sees_the_same(void **state)
{
    const struct file files[] = {
        {.path = TEXT_OF("package.json"), .content = TEXT_OF("{\"main\": \"lib/start it.js\"}")},
        {.path = TEXT_OF("server.js"), .content = TEXT_OF("throw Error('not this one');")},
        {.path = TEXT_OF("lib/start it.js"), .content = TEXT_OF(
            SEEN "require('http').createServer((q, r) => r.end(seen()))"
            ".listen(process.env.PORT);")},
    };

    compare(*state, (struct files){files, 3});
}

/* Threads and processes of an app begin as those of any. */
static void test_what_it_starts_sees_the_same(void **state)
{
    const struct file files[] = {
        {.path = TEXT_OF("server.js"), .content = TEXT_OF(
            "const seen = () => JSON.stringify([process.env, process.execArgv, process.argv,"
            "Object.keys(require.cache), process._preload_modules, require.main &&"
            "require.main.filename, process.uptime() < 9]);"
            "const {Worker, isMainThread, parentPort} = require('worker_threads');"
            "if (!isMainThread) parentPort.postMessage(seen());"
            "else if (process.send) process.send(seen());"
            "else require('http').createServer((q, r) => new Worker(__filename).on('message', a =>"
            "require('child_process').fork(__filename).on('message', b => r.end(a + b))))"
            ".listen(process.env.PORT);")},
    };

    compare(*state, (struct files){files, 1});
}

/* ---- secrets ---- */

static void give_secrets(struct rig *rig, const struct secret *rows, uint32_t count)
{
    struct secret *copies = arena_take(rig->arena, count * sizeof *copies);
    struct reveal_reply reply = {.secrets = {copies, count}};

    secrets_drop(&rig->secrets);
    for (uint32_t i = 0; i < count; i++)        /* which wipes them */
        copies[i] = (struct secret){.name = rows[i].name,
                                    .value = arena_text(rig->arena, rows[i].value)};
    assert_true(secrets_new(&reply, &rig->secrets, &rig->fault));
}

static void test_secrets_are_seen_the_same(void **state)
{
    static const struct secret rows[] = {
        {.name = TEXT_OF("API_KEY"), .value = TEXT_OF("s3cret of the \xc3\xa4pp\nin lines")},
        {.name = TEXT_OF("SIGN"), .value = TEXT_OF("=")},
    };
    struct rig *rig = *state;

    give_secrets(rig, rows, 2);
    test_a_script_sees_the_same(state);
    assert_non_null(strstr(rig->answer, "\"API_KEY\":\"s3cret of the \xc3\xa4pp\\nin lines\""));
    secrets_drop(&rig->secrets);
}

static void test_what_it_starts_sees_them_the_same(void **state)
{
    static const struct secret row = {.name = TEXT_OF("API_KEY"),
                                      .value = TEXT_OF("s3cret-of-app")};
    struct rig *rig = *state;

    give_secrets(rig, &row, 1);
    test_what_it_starts_sees_the_same(state);
    secrets_drop(&rig->secrets);
}

/* All that may be, at once: more than a socket holds unasked. */
static void test_the_most_secrets_fit(void **state)
{
    static char value[SECRET_VALUE_OCTETS_MAX], names[SECRETS_MAX][8];
    struct secret rows[SECRETS_MAX];
    struct rig *rig = *state;

    memset(value, 'v', sizeof value);
    for (int i = 0; i < SECRETS_MAX; i++) {
        (void) snprintf(names[i], sizeof names[i], "N%d", i);
        rows[i] = (struct secret){.name = text_from(names[i]), .value = {value, sizeof value}};
    }
    give_secrets(rig, rows, SECRETS_MAX);
    rig_wait_warm(rig, 1);
    assert_true(rig_start(rig, "most", 1, SERVER_SAYING(
        "Object.keys(process.env).filter((n) => /^N[0-9]+$/.test(n) && "
        "process.env[n] === 'v'.repeat(4096)).length")));
    assert_true(was_warm(rig, "most"));
    assert_true(rig_ask(rig, "most", "/"));
    assert_non_null(strstr(rig->answer, "\r\n\r\n32"));
    secrets_drop(&rig->secrets);
}

/* What node reads when its process begins has to be there then. */
static void test_what_node_reads_first_starts_cold(void **state)
{
    static const struct secret row = {.name = TEXT_OF("NODE_EXTRA_CA_CERTS"),
                                      .value = TEXT_OF("/app/own.pem")};
    struct rig *rig = *state;

    give_secrets(rig, &row, 1);
    rig_wait_warm(rig, 1);
    assert_true(rig_start(rig, "cold", 1, SERVER_SAYING("process.env.NODE_EXTRA_CA_CERTS")));
    assert_false(was_warm(rig, "cold"));
    assert_true(rig_ask(rig, "cold", "/"));
    assert_non_null(strstr(rig->answer, "/app/own.pem"));
    secrets_drop(&rig->secrets);
}

static void test_static_files_are_served(void **state)
{
    const struct file file = {.path = TEXT_OF("index.html"), .content = TEXT_OF("<p>hello")};
    struct rig *rig = *state;

    rig_wait_warm(rig, 1);
    assert_true(rig_start_files(rig, "page", 1, (struct files){&file, 1}, NULL));
    assert_true(was_warm(rig, "page"));
    assert_true(rig_ask(rig, "page", "/"));
    assert_non_null(strstr(rig->answer, "<p>hello"));
}

/* ---- what it says when it fails ---- */

static const char *failure_of(struct rig *rig, const char *app_id, struct files files)
{
    assert_false(rig_start_files(rig, app_id, 1, files, NULL));
    assert_int_equal(rig->fault.kind, FAULT_start_failed);
    const char *lines = strchr(rig_failure_log(rig), '\n');     /* the first one says warm or not */
    assert_non_null(lines);
    return arena_print(rig->arena, "%s%s", rig->fault.reason, lines).at;
}

static void compare_failure(struct rig *rig, const char *path, const char *code)
{
    const struct file file = {.path = text_from(path), .content = text_from(code)};
    const struct file files[] = {file, {.path = TEXT_OF("package.json"), .content = text_from(
        strstr(path, ".mjs") ? "{\"main\": \"a.mjs\"}" : "{}")}};
    const struct files both = {files, 2};

    const char *cold = failure_of(rig, "cold", both);
    warm_open_again(rig);
    const char *warm = failure_of(rig, "warm", both);
    assert_non_null(strstr(rig_failure_log(rig), "starts, warm"));
    assert_string_equal(warm, cold);
}

static void test_a_throw_is_told_alike(void **state)
{
    compare_failure(*state, "server.js", "function f() { throw new TypeError('no such luck'); }"
                    "f();");
}

static void test_a_throw_in_a_module_is_told_alike(void **state)
{
    compare_failure(*state, "a.mjs", "await 1; throw new TypeError('no such luck');");
}

static void test_a_syntax_error_is_told_alike(void **state)
{
    compare_failure(*state, "server.js", "this is not javascript");
}

static void test_a_missing_module_is_told_alike(void **state)
{
    compare_failure(*state, "server.js", "process.on('exit', c => console.log('bye', c));"
                    "require('./not-there');");
}

static void test_a_rejection_is_told_alike(void **state)
{
    compare_failure(*state, "server.js", "setTimeout(() => process.exit(7), 5);"
                    "Promise.reject(3);");
}

int main(void)
{
#define WITH_NONE(test) cmocka_unit_test_setup_teardown(test, warm_open_none, warm_remove)
#define WITH_ONE(test) cmocka_unit_test_setup_teardown(test, warm_open_one, warm_remove)
    const struct CMUnitTest tests[] = {
        WITH_NONE(test_a_script_sees_the_same),
        WITH_NONE(test_a_module_sees_the_same),
        WITH_NONE(test_another_entry_sees_the_same),
        WITH_NONE(test_what_it_starts_sees_the_same),
        WITH_NONE(test_secrets_are_seen_the_same),
        WITH_NONE(test_what_it_starts_sees_them_the_same),
        WITH_ONE(test_the_most_secrets_fit),
        WITH_ONE(test_what_node_reads_first_starts_cold),
        WITH_ONE(test_static_files_are_served),
        WITH_NONE(test_a_throw_is_told_alike),
        WITH_NONE(test_a_throw_in_a_module_is_told_alike),
        WITH_NONE(test_a_syntax_error_is_told_alike),
        WITH_NONE(test_a_missing_module_is_told_alike),
        WITH_NONE(test_a_rejection_is_told_alike),
    };
#undef WITH_NONE
#undef WITH_ONE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
