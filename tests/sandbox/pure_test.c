/* pure_test - the parts of the sandbox that need nothing but their input: states, entry, verdict,
 * limits, text repair, the table of system calls.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>

#include "actors/sandbox/cage_state.h"
#include "actors/sandbox/entry.h"
#include "actors/sandbox/filter.h"
#include "actors/sandbox/utf8.h"
#include "actors/sandbox/verdict.h"
#include "bus/owned.h"

/* ---- states: the drawing of cage_state.h as a matrix; . is a pair that cannot be ---- */

static void test_every_pair_of_states(void **state)
{
    static const char drawing[CAGE_STATES][CAGE_EVENTS + 1] = {
        /*                 answered stop late gone empty */
        [CAGE_STARTING] = "RSKC.",
        [CAGE_RUNNING]  = ".S.C.",
        [CAGE_STOPPING] = ".SKC.",
        [CAGE_KILLING]  = ".KKC.",
        [CAGE_CLEARING] = ".CC.G",
        [CAGE_GONE]     = ".....",
    };
    static const char letters[] = "?RSKCG";

    (void) state;
    for (int from = 0; from < CAGE_STATES; from++)
        for (int on = 0; on < CAGE_EVENTS; on++) {
            if (drawing[from][on] == '.')
                continue;
            enum cage_state to = cage_state_after((enum cage_state)from, (enum cage_event)on);
            assert_int_equal(letters[to], drawing[from][on]);
        }
}

/* ---- entry ---- */

#define FILES_AT_MOST 6
static const struct {
    const char *label;
    const char *paths[FILES_AT_MOST];   /* package.json's content is `package` */
    const char *package, *wish;
    const char *wanted;                 /* NULL: refused; "": the static server */
} entries[] = {
    {"server.js by itself", {"server.js"}, NULL, NULL, "server.js"},
    {"server before index before app", {"app.js", "index.js", "server.js"}, NULL, NULL, "server.js"},
    {"index before app", {"app.js", "index.js"}, NULL, NULL, "index.js"},
    {"app alone", {"app.js"}, NULL, NULL, "app.js"},
    {"a wish", {"server.js", "lib/x.js"}, NULL, "lib/x.js", "lib/x.js"},
    {"a wish with ./", {"server.js", "lib/x.js"}, NULL, "./lib/x.js", "lib/x.js"},
    {"a wish that is not there", {"server.js"}, NULL, "nothing.js", NULL},
    {"a wish that leads out", {"server.js"}, NULL, "../server.js", NULL},
    {"start", {"package.json", "server.js", "main.js"}, "{\"scripts\":{\"start\":\"node main.js\"}}",
     NULL, "main.js"},
    {"start with ./ and blanks", {"package.json", "main.js"},
     "{\"scripts\":{\"start\":\"  node   ./main.js \"}}", NULL, "main.js"},
    {"start before main", {"package.json", "a.js", "b.js"},
     "{\"main\":\"a.js\",\"scripts\":{\"start\":\"node b.js\"}}", NULL, "b.js"},
    {"start with options is not taken", {"package.json", "server.js", "main.js"},
     "{\"scripts\":{\"start\":\"node --inspect main.js\"}}", NULL, "server.js"},
    {"start of a shell is not taken", {"package.json", "server.js"},
     "{\"scripts\":{\"start\":\"rm -rf / && node server.js\"}}", NULL, "server.js"},
    {"start that is not there", {"package.json", "server.js"},
     "{\"scripts\":{\"start\":\"node gone.js\"}}", NULL, "server.js"},
    {"main", {"package.json", "lib/run.js"}, "{\"main\":\"lib/run.js\"}", NULL, "lib/run.js"},
    {"main without .js", {"package.json", "lib/run.js"}, "{\"main\":\"./lib/run\"}", NULL,
     "lib/run.js"},
    {"main that is a directory", {"package.json", "lib/index.js"}, "{\"main\":\"lib\"}", NULL,
     "lib/index.js"},
    {"main that leads out", {"package.json", "server.js"}, "{\"main\":\"../../etc/passwd\"}", NULL,
     "server.js"},
    {"main that is a number", {"package.json", "server.js"}, "{\"main\":7}", NULL, "server.js"},
    {"broken package.json", {"package.json", "server.js"}, "{\"main\":", NULL, "server.js"},
    {"only a page", {"index.html", "css/a.css"}, NULL, NULL, ""},
    {"a page and a server", {"index.html", "server.js"}, NULL, NULL, "server.js"},
    {"nothing to run", {"README.md"}, NULL, NULL, NULL},
    {"a page further down", {"public/index.html"}, NULL, NULL, NULL},
};

static void test_entries(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        struct file files[FILES_AT_MOST];
        struct fault fault = {0};
        struct entry entry;
        uint32_t count = 0;
        for (; count < FILES_AT_MOST && entries[i].paths[count]; count++) {
            const char *path = entries[i].paths[count];
            bool is_package = strcmp(path, "package.json") == 0;
            files[count] = (struct file){.path = text_from(path),
                .content = text_from(is_package ? entries[i].package : "")};
        }
        bool found = entry_find((struct files){files, count}, text_from(entries[i].wish), &entry,
                                &fault);
        if (found != (entries[i].wanted != NULL) ||
            (found && strcmp(entry.path, entries[i].wanted) != 0))
            fail_msg("%s: '%s'", entries[i].label, found ? entry.path : fault.reason);
        if (found)
            assert_int_equal(entry.is_static, *entries[i].wanted == '\0');
        else
            assert_int_equal(fault.kind, FAULT_start_failed);
    }
}

static void test_deep_package_is_not_parsed(void **state)
{
    static char deep[200001];
    const struct file files[] = {{.path = TEXT_OF("package.json"), .content = {deep, 200000}},
                                 {.path = TEXT_OF("server.js"), .content = TEXT_OF("")}};
    struct fault fault;
    struct entry entry;

    (void) state;
    memset(deep, '[', 200000);
    assert_true(entry_find((struct files){files, 2}, (struct text){0}, &entry, &fault));
    assert_string_equal(entry.path, "server.js");
}

/* ---- verdicts ---- */

static const struct limits some_limits = {
    .memory_mb = 100, .start_timeout_ms = 5000, .disk_mb = 8, .files = 50,
};
static const struct disk_usage much = {.octets = 9 << 20}, many = {.entries = 51},
                               hidden = {.is_hidden = true};
#define EXITED(code) .exited = true, .status = (code) << 8
#define KILLED(signal) .exited = true, .status = (signal)
#define ALIVE .began = true, .answered = true, .port = 9000, .limits = &some_limits
#define UNBORN .began = true, .port = 9000, .limits = &some_limits

static const struct {
    const char *label;
    struct end_facts facts;
    enum end_reason reason;
    enum app_status status;
    const char *text;
} verdicts[] = {
    {"stopped", {.asked = end_reason_stopped, ALIVE, KILLED(SIGTERM)}, end_reason_stopped,
     app_status_stopped, ""},
    {"asleep", {.asked = end_reason_evicted, ALIVE, EXITED(0)}, end_reason_evicted,
     app_status_sleeping, ""},
    {"wall", {.asked = end_reason_wall, ALIVE}, end_reason_wall, app_status_stopped, ""},
    {"exit 1", {ALIVE, EXITED(1)}, end_reason_exit, app_status_error, "exited with code 1"},
    {"exit 0 is no error", {ALIVE, EXITED(0)}, end_reason_exit, app_status_stopped,
     "exited with code 0"},
    {"signal", {ALIVE, KILLED(SIGSEGV)}, end_reason_signal, app_status_error,
     "was ended by signal 11 (SIGSEGV)"},
    {"oom shows as a signal", {ALIVE, KILLED(SIGKILL), .oom_kills = 1}, end_reason_oom,
     app_status_error, "used more memory than its 100 MB"},
    {"full heap", {ALIVE, KILLED(SIGABRT), .memory_peak_bytes = 90 << 20}, end_reason_oom,
     app_status_error, "used more memory than its 100 MB"},
    {"abort with little memory", {ALIVE, KILLED(SIGABRT), .memory_peak_bytes = 20 << 20},
     end_reason_signal, app_status_error, "was ended by signal 6 (SIGABRT)"},
    {"disk", {ALIVE, KILLED(SIGKILL), .disk = &much}, end_reason_signal, app_status_error,
     "used more disk than its 8 MB (config.diskMb)"},
    {"disk before memory", {ALIVE, KILLED(SIGKILL), .oom_kills = 1, .disk = &many},
     end_reason_signal, app_status_error,
     "made more than its 50 files and directories (config.maxFiles)"},
    {"disk that cannot be counted", {ALIVE, .disk = &hidden}, end_reason_signal, app_status_error,
     "made files that cannot be counted: deeper than 64 directories, shut to their owner, or held open too often"},
    {"disk before the answer", {UNBORN, KILLED(SIGKILL), .disk = &much}, end_reason_start_failed,
     app_status_error, "used more disk than its 8 MB (config.diskMb) before it answered"},
    {"init vanished", {ALIVE}, end_reason_signal, app_status_error,
     "was ended by signal 9 (SIGKILL)"},
    {"exit before the answer", {UNBORN, EXITED(2)}, end_reason_start_failed, app_status_error,
     "exited with code 2 before it answered"},
    {"oom before the answer", {UNBORN, KILLED(SIGKILL), .oom_kills = 3}, end_reason_start_failed,
     app_status_error, "used more memory than its 100 MB before it answered"},
    {"no answer", {.asked = end_reason_start_failed, UNBORN}, end_reason_start_failed,
     app_status_error, "did not answer HTTP on port 9000 (PORT) within 5000 ms"},
    {"no cage", {.port = 9000, .limits = &some_limits}, end_reason_start_failed, app_status_error,
     "its cage could not be built"},
};

static void test_verdicts(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        struct verdict verdict;
        verdict_of(&verdicts[i].facts, &verdict);
        if (verdict.end.reason != verdicts[i].reason || verdict.status != verdicts[i].status ||
            strcmp(verdict.text, verdicts[i].text) != 0)
            fail_msg("%s: %d %d '%s'", verdicts[i].label, verdict.end.reason, verdict.status,
                     verdict.text);
        assert_int_equal(verdict.is_our_failure, strstr(verdict.text, "cage") != NULL);
    }
}

/* ---- text repair ---- */

static const struct { const char *from; size_t size; const char *wanted; } repairs[] = {
#define AS_IS(text) {text, sizeof text - 1, text}
    AS_IS("plain"), AS_IS("tab\tstays"), AS_IS("gr\xc3\xbc\xc3\x9f"), AS_IS("\xf0\x9f\x98\x80"),
    AS_IS("\xed\x9f\xbf"), AS_IS("\xf4\x8f\xbf\xbf"),
#define BROKEN "\xef\xbf\xbd"
    {"a\0b", 3, "a" BROKEN "b"},                    /* NUL */
    {"\x1b[31m", 5, BROKEN "[31m"},                 /* a terminal's escape */
    {"a\rb\x7f", 4, "a" BROKEN "b" BROKEN},
    {"\xff\xfe", 2, BROKEN BROKEN},
    {"\xc0\x80", 2, BROKEN BROKEN},                 /* overlong */
    {"\xe0\x80\x80", 3, BROKEN BROKEN BROKEN},
    {"\xed\xa0\x80", 3, BROKEN BROKEN BROKEN},      /* a surrogate */
    {"\xf4\x90\x80\x80", 4, BROKEN BROKEN BROKEN BROKEN},
    {"x\xe2\x82", 3, "x" BROKEN BROKEN},            /* cut */
};

static void test_text_repair(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof repairs / sizeof *repairs; i++) {
        char out[64];
        size_t size = utf8_repair(repairs[i].from, repairs[i].size, out, sizeof out);
        assert_int_equal(size, strlen(repairs[i].wanted));
        assert_memory_equal(out, repairs[i].wanted, size);
    }
}

static void test_text_repair_stops_on_a_border(void **state)
{
    char out[4];

    (void) state;
    assert_int_equal(utf8_repair("ab\xe2\x82\xac", 5, out, 4), 2);
    assert_int_equal(utf8_repair("a\xff", 2, out, 3), 1);
}

/* ---- limits ---- */

static void test_limits(void **state)
{
    const struct sandbox_settings settings = {
        .max_memory_mb = 512, .max_memory_mb_limit = 1024, .max_cpu_percent = 50,
        .max_cpu_percent_limit = 200, .execution_timeout_ms = 1000,
        .execution_timeout_ms_limit = 5000, .execution_timeout_mode = "wall",
        .max_pids = 64, .max_pids_limit = 128, .max_open_files = 100, .max_open_files_limit = 200,
        .max_file_mb = 20, .max_file_mb_limit = 40, .max_disk_mb = 10, .max_disk_mb_limit = 30,
        .max_files = 1000, .max_files_limit = 2000,
    };
    struct run_config config = {
        .memory_mb = 1024, .cpu_percent = 200, .timeout_ms = 5000, .pids = 128, .open_files = 200,
        .file_mb = 25, .disk_mb = 30, .max_files = 2000,
    };
    struct limits limits;
    struct fault fault;

    (void) state;
    assert_true(limits_choose(&settings, NULL, &limits, &fault));
    assert_int_equal(limits.memory_mb, 512);
    assert_int_equal(limits.cpu_percent, 50);
    assert_int_equal(limits.pids, 64);
    assert_int_equal(limits.open_files, 100);
    assert_int_equal(limits.disk_mb, 10);
    assert_int_equal(limits.file_mb, 10);       /* no file is larger than the disk */
    assert_int_equal(limits.files, 1000);
    assert_true(limits.is_wall);
    assert_true(limits_choose(&settings, &config, &limits, &fault));
    assert_int_equal(limits.memory_mb, 1024);
    assert_int_equal(limits.timeout_ms, 5000);
    assert_int_equal(limits.pids, 128);
    assert_int_equal(limits.open_files, 200);
    assert_int_equal(limits.file_mb, 25);
    assert_int_equal(limits.disk_mb, 30);
    assert_int_equal(limits.files, 2000);
    config.memory_mb = 1025;
    assert_false(limits_choose(&settings, &config, &limits, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
    assert_string_equal(fault.reason, "config.memoryMb: at most 1024 here");
}

/* ---- the table of system calls ---- */

/* 2 refused whatever its arguments, 1 by them or allowed; both is a mistake in the table. */
static const struct { const char *call; int kind; } calls[] = {
#define ALLOW(call) {#call, 1},
#define ALLOW_IS(call, arg, value) {#call, 1},
#define ALLOW_IS_BOTH(call, arg, value, other, wanted) {#call, 1},
#define ALLOW_MASKED(call, arg, mask, value) {#call, 1},
#define ALLOW_SOCKET(domain, type, protocol) {"socket", 1},
#define REFUSE(call, error) {#call, 2},
#define REFUSE_MASKED(call, arg, mask, value) {#call, 1},
#define REFUSE_SOCKET(domain) {"socket", 1},
#define REFUSE_SOCKET_TYPE(domain, type) {"socket", 1},
#include "actors/sandbox/seccomp.def"
};

static int kind_of(const char *call)
{
    int kind = 0;

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].call, call) == 0)
            kind |= calls[i].kind;
    return kind;
}

static void test_no_call_is_both(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (kind_of(calls[i].call) == 3)
            fail_msg("'%s' is allowed and refused", calls[i].call);
}

static void test_dangerous_calls_are_named(void **state)
{
    static const char *const dangerous[] = {
        "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "keyctl", "bpf",
        "perf_event_open", "userfaultfd", "io_uring_setup", "mount", "umount2", "unshare", "setns",
        "clone3", "personality", "modify_ldt", "open_by_handle_at", "quotactl", "kexec_load",
        "reboot", "swapon", "init_module", "finit_module", "pivot_root", "chroot", "setuid",
    };

    (void) state;
    for (size_t i = 0; i < sizeof dangerous / sizeof *dangerous; i++)
        if (kind_of(dangerous[i]) != 2)
            fail_msg("'%s' is not refused", dangerous[i]);
}

static void test_filter_can_be_made(void **state)
{
    struct fault fault;
    OWNED(fd) int filter = -1;
    char octet = 'x';

    (void) state;
    assert_true(filter_make(&filter, &fault));
    assert_true(lseek(filter, 0, SEEK_END) > 100 * 8);
    assert_true(lseek(filter, 0, SEEK_END) <= 4096 * 8);
    assert_int_equal(pwrite(filter, &octet, 1, 0), -1);     /* sealed: nobody changes it later */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair_of_states),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_deep_package_is_not_parsed),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_text_repair),
        cmocka_unit_test(test_text_repair_stops_on_a_border),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_call_is_both),
        cmocka_unit_test(test_dangerous_calls_are_named),
        cmocka_unit_test(test_filter_can_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
