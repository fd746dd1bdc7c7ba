/* isolation_test - what an app cannot see, reach, do or leave.
 *
 * Method: one hostile program per row runs as an app and says what it got; the row says what it
 * must be. Everything is harmless by itself.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/owned.h"
#include "tests/sandbox/rig.h"

static struct rig rig;

static int open_(void **state)
{
    (void) state;
    /* What the service itself knows must not reach an app. */
    assert_int_equal(setenv("ISEKAI_TEST_SECRET", "hunter2", 1), 0);
    rig_make(&rig);
    rig_open(&rig);
    return 0;
}

static int drop(void **state)
{
    (void) state;
    rig_remove(&rig);
    return 0;
}

/* `got` is a JavaScript expression; the answer's body must be exactly `wanted`. */
static const struct { const char *label, *got, *wanted; } looks[] = {
    {"environment is an allow-list", "Object.keys(process.env).sort().join()",
     "DATA_DIR,HOME,LANG,NODE_ENV,PATH,PORT,PWD,TMPDIR"},
    {"no secret of ours", "JSON.stringify(process.env).includes('hunter2')", "false"},
    {"not even by /proc", "fs.readdirSync('/proc').filter(p => /^[0-9]+$/.test(p)).some(p => { "
     "try {"
     "return fs.readFileSync('/proc/' + p + '/environ', 'utf8').includes('hunter2'); }"
     "catch (e) { return false; } })", "false"},
    {"it is nobody in particular", "process.getuid() + ' ' + process.getgid()", "1000 1000"},
    {"no further groups", "process.getgroups().join()", "1000"},
    {"shadow", "fs.readFileSync('/etc/shadow')", "threw ENOENT"},
    {"passwd is ours", "fs.readFileSync('/etc/passwd', 'utf8').split(':')[0]", "app"},
    {"only these of /etc", "fs.readdirSync('/etc').sort().join()",
     "group,hosts,localtime,nsswitch.conf,passwd,resolv.conf"},
    {"only these directories",
     "fs.readdirSync('/').filter(n => !n.startsWith('lib')).sort().join()",
     "app,data,dev,etc,isekai,proc,tmp,usr"},
    {"no shell", "cp.execSync('id').toString()", "threw ENOENT"},
    {"no homes", "fs.readdirSync('/root')", "threw ENOENT"},
    {"no run directory", "fs.readdirSync('/run')", "threw ENOENT"},
    {"no var", "fs.readdirSync('/var')", "threw ENOENT"},
    {"own processes only", "fs.readdirSync('/proc').filter(p => /^[0-9]+$/.test(p)).length < 5",
     "true"},
    {"root cannot be written", "fs.writeFileSync('/x', '')", "threw EROFS"},
    {"nor a new directory", "fs.mkdirSync('/x')", "threw EROFS"},
    {"nor /usr", "fs.writeFileSync('/usr/lib/x', '')", "threw EROFS"},
    {"nor node", "fs.writeFileSync(process.execPath, '')", "threw EROFS"},
    {"nor process 1's program", "fs.appendFileSync('/isekai/init', '')",
     "threw EROFS|threw EACCES"},
    {"nor /etc", "fs.writeFileSync('/etc/hosts', '')", "threw EROFS"},
    {"nor /dev", "fs.writeFileSync('/dev/x', '')", "threw EROFS"},
    {"/app can", "fs.writeFileSync('/app/x', 'a') || fs.readFileSync('/app/x')", "a"},
    {"/data can", "fs.writeFileSync('/data/x', 'a') || fs.readFileSync('/data/x')", "a"},
    {"/tmp can", "fs.writeFileSync('/tmp/x', 'a') || fs.readFileSync('/tmp/x')", "a"},
    {"files move and are linked in /data, from one directory to another",
     "fs.mkdirSync('/data/a') || fs.writeFileSync('/data/m', 'a') || "
     "fs.renameSync('/data/m', '/data/a/m') || fs.linkSync('/data/a/m', '/data/n') || "
     "fs.truncateSync('/data/n', 0) || fs.symlinkSync('n', '/data/s') || "
     "fs.rmSync('/data/a', { recursive: true }) || fs.readdirSync('/data').includes('n')", "true"},
    {"but not from /app to /data", "fs.writeFileSync('/app/m', '') || "
     "fs.renameSync('/app/m', '/data/p')", "threw EXDEV"},
    {"nor linked", "fs.writeFileSync('/app/k', '') || fs.linkSync('/app/k', '/data/k')",
     "threw EXDEV"},
    {"devices can be written", "fs.writeFileSync('/dev/null', 'x') || 'written'", "written"},
    {"a few devices", "fs.readdirSync('/dev').filter(n => !/^(null|zero|full|random|urandom|tty|fd|"
     "std|pts|ptmx|shm|core|console)/.test(n)).join()", ""},
    {"no kernel log", "fs.readFileSync('/proc/kmsg')", "threw EACCES|threw EPERM"},
    {"no kernel memory", "fs.readFileSync('/proc/kcore')", "threw EACCES|threw ENOENT|threw EPERM"},
    {"no sysctl", "fs.writeFileSync('/proc/sys/kernel/hostname', 'x')",
     "threw EACCES|threw EROFS|threw EPERM"},
    {"no sysrq", "fs.writeFileSync('/proc/sysrq-trigger', 'h')",
     "threw EACCES|threw ENOENT|threw EROFS|threw EPERM"},
    {"process 1 cannot be looked into", "fs.readdirSync('/proc/1/fd')", "threw EACCES"},
    {"nor its memory", "fs.openSync('/proc/1/mem', 'r+')", "threw EACCES"},
    {"nor its root", "fs.readdirSync('/proc/1/root')", "threw EACCES"},
    {"nor killed", "process.kill(1, 'SIGKILL') && process.kill(1, 'SIGSTOP') && "
     "process.kill(1, 'SIGTERM') && fs.existsSync('/proc/1')", "true|threw EPERM"},
    {"no uid but its own", "process.setuid(0)", "threw EPERM"},
    {"no capabilities",
     "fs.readFileSync('/proc/self/status', 'utf8').match(/CapEff:\\s*(\\w+)/)[1]",
     "0000000000000000"},
    {"nor to be had", "fs.readFileSync('/proc/self/status', 'utf8').match(/CapBnd:\\s*(\\w+)/)[1]",
     "0000000000000000"},
    {"no_new_privs",
     "fs.readFileSync('/proc/self/status', 'utf8').match(/NoNewPrivs:\\s*(\\d)/)[1]",
     "1"},
    {"a filter", "fs.readFileSync('/proc/self/status', 'utf8').match(/Seccomp:\\s*(\\d)/)[1]", "2"},
    {"setuid files are inert", "fs.readFileSync('/proc/self/mounts', 'utf8').split('\\n').filter("
     "l => l && !/nosuid/.test(l)).join()", ""},
    {"no time zone of the host's", "fs.readlinkSync('/etc/localtime') + ' ' + "
     "Intl.DateTimeFormat().resolvedOptions().timeZone", "/usr/share/zoneinfo/Etc/UTC UTC"},
    {"only lo", "Object.keys(os.networkInterfaces()).join()", "lo"},
    {"no descriptor of others", "fs.readdirSync('/proc/self/fd').map(n => { try { return "
     "fs.readlinkSync('/proc/self/fd/' + n); } catch (e) { return ''; } }).filter(l => "
     "/memfd|preview|\\.sock|isekai/.test(l)).join()", ""},
    {"links do not lead out", "fs.symlinkSync('/proc/1/root/etc/shadow', '/data/l') || "
     "fs.readFileSync('/data/l')", "threw EACCES"},
    {"its limits",
     "fs.readFileSync('/proc/self/limits', 'utf8').match(/core file size\\s+(\\d+)/)[1]",
     "0"},
    {"name of the machine", "os.hostname()", "app"},
};

#define NOT_ASKED "-"

/* What is otherwise behind gVisor, another kernel: directories that it makes itself are there though
 * nobody may open them; the mode of a file comes before a read-only file system; files of the kernel's
 * state are missing; process 1 cannot even be signalled; and it obeys no setuid bit of a file, and has
 * no nosuid to show for that. */
static const struct { const char *label, *wanted; } behind_gvisor[] = {
    {"only these directories", "app,data,dev,etc,isekai,proc,run,sys,tmp,usr"},
    {"no run directory", "threw EACCES"},
    {"nor /usr", "threw EACCES"},
    {"nor node", "threw EACCES"},
    {"nor /etc", "threw EACCES"},
    {"nor /dev", "threw EACCES"},
    {"no kernel log", "threw ENOENT"},
    {"nor killed", "threw EPERM"},
    {"no_new_privs", "threw Cannot read properties of null (reading '1')"},
    {"setuid files are inert", NOT_ASKED},
    {"its limits", "threw ENOENT"},
};

static const char *wanted_of(size_t look)
{
    for (size_t i = 0; rig_is_gvisor(&rig) && i < sizeof behind_gvisor / sizeof *behind_gvisor; i++)
        if (strcmp(behind_gvisor[i].label, looks[look].label) == 0)
            return behind_gvisor[i].wanted;
    return looks[look].wanted;
}

static const char prelude[] = "const fs = require('fs'), os = require('os'), "
                              "cp = require('child_process');";

/* The answer's body; for "a|b" one of the two. */
static bool is_wanted(const char *body, const char *wanted)
{
    while (*wanted) {
        size_t size = strcspn(wanted, "|");
        if (strlen(body) == size && strncmp(body, wanted, size) == 0)
            return true;
        wanted += size + (wanted[size] == '|');
    }
    return *body == '\0' && *wanted == '\0';
}

static void test_looks(void **state)
{
    unsigned wrong = 0;

    (void) state;
    struct text server = arena_print(rig.arena, "%s\nconst tries = [\n", prelude);
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        server = arena_print(rig.arena, "%.*s() => %s,\n", TEXT_ARGS(server), looks[i].got);
    server = arena_print(rig.arena, "%.*s];" SERVER_SAYING("tries[q.url.slice(1) || 0]()"),
                         TEXT_ARGS(server));
    assert_true(rig_start(&rig, "looker", 1, server.at));
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        char path[16];
        (void) snprintf(path, sizeof path, "/%zu", i);
        assert_true(rig_ask(&rig, "looker", path));
        const char *body = strstr(rig.answer, "\r\n\r\n");
        const char *wanted = wanted_of(i);
        if (strcmp(wanted, NOT_ASKED) == 0 || (body && is_wanted(body + 4, wanted)))
            continue;
        print_error("%s: '%s'\n", looks[i].label, body ? body + 4 : "?");
        wrong++;
    }
    assert_int_equal(wrong, 0);
    assert_true(rig_stop(&rig, "looker"));
}

/* Two apps: neither the files nor the processes nor the sockets of one show in the other. */
static void test_apps_do_not_see_each_other(void **state)
{
    (void) state;
    assert_true(rig_start(&rig, "left", 1, "const fs = require('fs');"
                          "fs.writeFileSync('/data/mine', 'treasure', {mode: 0o666});"
                          "fs.chmodSync('/data', 0o777); fs.chmodSync('/app', 0o777);"
                          SERVER_SAYING("'left'")));
    assert_true(rig_start(&rig, "right", 1, SERVER_SAYING(
        "require('fs').readdirSync('/data').join() + '|' + "
        "require('fs').existsSync('/tmp/isekai-sandbox') + '|' + "
        "require('fs').readdirSync('/tmp').join()")));
    assert_true(rig_ask(&rig, "right", "/"));
    assert_non_null(strstr(rig.answer, "\r\n\r\n|false|"));
    if (geteuid() == 0) {
        char left[2 * PATH_MAX], right[2 * PATH_MAX];
        struct stat of_left, of_right;
        (void) snprintf(left, sizeof left, "%s/runtime/apps/left/data", rig.data);
        (void) snprintf(right, sizeof right, "%s/runtime/apps/right/data", rig.data);
        assert_int_equal(stat(left, &of_left), 0);
        assert_int_equal(stat(right, &of_right), 0);
        assert_true(of_left.st_uid >= 200000 && of_right.st_uid >= 200000);
        assert_int_not_equal(of_left.st_uid, of_right.st_uid);
    }
    assert_true(rig_stop(&rig, "left"));
    assert_true(rig_stop(&rig, "right"));
}

/* A listener on this host's loopback must be out of reach, and so must everything else. */
static void test_no_network(void **state)
{
    OWNED(fd) int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    (void) state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    struct text server = arena_print(rig.arena,
        "const net = require('net'), dns = require('dns');"
        "const dial = (h, p) => new Promise(done => { const s = net.connect({host: h, port: p, "
        "timeout: 3000}, () => done('connected')); s.on('error', e => done(e.code));"
        "s.on('timeout', () => done('timeout')); });"
        "require('http').createServer(async (q, r) => r.end([await dial('127.0.0.1', %u), "
        "await dial('1.1.1.1', 53), await dial('169.254.169.254', 80), await new Promise(d => "
        "dns.lookup('example.com', e => d(e.code)))].join())).listen(process.env.PORT);",
        ntohs(address.sin_port));
    assert_true(rig_start(&rig, "caller", 1, server.at));
    assert_true(rig_ask(&rig, "caller", "/"));
    assert_non_null(strstr(rig.answer, "\r\n\r\nECONNREFUSED,EGRESS_DENIED,EGRESS_DENIED,E"));
    assert_true(rig_stop(&rig, "caller"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_apps_do_not_see_each_other),
        cmocka_unit_test(test_no_network),
    };
    return cmocka_run_group_tests(tests, open_, drop);
}
