/* limits_test - every limit of a cage holds, with the host unharmed.
 *
 * Method: apps that take as much as they can get of one thing each; what they got, and what the
 * cgroup counted, is compared with the limit. Where the host has no cgroups those rows are skipped.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/runtime.h"
#include "bus/clock.h"
#include "bus/owned.h"
#include "tests/sandbox/rig.h"

static struct rig rig;

static int open_(void **state)
{
    (void) state;
    rig_make(&rig);
    rig.settings.max_memory_mb = 128;
    rig.settings.max_pids = 40;
    rig.settings.max_file_mb = 4;
    rig.settings.max_open_files = 100;
    rig.settings.log_bytes_max = 65536;
    rig_open(&rig);
    return 0;
}

static int drop(void **state)
{
    (void) state;
    rig_remove(&rig);
    return 0;
}

/* Where a warm cage waits it has its own, as before the test. */
static unsigned count_cgroups(void)
{
    if (rig.is_warm)
        rig_wait_warm(&rig, 1);
    return rig_count_cgroups(&rig);
}

static const char *body(void)
{
    const char *at = strstr(rig.answer, "\r\n\r\n");

    return at ? at + 4 : "";
}

/* ---- system calls ---- */

static const struct { const char *line; } refusals[] = {
    {"ptrace EPERM"}, {"ptrace_1 EPERM"}, {"process_vm_readv EPERM"}, {"process_vm_writev EPERM"},
    {"pidfd_open EPERM"}, {"pidfd_getfd EPERM"}, {"kcmp EPERM"}, {"perf_event_open EPERM"},
    {"prlimit_1 ENOSYS"}, {"prlimit_self done"},
    {"bpf EPERM"}, {"userfaultfd EPERM"}, {"io_uring_setup EPERM"}, {"io_uring_enter EPERM"},
    {"fallocate EOPNOTSUPP"},
    {"io_uring_register EPERM"}, {"keyctl EPERM"}, {"add_key EPERM"}, {"request_key EPERM"},
    {"seccomp EPERM"}, {"prctl_seccomp ENOSYS"}, {"modify_ldt EPERM"}, {"personality EPERM"},
    {"fanotify_init EPERM"}, {"vmsplice EPERM"}, {"uselib EPERM"},
    {"unshare EPERM"}, {"setns EPERM"}, {"clone_newuser EPERM"}, {"clone_newnet EPERM"},
    {"clone_newtime EPERM"}, {"clone3 ENOSYS"}, {"mount EPERM"}, {"umount2 EPERM"},
    {"pivot_root EPERM"}, {"chroot EPERM"}, {"open_tree EPERM"}, {"move_mount EPERM"},
    {"fsopen EPERM"}, {"mount_setattr EPERM"}, {"open_by_handle_at EPERM"},
    {"name_to_handle_at EPERM"}, {"quotactl EPERM"}, {"mknod EPERM"},
    {"reboot EPERM"}, {"kexec_load EPERM"}, {"init_module EPERM"}, {"finit_module EPERM"},
    {"delete_module EPERM"}, {"swapon EPERM"}, {"acct EPERM"}, {"syslog EPERM"}, {"iopl EPERM"},
    {"settimeofday EPERM"}, {"sethostname EPERM"}, {"setuid EPERM"}, {"setgroups EPERM"},
    {"capset EPERM"},
    {"socket_packet EPERM"}, {"socket_raw EPERM"}, {"socket_icmp ENOSYS"},
    {"socket_vsock EPERM"}, {"socket_alg EPERM"}, {"socket_bluetooth EPERM"},
    {"socket_xdp EPERM"}, {"socket_netfilter ENOSYS"}, {"socket_kobject ENOSYS"},
    {"socket_sctp ENOSYS"}, {"socket_inet done"}, {"socket_route done"}, {"tiocsti ENOSYS"},
    {"tiocsti_high ENOSYS"}, {"socket_packet_high ENOSYS"}, {"clone_newuser_high EPERM"},
    {"unknown ENOSYS"},
#ifdef __x86_64__
    {"x32_ptrace ENOSYS"}, {"x32_getpid ENOSYS"}, {"i386_getpid refused"},
#endif
};

/* Put the probe where the app finds it: in its data, with a mode that lets it run. */
static void give_probe(const char *app_id)
{
    char from[PATH_MAX], to[2 * PATH_MAX];
    struct stat about;

    assert_true(cage_host_own_init(from, &rig.fault));
    (void) snprintf(strrchr(from, '/'), 32, "/sandbox_syscall_probe");
    (void) snprintf(to, sizeof to, "%s/runtime/apps/%s/data/probe", rig.data, app_id);
    OWNED(fd) int source = open(from, O_RDONLY | O_CLOEXEC);
    OWNED(fd) int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    assert_true(source >= 0 && target >= 0);
    assert_int_equal(fstat(source, &about), 0);
    assert_int_equal(sendfile(target, source, NULL, (size_t)about.st_size), about.st_size);
    assert_int_equal(fchmod(target, 0755), 0);
}

static bool has_line(const char *text, const char *line)
{
    size_t size = strlen(line);

    for (const char *at = text; (at = strstr(at, line)); at++)
        if ((at == text || at[-1] == '\n') && at[size] == '\n')
            return true;
    return false;
}

static void test_system_calls(void **state)
{
    unsigned wrong = 0;

    (void) state;
    assert_true(rig_start(&rig, "caller", 1, rig_code(&rig, "probe", SERVER_SAYING(
        "(r => (r.stdout || '') + (r.signal || '') + (r.error || '') + 'status ' + r.status + '\\n'"
        ")"
        "(require('child_process').spawnSync('/data/probe', {encoding: 'utf8'}))"))));
    give_probe("caller");
    assert_true(rig_ask(&rig, "caller", "/"));
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (has_line(body(), refusals[i].line))
            continue;
        print_error("not: %s\n", refusals[i].line);
        wrong++;
    }
    if (wrong)
        print_error("%s\n", rig.answer);
    assert_int_equal(wrong, 0);
    assert_true(has_line(body(), "status 0"));          /* refused, never killed */
    assert_true(rig_stop(&rig, "caller"));
}

static uint64_t refused(const struct hits *hits, const char *name)
{
    for (uint32_t i = 0; i < hits->refused_count; i++)
        if (strcmp(hits->refused[i].name, name) == 0)
            return hits->refused[i].count;
    return 0;
}

static bool has_askers_record(void *ended_)
{
    struct ended_run *ended = ended_;

    while (supervisor_next_ended(rig.sandbox.supervisor, ended)) {
        supervisor_forget_ended(rig.sandbox.supervisor, ended->number);
        if (strcmp(ended->app_id, "asker") == 0)
            return true;
    }
    return false;
}

/* What was refused is known by name, with how often, after everything of the run is gone. */
static void test_refusals_are_counted(void **state)
{
    struct ended_run ended;

    (void) state;
    if (rig_is_gvisor(&rig))
        skip();             /* which has nobody to ask: refused with EPERM, and not counted */
    assert_true(rig_start(&rig, "asker", 1, rig_code(&rig, "asker", SERVER_SAYING(
        "(() => { for (let i = 0; i < 1500; i++) try { process.setuid(0); } catch (e) {}"
        "try { process.setgid(0); } catch (e) { return e.code; } })()"))));
    assert_true(rig_ask(&rig, "asker", "/"));
    assert_string_equal(body(), "EPERM");
    assert_true(rig_stop(&rig, "asker"));
    assert_true(rig_wait(has_askers_record, &ended));
    assert_true(ended.is_record);
    assert_int_equal(ended.end.reason, end_reason_stopped);
    /* The C library has every thread ask, and / was asked twice: by the sandbox too. */
    assert_int_equal(refused(&ended.hits, "setuid"), 1500 * refused(&ended.hits, "setgid"));
    assert_true(refused(&ended.hits, "setgid") >= 2);
    assert_int_equal(refused(&ended.hits, "ptrace"), 0);
}

/* ---- amounts ---- */

struct waiting { struct ended_run ended; };

static bool has_ended(void *self_)
{
    struct waiting *self = self_;

    return rig_next_ended(&rig, &self->ended);
}

static void test_memory_hog_is_oom(void **state)
{
    struct waiting waiting;

    (void) state;
    if (!rig_has_cgroups(&rig))
        skip();
    assert_true(rig_start(&rig, "hog", 1, rig_code(&rig, "hog", "let all = [];" SERVER_SAYING(
        "q.url === '/eat' ? setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 1) && 1 : 1"))));
    (void) rig_ask(&rig, "hog", "/eat");
    assert_true(rig_wait(has_ended, &waiting));
    assert_int_equal(waiting.ended.end.reason, end_reason_oom);
    assert_int_equal(waiting.ended.status, app_status_error);
    assert_string_equal(waiting.ended.text, "The app used more memory than its 128 MB.");
    assert_in_range(waiting.ended.end.peak_memory_bytes, (128u << 20) / 10 * 9,
                    (128 + (rig_is_gvisor(&rig) ? rig.sandbox.host.runtime->memory_mb + 1 : 0)) << 20);
    supervisor_forget_ended(rig.sandbox.supervisor, waiting.ended.number);
}

/* V8 gives up before the kernel does; that is the same verdict. */
static void test_heap_hog_is_oom(void **state)
{
    /* V8 looks for what it could free until it gives up: for that behind gVisor half a core is slow. */
    const struct run_config config = {.cpu_percent = 200};
    const struct file file = {.path = TEXT_OF("server.js"), .content = TEXT_OF(
        "let all = [];" SERVER_SAYING("q.url === '/eat' ? setInterval(() => {"
        "for (let i = 0; i < 50000; i++) all.push({i}); }, 1) && 1 : 1"))};
    struct waiting waiting;

    (void) state;
    if (rig.is_plain || !rig_has_cgroups(&rig))
        skip();
    assert_true(rig_start_files(&rig, "heap", 1, (struct files){&file, 1}, &config));
    (void) rig_ask(&rig, "heap", "/eat");
    assert_true(rig_wait(has_ended, &waiting));
    assert_int_equal(waiting.ended.end.reason, end_reason_oom);
    supervisor_forget_ended(rig.sandbox.supervisor, waiting.ended.number);
}

/* Files of /tmp and /dev/shm are memory of the app, and both are capped. */
static void test_tmp_is_capped(void **state)
{
    (void) state;
    assert_true(rig_start(&rig, "tmp", 1, rig_code(&rig, "tmp", "const fs = require('fs'); const fill = d => { let n = 0;"
        "try { for (; n < 1000; n++) fs.writeFileSync(d + '/' + n, Buffer.alloc(1 << 20)); }"
        "catch (e) { for (let i = 0; i <= n; i++) fs.rmSync(d + '/' + i, {force: true});"
        "return n + ' ' + e.code; } };" SERVER_SAYING("fill(q.url)"))));
    assert_true(rig_ask(&rig, "tmp", "/tmp"));
    assert_true(strtoul(body(), NULL, 10) <= CAGE_TMP_OCTETS >> 20);
    assert_non_null(strstr(body(), "ENOSPC"));
    assert_true(rig_ask(&rig, "tmp", "/dev/shm"));
    assert_true(strtoul(body(), NULL, 10) <= CAGE_SHM_OCTETS >> 20);
    assert_non_null(strstr(body(), "ENOSPC"));
    assert_true(rig_stop(&rig, "tmp"));
}

static void test_fork_bomb_is_bounded(void **state)
{
    (void) state;
    unsigned cgroups = count_cgroups(), processes = rig_count_processes(&rig);
    assert_true(rig_start(&rig, "bomb", 1, rig_code(&rig, "bomb",
        "const cp = require('child_process'); const all = []; let failed = 0;"
        "const bomb = () => { for (let i = 0; i < 60; i++) { const c = cp.spawn('/isekai/init');"
        "c.on('error', () => failed++); } for (let i = 0; i < 60; i++) { const c = cp.spawn("
        "process.execPath, ['-e', 'setInterval(() => 0, 1000)'], {detached: true}); c.on('error',"
        "() => failed++); if (c.pid) all.push(c.pid); } };"
        SERVER_SAYING("q.url === '/bomb' ? bomb() || 1 : all.length + ' ' + failed"))));
    assert_true(rig_ask(&rig, "bomb", "/bomb"));
    assert_true(rig_ask(&rig, "bomb", "/"));
    assert_true(strtoul(body(), NULL, 10) < 40);
    int64_t begun = clock_now_ms();
    assert_true(rig_stop(&rig, "bomb"));
    assert_true(clock_now_ms() - begun < 5000);
    assert_int_equal(count_cgroups(), cgroups);
    assert_int_equal(rig_count_processes(&rig), processes);
}

/* What the kernel counted for the cage: how long each period is, how many there were, in how many it
 * was held back. */
struct cpu_counts { uint64_t periods, throttled; };

static struct cpu_counts cpu_counts(const char *name)
{
    struct cpu_counts counts = {0};

    for (int place = 0; place < PLACES; place++) {
        char path[64], line[256];
        if (rig.sandbox.cgroups.dirs[place] < 0)
            continue;
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d/%s/cpu.stat",
                        rig.sandbox.cgroups.dirs[place], name);
        FILE *file = fopen(path, "re");
        while (file && fgets(line, sizeof line, file)) {
            if (strncmp(line, "nr_periods ", 11) == 0)
                counts.periods = strtoull(line + 11, NULL, 10);
            if (strncmp(line, "nr_throttled ", 13) == 0)
                counts.throttled = strtoull(line + 13, NULL, 10);
        }
        if (file)
            (void) fclose(file);
    }
    return counts;
}

static bool is_throttled(void *name)
{
    return cpu_counts(name).throttled > 3;
}

static double cpu_seconds(void)
{
    assert_true(rig_get(&rig, "spin"));
    return rig.state.cpu_seconds;
}

/* Over some seconds an app that would take all gets its percent, no more than a tenth beside it: of
 * the time that went by, and not less, if the kernel held it back in nearly every period. */
static void test_cpu_is_held_back(void **state)
{
    enum { PERCENT = 20, WINDOW_MS = 3000 };
    static char name[] = "cage-XXXXXXXXXX";
    const struct run_config config = {.cpu_percent = PERCENT};
    const struct file file = {.path = TEXT_OF("server.js"), .content = text_from(rig_code(&rig, "spin",
        "require('http').createServer((q, r) => { r.end('ok'); if (q.url === '/spin') setInterval("
        "() => { const t = Date.now(); while (Date.now() - t < 50); }, 0); })"
        ".listen(process.env.PORT);"))};

    (void) state;
    if (!rig_has_cgroups(&rig))
        skip();
    assert_true(rig_start_files(&rig, "spin", 1, (struct files){&file, 1}, &config));
    for (uint64_t i = 1; i < 100; i++) {
        char path[64];
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d/cage-%" PRIu64,
                        rig.sandbox.cgroups.dirs[0], i);
        if (access(path, F_OK) < 0)
            continue;
        (void) snprintf(name, sizeof name, "cage-%" PRIu64, i);
        break;                          /* a later one would be warm */
    }
    assert_true(rig_ask(&rig, "spin", "/spin"));
    assert_true(rig_wait(is_throttled, name));

    struct cpu_counts before = cpu_counts(name);
    double seconds_before = cpu_seconds();
    int64_t begun = clock_now_ms();
    while (clock_now_ms() - begun < WINDOW_MS)
        (void) poll(NULL, 0, 50);
    double share = 100 * (cpu_seconds() - seconds_before) / ((double)(clock_now_ms() - begun) / 1000);
    struct cpu_counts after = cpu_counts(name);
    uint64_t periods = after.periods - before.periods;
    assert_true(periods > 0);
    if (share > PERCENT * 1.1)
        fail_msg("%.1f percent", share);
    if ((after.throttled - before.throttled) * 10 >= periods * 9 && share < PERCENT * 0.9)
        fail_msg("%.1f percent", share);
    assert_true(rig_stop(&rig, "spin"));
}

static void test_file_size_and_open_files(void **state)
{
    (void) state;
    assert_true(rig_start(&rig, "files", 1, rig_code(&rig, "large", "const fs = require('fs');"
        "process.on('SIGXFSZ', () => 0);" SERVER_SAYING("q.url === '/big' ? (() => { const f = "
        "fs.openSync('/data/big', 'w'); let n = 0; try { for (;; n++) fs.writeSync(f, Buffer.alloc("
        "1 << 20)); } finally { n > 4 && process.exit(1); } })() : q.url === '/sparse' ? "
        "fs.truncateSync(fs.openSync('/data/s', 'w'), 1e12) : q.url === '/many' ? (() => { const f = "
        "[]; try { for (;;) f.push(fs.openSync('/app/server.js')); } catch { f.forEach(fs.closeSync)"
        "; } return String(f.length); })() : 1"))));
    assert_true(rig_ask(&rig, "files", "/big"));
    assert_string_equal(body(), "threw EFBIG");
    assert_true(rig_ask(&rig, "files", "/sparse"));
    assert_string_equal(body(), "threw EFBIG");
    assert_true(rig_ask(&rig, "files", "/many"));
    unsigned long opened = strtoul(body(), NULL, 10);
    assert_true(opened > 0 && opened < rig.settings.max_open_files);
    assert_true(rig_stop(&rig, "files"));
}

/* The row of /proc/self/limits that begins with `name`: its first number. */
static unsigned long limit_told(const char *name)
{
    const char *at = strstr(body(), name);

    return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

/* Whether a cage may have so many processes, as its cgroup says; the others have the default. */
static bool are_pids_told(uint64_t wanted)
{
    char path[64];
    uint64_t told = 0;

    for (uint64_t i = 1; i < 1000 && told != wanted; i++) {
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d/cage-%" PRIu64 "/pids.max",
                        rig.sandbox.cgroups.dirs[PLACE_PIDS], i);
        FILE *file = fopen(path, "re");
        if (file && fscanf(file, "%" SCNu64, &told) != 1)
            told = UINT64_MAX;
        if (file)
            (void) fclose(file);
    }
    return told == wanted;
}

/* What config asks for holds in place of the default, whether it is less or more. */
static void test_wishes_hold(void **state)
{
    const struct run_config config = {.pids = 24, .open_files = 64, .file_mb = 6};
    const struct file file = {.path = TEXT_OF("server.js"), .content = text_from(rig_code(&rig, "wishes",
        "const fs = require('fs'); process.on('SIGXFSZ', () => 0); const write = n =>"
        "fs.writeFileSync('/data/f', Buffer.alloc(n << 20)) || 'written';"
        SERVER_SAYING("q.url === '/' ? fs.readFileSync('/proc/self/limits') :"
                      "write(+q.url.slice(1))")))};

    (void) state;
    assert_true(rig_start_files(&rig, "wishes", 1, (struct files){&file, 1}, &config));
    assert_true(rig_ask(&rig, "wishes", "/"));
    if (!rig_is_gvisor(&rig)) {         /* whose kernel does not tell */
        assert_int_equal(limit_told("Max open files"), 64);
        assert_int_equal(limit_told("Max file size"), 6 << 20);
    }
    assert_true(rig_ask(&rig, "wishes", "/5"));
    assert_string_equal(body(), "written");
    assert_true(rig_ask(&rig, "wishes", "/7"));
    assert_string_equal(body(), "threw EFBIG");
    if (rig_has_cgroups(&rig))
        assert_true(are_pids_told(24 * rig.sandbox.host.runtime->pids_each +
                                  rig.sandbox.host.runtime->pids));
    assert_true(rig_stop(&rig, "wishes"));
}

/* ---- talk ---- */

static void test_log_flood_is_bounded(void **state)
{
    char path[2 * PATH_MAX];
    struct stat new, old;

    (void) state;
    assert_true(rig_start(&rig, "flood", 1, rig_code(&rig, "flood", "setInterval(() => { for (let i = 0; i < 2000; i++)"
        "console.log('x'.repeat(3000) + i); }, 1);" SERVER_SAYING("1"))));
    assert_true(rig_start(&rig, "calm", 1, rig_code(&rig, "calm", SERVER_SAYING("'calm'"))));
    for (int i = 0; i < 20; i++) {
        assert_true(rig_ask(&rig, "calm", "/"));        /* the others are served meanwhile */
        assert_true(rig_get(&rig, "flood"));
        (void) poll(NULL, 0, 50);
    }
    assert_true(rig_stop(&rig, "flood"));
    (void) snprintf(path, sizeof path, "%s/runtime/apps/flood/log/new", rig.data);
    assert_int_equal(stat(path, &new), 0);
    (void) snprintf(path, sizeof path, "%s/runtime/apps/flood/log/old", rig.data);
    assert_int_equal(stat(path, &old), 0);
    assert_true(new.st_size + old.st_size <= 65536);
    assert_true(rig_stop(&rig, "calm"));
}

static void test_wishes_over_the_limit_are_refused(void **state)
{
    const struct run_config configs[] = {
        {.memory_mb = 4096}, {.cpu_percent = 400}, {.timeout_ms = 86400001}, {.pids = 513},
        {.open_files = 4097}, {.file_mb = 1025}, {.disk_mb = 1025}, {.max_files = 100001},
    };
    const struct file file = {.path = TEXT_OF("server.js"), .content = TEXT_OF(SERVER_SAYING("1"))};

    (void) state;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        assert_false(rig_start_files(&rig, "greedy", 1, (struct files){&file, 1}, &configs[i]));
        assert_int_equal(rig.fault.kind, FAULT_malformed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_calls),
        cmocka_unit_test(test_refusals_are_counted),
        cmocka_unit_test(test_memory_hog_is_oom),
        cmocka_unit_test(test_heap_hog_is_oom),
        cmocka_unit_test(test_tmp_is_capped),
        cmocka_unit_test(test_fork_bomb_is_bounded),
        cmocka_unit_test(test_cpu_is_held_back),
        cmocka_unit_test(test_file_size_and_open_files),
        cmocka_unit_test(test_wishes_hold),
        cmocka_unit_test(test_log_flood_is_bounded),
        cmocka_unit_test(test_wishes_over_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, open_, drop);
}
