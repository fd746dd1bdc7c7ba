/* proof_test - the cage proves itself: what is broken on purpose is named, and only that.
 *
 * Method: real cages. The linker puts this file's __wrap_cage_arguments() and __wrap_filter_make()
 * in front of the real ones, so that the cages that are proven can be built wrong.
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
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/filter.h"
#include "actors/sandbox/init/protocol.h"
#include "bus/clock.h"
#include "tests/sandbox/rig.h"

static struct rig rig;

/* ---- sabotage ---- */

enum { WORDS_MAX = 4 };

/* Leave out `without` and the words behind it; put `with` in before the root is
 * made read-only. */
static struct sabotage {
    const char *without[WORDS_MAX], *with[WORDS_MAX];
    bool no_filter, no_landlock;
} sabotage;
static atomic_bool is_sabotaged;

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

static void rebuild(struct cage_arguments *out)
{
    static struct cage_arguments before;
    size_t with = count_words(sabotage.with), without = count_words(sabotage.without);
    bool found = without == 0, is_in = with == 0;

    memcpy(before.at, out->at, sizeof before.at);
    before.count = out->count;
    out->count = 0;
    for (size_t i = 0; i < before.count; i++) {
        if (!found && stands_at(&before, i, sabotage.without)) {
            found = true;
            i += without - 1;
            continue;
        }
        if (!is_in && strcmp(before.at[i], "--chdir") == 0) {
            for (size_t word = 0; word < with; word++)
                out->at[out->count++] = sabotage.with[word];
            is_in = true;
        }
        out->at[out->count++] = before.at[i];
    }
    out->at[out->count] = NULL;
    assert_true(found && is_in);
}

/* The second layer would hide what the first one lets through. */
static void open_fence(struct cage_arguments *out)
{
    for (size_t i = 0; i < out->count; i++)
        if (strcmp(out->at[i], "/isekai/init") == 0)
            out->at[i + INIT_ARG_LANDLOCK] = "0";
}

bool __wrap_cage_arguments(const struct cage_spec *spec, struct cage_arguments *out,
                           struct fault *fault)
{
    if (!__real_cage_arguments(spec, out, fault))
        return false;
    if (atomic_load(&is_sabotaged) && spec->program)
        rebuild(out);
    if (atomic_load(&is_sabotaged) && sabotage.no_landlock)
        open_fence(out);
    return true;
}

bool __wrap_filter_make(int *out, struct fault *fault)
{
    const struct sock_filter allow_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

    if (!atomic_load(&is_sabotaged) || !sabotage.no_filter)
        return __real_filter_make(out, fault);
    *out = memfd_create("allow-all", MFD_CLOEXEC);
    return *out >= 0 && write(*out, &allow_all, sizeof allow_all) == (ssize_t)sizeof allow_all;
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

static int open_(void **state)
{
    (void) state;
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
    assert_true(rig_fds_are(fds));
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

/* Just the rows of `broke`, beside those that a missing filter leaves to the kernel. */
static void assert_breaks(const char *label, const char *broke, const struct proof *proof)
{
    char wanted[256];
    int wrong = 0;

    (void) snprintf(wanted, sizeof wanted, " %s ", broke);
    for (int row = 0; row < PROOF_ROWS; row++) {
        const struct finding *finding = &proof->findings[row];
        char name[64];
        (void) snprintf(name, sizeof name, " %s ", proof_name((enum proof_row)row));
        bool is_wanted = strstr(wanted, name) != NULL;
        if (is_wanted == (finding->outcome == proof_outcome_broke) ||
            (sabotage.no_filter && is_up_to_the_kernel(row)) ||
            (sabotage.no_landlock && row == PROOF_landlock))
            continue;
        print_error("%s: %s is %s: %s\n", label, proof_name((enum proof_row)row),
                    choice_name(&proof_outcome_choices, finding->outcome), finding->detail);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    assert_true(proof->level < sandbox_level_limits);
}

static void test_sabotage_is_named(void **state)
{
    static char data[PATH_MAX];
    const struct { const char *label; struct sabotage how; const char *broke; } rows[] = {
        {"the host's files in view", {.with = {"--ro-bind", "/var", "/var"}}, "host_files"},
        {"our own directories in view", {.with = {"--ro-bind", data, data}},
         "own_directories other_app"},
        {"a root that can be written", {.without = {"--remount-ro", "/"}, .no_landlock = true},
         "root_write"},
        {"the host's network", {.without = {"--unshare-net"}, .no_landlock = true},
         "tcp udp abstract_socket network_interfaces"},
        {"the host's processes", {.with = {"--bind", "/proc", "/proc"}}, "host_processes"},
        {"a variable of ours", {.with = {"--setenv", "ISEKAI_SECRET", "x"}}, "environment"},
        {"a /tmp without a size", {.with = {"--tmpfs", "/tmp"}}, "tmp_fill"},
        {"no filter", {.no_filter = true}, "ptrace"},
        {"no filter, and namespaces in namespaces",
         {.without = {"--disable-userns"}, .no_filter = true}, "ptrace user_namespace"},
        {"a capability", {.with = {"--cap-add", "CAP_NET_RAW"}}, "capabilities"},
    };
    struct proof proof;

    (void) state;
    (void) snprintf(data, sizeof data, "%s", rig.data);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sabotage_with(&rows[i].how);
        prove(&rig.sandbox.cgroups, &proof);
        atomic_store(&is_sabotaged, false);
        assert_breaks(rows[i].label, rows[i].broke, &proof);
    }
}

/* What the mounts let through stops at Landlock, and its absence is named. */
static void test_landlock_is_a_layer_of_its_own(void **state)
{
    const struct sabotage no_landlock = {.no_landlock = true};
    const struct sabotage open_root = {.without = {"--remount-ro", "/"}};
    struct proof proof;

    (void) state;
    if (rig.sandbox.host.landlock == 0)
        skip();
    sabotage_with(&no_landlock);
    prove(&rig.sandbox.cgroups, &proof);
    atomic_store(&is_sabotaged, false);
    assert_string_equal(missed(&proof), "landlock");
    sabotage_with(&open_root);
    prove(&rig.sandbox.cgroups, &proof);
    atomic_store(&is_sabotaged, false);
    assert_string_equal(missed(&proof), "");
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
        cmocka_unit_test(test_landlock_is_a_layer_of_its_own),
        cmocka_unit_test(test_lines_are_taken_strictly),
        cmocka_unit_test(test_a_floor_that_is_not_reached_is_refused),
        cmocka_unit_test(test_a_later_proof_that_fails_stops_starts),
    };
    return cmocka_run_group_tests(tests, open_, drop);
}
