/* proof_test - the cage proves itself: what is broken on purpose is named, and only that.
 *
 * Method: real cages. The linker puts this file's __wrap_cage_arguments() and __wrap_filter_make()
 * in front of the real ones, so that the cages that are proven can be built wrong; weak_init.c is process 1
 * of some of them. Every row of proof.def has to be seen to break. What no cage of this host
 * can be given, because its kernel refuses it too, a filter answers in the kernel's place, as one
 * that let it happen would.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actors/sandbox/filter.h"
#include "actors/sandbox/init/protocol.h"
#include "bus/clock.h"
#include "tests/sandbox/rig.h"

static struct rig rig;

/* ---- sabotage ---- */

enum { WORDS_MAX = 8, SABOTAGED_MAX = 4 };

/* Leave out each of `without`, words that stand side by side; put `with` in before the root is
 * made read-only. `weak` is for weak_init.c. An argument of isekai-init can be said otherwise, and one
 * system call answered with 0; where if_first is not 0, only with that as its first argument. */
static struct sabotage {
    const char *without[SABOTAGED_MAX][WORDS_MAX], *with[WORDS_MAX], *weak;
    bool no_filter, no_landlock, no_cgroups;
    enum init_argument argument;
    const char *value;
    unsigned answered, if_first;
} sabotage;
static atomic_bool is_sabotaged;
/* By one sabotage or another, in all tests of this program. */
static bool has_broken[PROOF_ROWS];

bool __real_cage_arguments(const struct cage_spec *spec, struct cage_arguments *out,
                           struct fault *fault);
bool __wrap_cage_arguments(const struct cage_spec *spec, struct cage_arguments *out,
                           struct fault *fault);
bool __real_filter_make(int *out, struct fault *fault);
bool __wrap_filter_make(int *out, struct fault *fault);

static size_t count_words(const char *const words[WORDS_MAX])
{
    size_t count = 0;

    while (count < WORDS_MAX && words[count])
        count++;
    return count;
}

static bool stands_at(const struct cage_arguments *arguments, size_t at,
                      const char *const words[WORDS_MAX])
{
    size_t count = count_words(words);

    for (size_t i = 0; i < count; i++)
        if (at + i >= arguments->count || strcmp(arguments->at[at + i], words[i]) != 0)
            return false;
    return count > 0;
}

static void leave_out(struct cage_arguments *out, const char *const words[WORDS_MAX])
{
    size_t count = count_words(words), at = 0;

    while (at < out->count && !stands_at(out, at, words))
        at++;
    assert_true(at < out->count);
    memmove(out->at + at, out->at + at + count, (out->count - at - count + 1) * sizeof *out->at);
    out->count -= count;
}

static void put_in(struct cage_arguments *out, const char *const *words, size_t count)
{
    size_t at = 0;

    while (at < out->count && strcmp(out->at[at], "--chdir") != 0)
        at++;
    assert_true(at < out->count && out->count + count < CAGE_ARGUMENTS_MAX);
    memmove(out->at + at + count, out->at + at, (out->count - at + 1) * sizeof *out->at);
    memcpy(out->at + at, words, count * sizeof *words);
    out->count += count;
}

static void say_otherwise(struct cage_arguments *out, enum init_argument which, const char *value)
{
    for (size_t i = 0; i < out->count; i++)
        if (strcmp(out->at[i], "/isekai/init") == 0 && strcmp(out->at[i - 1], "--") == 0)
            out->at[i + which] = value;
}

static char weak_init[PATH_MAX];

static void rebuild(struct cage_arguments *out)
{
    const char *const weak[] = {"--ro-bind", weak_init, "/isekai/init", "--setenv", "ISEKAI_WEAK",
                                sabotage.weak};

    for (size_t i = 0; i < SABOTAGED_MAX && sabotage.without[i][0]; i++)
        leave_out(out, sabotage.without[i]);
    put_in(out, sabotage.with, count_words(sabotage.with));
    if (sabotage.weak)
        put_in(out, weak, sizeof weak / sizeof *weak);
    if (sabotage.argument)
        say_otherwise(out, sabotage.argument, sabotage.value);
    if (sabotage.no_landlock)       /* the second layer would hide what the first one lets through */
        say_otherwise(out, INIT_ARG_LANDLOCK, "0");
}

bool __wrap_cage_arguments(const struct cage_spec *spec, struct cage_arguments *out,
                           struct fault *fault)
{
    if (!__real_cage_arguments(spec, out, fault))
        return false;
    if (atomic_load(&is_sabotaged) && spec->program)
        rebuild(out);
    return true;
}

bool __wrap_filter_make(int *out, struct fault *fault)
{
    const struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sabotage.answered ? sabotage.answered : ~0U, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sabotage.if_first, 0, sabotage.if_first ? 1 : 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),       /* error 0: it returns 0 */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    if (!atomic_load(&is_sabotaged) || !sabotage.no_filter)
        return __real_filter_make(out, fault);
    *out = memfd_create("allow-all", MFD_CLOEXEC);
    return *out >= 0 && write(*out, program, sizeof program) == (ssize_t)sizeof program;
}

static void sabotage_with(const struct sabotage *how)
{
    sabotage = *how;
    atomic_store(&is_sabotaged, true);
}

/* ---- one proof ---- */

static const struct cgroups no_cgroups = {.kind = CGROUP_NONE, .dirs = {-1, -1, -1, -1}};

static struct proof_place place_with(const struct cgroups *cgroups)
{
    const struct workspace *workspace = &rig.sandbox.workspace;

    return (struct proof_place){
        .host = &rig.sandbox.host, .cgroups = cgroups, .runtime = workspace->path,
        .run = rig.run, .uid = workspace->owns_uids ? workspace->uid_first : 0,
    };
}

static void prove(const struct cgroups *cgroups, struct proof *out)
{
    static const atomic_bool never;
    const struct proof_place place = place_with(cgroups);

    if (!proof_run(&place, &never, out, &rig.fault))
        fail_msg("proof_run: %s", rig.fault.reason);
}

/* "mount ptrace": in the order of proof.def. */
static const char *missed(const struct proof *proof)
{
    static char names[1024];
    size_t used = 0;

    names[0] = '\0';
    for (int row = 0; row < PROOF_ROWS; row++)
        if (proof->findings[row].outcome != proof_outcome_held)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? " " : "",
                                     proof_name((enum proof_row)row));
    return names;
}

/* To where the users of cages can read it. */
static void bring_weak_init(void)
{
    static char octets[1 << 20];
    char path[PATH_MAX];
    ssize_t more, size = readlink("/proc/self/exe", path, sizeof path - 1);

    assert_true(size > 0);
    path[size] = '\0';
    (void) snprintf(strrchr(path, '/'), 32, "/sandbox_weak_init");
    (void) snprintf(weak_init, sizeof weak_init, "%.4000s/weak", rig.sandbox.host.files);
    int from = open(path, O_RDONLY | O_CLOEXEC);
    int to = open(weak_init, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_true(from >= 0 && to >= 0);
    while ((more = read(from, octets, sizeof octets)) > 0)
        assert_int_equal(write(to, octets, (size_t)more), more);
    (void) close(from);
    (void) close(to);
}

static int open_(void **state)
{
    (void) state;
    rig_make(&rig);
    rig_open(&rig);
    bring_weak_init();
    return 0;
}

static int drop(void **state)
{
    (void) state;
    rig_remove(&rig);
    return 0;
}

static void test_all_holds_here(void **state)
{
    struct proof proof;

    (void) state;
    assert_true(sweeper_wait_clean(rig.sandbox.sweeper, clock_now_ms() + RIG_WAIT_MS));
    unsigned fds = rig_count_fds(), cgroups = rig_count_cgroups(&rig);
    prove(&rig.sandbox.cgroups, &proof);
    if (rig_has_cgroups(&rig)) {
        assert_string_equal(missed(&proof), "");
        assert_int_equal(proof.level, sandbox_level_limits);
    } else {
        assert_string_equal(missed(&proof), "cpu memory memory_files");
        assert_int_equal(proof.level, sandbox_level_namespaces);
    }
    assert_true(rig_fds_at_most(fds));
    assert_int_equal(rig_count_cgroups(&rig), cgroups);
    assert_int_equal(rig_count_processes(&rig), 0);
}

static void test_without_cgroups_limits_are_not_reached(void **state)
{
    struct proof proof;

    (void) state;
    prove(&no_cgroups, &proof);
    assert_string_equal(missed(&proof), "cpu memory memory_files");
    assert_int_equal(proof.level, sandbox_level_namespaces);
    assert_string_equal(proof.findings[PROOF_memory].detail, "took 84 MB of 64");
    assert_string_equal(proof.findings[PROOF_cpu].detail, "nothing held it back");
}

/* ---- what is broken is named ---- */

/* A filter closes these whatever the kernel's own settings say; without it they are up to those. */
static bool is_up_to_the_kernel(int row)
{
    return row == PROOF_keyctl || row == PROOF_io_uring || row == PROOF_perf ||
           row == PROOF_userfaultfd || row == PROOF_vsock_socket || row == PROOF_bpf;
}

/* What breaks with any sabotage: landlock without it, and what only cgroups hold where there are none. */
static bool breaks_anyway(int row)
{
    return (row == PROOF_landlock && sabotage.no_landlock && rig.sandbox.host.landlock > 0) ||
           ((row == PROOF_cpu || row == PROOF_memory || row == PROOF_memory_files) && !rig_has_cgroups(&rig));
}

/* Just the rows of `broke` and those above, beside those that a missing filter leaves to the kernel. */
static void assert_breaks(const char *label, const char *broke, const struct proof *proof)
{
    char wanted[256];
    int wrong = 0;

    (void) snprintf(wanted, sizeof wanted, " %s ", broke);
    for (int row = 0; row < PROOF_ROWS; row++) {
        const struct finding *finding = &proof->findings[row];
        char name[64];
        (void) snprintf(name, sizeof name, " %s ", proof_name((enum proof_row)row));
        bool is_wanted = strstr(wanted, name) != NULL || breaks_anyway(row);
        has_broken[row] = has_broken[row] || finding->outcome == proof_outcome_broke;
        if (is_wanted == (finding->outcome == proof_outcome_broke) ||
            ((sabotage.no_filter || sabotage.weak) && is_up_to_the_kernel(row) && !is_wanted))
            continue;
        print_error("%s: %s is %s: %s\n", label, proof_name((enum proof_row)row),
                    choice_name(&proof_outcome_choices, finding->outcome), finding->detail);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    assert_true(proof->level < sandbox_level_limits);
}

struct broken_cage { const char *label; struct sabotage how; const char *broke; };

static void assert_all_break(const struct broken_cage *rows, size_t count)
{
    struct proof proof;

    for (size_t i = 0; i < count; i++) {
        sabotage_with(&rows[i].how);
        prove(rows[i].how.no_cgroups ? &no_cgroups : &rig.sandbox.cgroups, &proof);
        atomic_store(&is_sabotaged, false);
        assert_breaks(rows[i].label, rows[i].broke, &proof);
    }
}

static void test_sabotage_is_named(void **state)
{
    static char data[PATH_MAX];
    const struct broken_cage rows[] = {
        {"the host's files in view", {.with = {"--ro-bind", "/var", "/var"}}, "host_files"},
        {"our own directories in view", {.with = {"--ro-bind", data, data}},
         "own_directories other_app"},
        {"a root that can be written", {.without = {{"--remount-ro", "/"}}, .no_landlock = true},
         "root_write"},
        {"a device of the host's", {.with = {"--dev-bind", "/dev/null", "/dev/fuse"}}, "device_files"},
        {"the host's network", {.without = {{"--unshare-net"}}, .no_landlock = true},
         "tcp udp abstract_socket network_interfaces"},
        {"the host's processes", {.with = {"--bind", "/proc", "/proc"}}, "host_processes"},
        {"a variable of ours", {.with = {"--setenv", "ISEKAI_SECRET", "x"}}, "environment"},
        {"a /tmp without a size", {.with = {"--tmpfs", "/tmp"}}, "tmp_fill"},
        {"a /dev/shm without a size", {.with = {"--tmpfs", "/dev/shm"}}, "shm_fill"},
        {"files of any size", {.argument = INIT_ARG_FILE_MB, .value = "1000"}, "file_size"},
        {"files in any number", {.argument = INIT_ARG_OPEN_FILES, .value = "1000"}, "open_files"},
        {"processes in any number",
         {.argument = INIT_ARG_PROCESSES, .value = "1000", .no_cgroups = true},
         "processes cpu memory memory_files"},
        {"root", {.with = {"--uid", "0", "--gid", "0"}}, "setuid process_1"},
        {"a capability", {.with = {"--cap-add", "CAP_NET_RAW"}}, "capabilities"},
        {"no filter", {.no_filter = true}, "ptrace"},
        {"no filter, and namespaces in namespaces",
         {.without = {{"--disable-userns"}}, .no_filter = true}, "ptrace user_namespace"},
        {"root with every capability of the cage",
         {.without = {{"--disable-userns"}}, .with = {"--uid", "0", "--gid", "0", "--cap-add", "ALL"},
          .no_filter = true, .no_landlock = true},
         "setuid capabilities ptrace user_namespace mount setns raw_socket packet_socket process_1 host_files"},
    };

    (void) state;
    (void) snprintf(data, sizeof data, "%s", rig.data);
    assert_all_break(rows, sizeof rows / sizeof *rows);
}

static void test_a_weak_process_1_is_named(void **state)
{
    const struct broken_cage rows[] = {
        {"no filter at all", {.weak = "filter"}, "ptrace seccomp"},
        {"a process 1 in view", {.weak = "seen", .no_landlock = true}, "process_1 host_files"},
        {"a descriptor", {.weak = "leak"}, "descriptors"},
    };

    (void) state;
    assert_all_break(rows, sizeof rows / sizeof *rows);
}

/* Among the host's processes, of which it may signal those of its user: the canary, which is a user of
 * its own only where this is root. */
static void test_who_is_not_alone_can_signal(void **state)
{
    const struct broken_cage row = {
        "the host's processes", {
            .without = {{"--unshare-pid"}, {"--as-pid-1"}, {"--proc", "/proc"}},
            .with = {"--bind", "/proc", "/proc"}, .weak = "anywhere", .no_landlock = true,
        }, "signal_outside host_processes",
    };

    (void) state;
    if (!rig.sandbox.workspace.owns_uids)
        skip();
    assert_all_break(&row, 1);
}

/* Each by itself: what the kernel of this host would refuse too, or cannot take back. */
static void test_what_is_answered_is_named(void **state)
{
#define ANSWERED(call, first) {.no_filter = true, .answered = (call), .if_first = (first)}
    const struct broken_cage rows[] = {
        {"vsock", ANSWERED(SYS_socket, AF_VSOCK), "ptrace vsock_socket"},
        {"raw sockets", ANSWERED(SYS_socket, AF_INET), "ptrace raw_socket"},
        {"packet sockets", ANSWERED(SYS_socket, AF_PACKET), "ptrace packet_socket"},
        {"mount", ANSWERED(SYS_mount, 0), "ptrace mount"},
        {"unshare", ANSWERED(SYS_unshare, 0), "ptrace user_namespace"},
        {"setns", ANSWERED(SYS_setns, 0), "ptrace setns"},
        {"setuid", ANSWERED(SYS_setuid, 0), "ptrace setuid"},
        {"keyctl", ANSWERED(SYS_keyctl, 0), "ptrace keyctl"},
        {"io_uring", ANSWERED(SYS_io_uring_setup, 0), "ptrace io_uring"},
        {"bpf", ANSWERED(SYS_bpf, 0), "ptrace bpf"},
        {"perf", ANSWERED(SYS_perf_event_open, 0), "ptrace perf"},
        {"userfaultfd", ANSWERED(SYS_userfaultfd, 0), "ptrace userfaultfd"},
        {"no_new_privs", ANSWERED(SYS_prctl, PR_GET_NO_NEW_PRIVS), "ptrace no_new_privs"},
    };

    (void) state;
    assert_all_break(rows, sizeof rows / sizeof *rows);
}

/* Behind all tests that break something. */
static void test_every_row_has_broken(void **state)
{
    (void) state;
    for (int row = 0; row < PROOF_ROWS; row++)
        if (!has_broken[row] && !(row == PROOF_signal_outside && !rig.sandbox.workspace.owns_uids) &&
            !(row == PROOF_landlock && rig.sandbox.host.landlock == 0))
            fail_msg("nothing has broken %s", proof_name((enum proof_row)row));
}

/* What the mounts let through stops at Landlock, and its absence is named. */
static void test_landlock_is_a_layer_of_its_own(void **state)
{
    const struct sabotage no_landlock = {.no_landlock = true};
    const struct sabotage open_root = {.without = {{"--remount-ro", "/"}}};
    struct proof proof;

    (void) state;
    if (rig.sandbox.host.landlock == 0)
        skip();
    sabotage_with(&no_landlock);
    prove(&rig.sandbox.cgroups, &proof);
    atomic_store(&is_sabotaged, false);
    assert_string_equal(missed(&proof), rig_has_cgroups(&rig) ? "landlock" : "landlock cpu memory memory_files");
    sabotage_with(&open_root);
    prove(&rig.sandbox.cgroups, &proof);
    atomic_store(&is_sabotaged, false);
    assert_string_equal(missed(&proof), rig_has_cgroups(&rig) ? "" : "cpu memory memory_files");
}

/* ---- lines ---- */

static void test_lines_are_taken_strictly(void **state)
{
    static const char *const refused[] = {
        "", "held", "held ", "broke ", "held nothing", "held tcp because", "broke tcpx yes",
        "unknown tcp", "heldtcp", " held tcp", "held tcp ",
    };
    struct proof proof;

    (void) state;
    memset(&proof, 0, sizeof proof);
    for (int row = 0; row < PROOF_ROWS; row++)
        proof.findings[row].outcome = proof_outcome_unknown;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (proof_take_line(&proof, refused[i], strlen(refused[i])))
            fail_msg("taken: '%s'", refused[i]);
    assert_true(proof_take_line(&proof, "held tcp", 8));
    assert_false(proof_take_line(&proof, "held tcp", 8));       /* each once */
    assert_true(proof_take_line(&proof, "broke udp a\n\x01\"z", 15));
    assert_string_equal(proof.findings[PROOF_udp].detail, "a???z");
    assert_int_equal(proof.findings[PROOF_mount].outcome, proof_outcome_unknown);
    proof_judge(&proof);
    assert_int_equal(proof.level, sandbox_level_none);
}

/* ---- the floor ---- */

static void test_a_floor_that_is_not_reached_is_refused(void **state)
{
    const struct prover_options options = {
        .place = place_with(&no_cgroups), .floor = sandbox_level_limits, .every_ms = 3600000,
        .advice = "no cgroups",
    };

    (void) state;
    assert_null(prover_new(&options, &rig.fault));
    assert_int_equal(rig.fault.kind, FAULT_forbidden);
    assert_string_equal(rig.fault.reason,
                        "SANDBOX_FLOOR=limits is not reached here, SANDBOX_FLOOR=namespaces is: "
                        "no cgroups; cpu: nothing held it back, memory: took 84 MB of 64, "
                        "memory_files: more than 64 MB in files");
}

static bool is_healthy(void *unused)
{
    char level[200];

    (void) unused;
    return sandbox_healthy(&rig.sandbox, level);
}

static bool is_ill(void *unused)
{
    return !is_healthy(unused);
}

/* A cage that no longer holds: what runs goes on, nothing is started, until it holds again. */
static void test_a_later_proof_that_fails_stops_starts(void **state)
{
    const struct sabotage how = {.with = {"--ro-bind", "/var", "/var"}};
    char level[200];
    struct proven proven;

    (void) state;
    rig_shut(&rig);
    rig.settings.sandbox_proof_ms = 1000;
    rig_open(&rig);
    assert_true(rig_start(&rig, "before", 1, rig_code(&rig, "calm", SERVER_SAYING("'calm'"))));
    sabotage_with(&how);
    assert_true(rig_wait(is_ill, NULL));
    (void) sandbox_healthy(&rig.sandbox, level);
    assert_non_null(strstr(level, "NOT PROVEN: host_files"));
    assert_false(rig_start(&rig, "after", 1, rig_code(&rig, "one", SERVER_SAYING("1"))));
    assert_int_equal(rig.fault.kind, FAULT_unproven);
    assert_true(rig_ask(&rig, "before", "/"));
    assert_non_null(strstr(rig.answer, "calm"));
    atomic_store(&is_sabotaged, false);
    assert_true(rig_wait(is_healthy, NULL));
    assert_true(rig_start(&rig, "after", 1, rig_code(&rig, "one", SERVER_SAYING("1"))));
    assert_true(prover_next(rig.sandbox.prover, &proven));      /* all of it waits for the audit log */
    prover_forget(rig.sandbox.prover, proven.event_id);
    assert_true(prover_next(rig.sandbox.prover, &proven));
    assert_int_equal(proven.proof.findings[PROOF_host_files].outcome, proof_outcome_broke);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_holds_here),
        cmocka_unit_test(test_without_cgroups_limits_are_not_reached),
        cmocka_unit_test(test_sabotage_is_named),
        cmocka_unit_test(test_a_weak_process_1_is_named),
        cmocka_unit_test(test_who_is_not_alone_can_signal),
        cmocka_unit_test(test_what_is_answered_is_named),
        cmocka_unit_test(test_landlock_is_a_layer_of_its_own),
        cmocka_unit_test(test_every_row_has_broken),
        cmocka_unit_test(test_lines_are_taken_strictly),
        cmocka_unit_test(test_a_floor_that_is_not_reached_is_refused),
        cmocka_unit_test(test_a_later_proof_that_fails_stops_starts),
    };
    return cmocka_run_group_tests(tests, open_, drop);
}
