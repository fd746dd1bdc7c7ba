/* proof.c - runs isekai-proof in three cages and takes down what comes of it; see proof.h.
 *
 * They run side by side. In one of them the last row is cpu: when all before it are told, the
 * cage's CPU limit goes down, isekai-proof is told to go, and what counts is whether
 * the kernel then holds the cage back.
 */
#include "actors/sandbox/proof.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "actors/sandbox/cage.h"
#include "actors/sandbox/filter.h"
#include "actors/sandbox/proof/words.h"
#include "actors/sandbox/proof_targets.h"
#include "actors/sandbox/runtime.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum {
    PORT = 9000,
    NUMBER_SIZE = 24,
    ENVIRONMENT_SIZE = 1024,
    REFUSAL_SIZE = 512,
    LOOK_AGAIN_MS = 20,         /* for what tells nobody: a cgroup that the kernel lets go, `stop` */
};

static const struct limits limits[PROOF_CAGES] = {
    [PROOF_CAGE_look] = {.memory_mb = 96, .cpu_percent = 200, .pids = 32, .open_files = 64,
                         .file_mb = 96, .start_timeout_ms = PROOF_MS},
    [PROOF_CAGE_small] = {.memory_mb = 64, .cpu_percent = 200, .pids = 12, .open_files = 64,
                           .file_mb = 96, .start_timeout_ms = PROOF_MS},
    [PROOF_CAGE_filled] = {.memory_mb = 64, .cpu_percent = 200, .pids = 12, .open_files = 64,
                           .file_mb = 96, .start_timeout_ms = PROOF_MS},
};

static const char *const names[PROOF_CAGES] = {
    [PROOF_CAGE_look] = "proof-look", [PROOF_CAGE_small] = "proof-small",
    [PROOF_CAGE_filled] = "proof-filled",
};

static const enum proof_cage cage_of[PROOF_ROWS] = {
#define PROBE(name, cage, level, doc) [PROOF_##name] = PROOF_CAGE_##cage,
#include "actors/sandbox/proof.def"
};

struct tried {
    enum proof_cage which;
    struct cage_group group;
    struct cage_process process;
    char line[PROOF_LINE_OCTETS_MAX];
    size_t line_size;
    char refusal[REFUSAL_SIZE];         /* what bubblewrap or isekai-init said */
    size_t refusal_size;
    bool has_spoken, is_slowed;
    uint64_t held_back;                 /* how often, before it was slowed */
    uint64_t oom_kills;                 /* when it last spoke */
};

struct proving {
    const struct proof_place *place;
    struct proof *proof;
    struct proof_targets targets;
    int listener, filter;
    struct tried tried[PROOF_CAGES];
};

/* ---- what the program is told ---- */

struct words {
    char numbers[PROOF_WORDS][NUMBER_SIZE];
    char environment[ENVIRONMENT_SIZE];
    const char *at[PROOF_WORDS + 1];
};

static void put_number(struct words *words, enum proof_word which, uint64_t value)
{
    (void) snprintf(words->numbers[which], NUMBER_SIZE, "%llu", (unsigned long long)value);
    words->at[which] = words->numbers[which];
}

/* The names that the cage's own arguments set, and what bubblewrap sets by itself. */
static bool name_environment(const struct cage_spec *spec, struct words *words, struct fault *fault)
{
    struct cage_arguments arguments;
    size_t used = (size_t)snprintf(words->environment, ENVIRONMENT_SIZE, "PWD,");

    words->at[PROOF_WORD_ENVIRONMENT] = words->environment;
    if (!cage_arguments(spec, &arguments, fault))
        return false;
    for (size_t i = 0; i + 1 < arguments.count && used < ENVIRONMENT_SIZE; i++)
        if (strcmp(arguments.at[i], "--setenv") == 0)
            used += (size_t)snprintf(words->environment + used, ENVIRONMENT_SIZE - used, "%s,",
                                     arguments.at[i + 1]);
    return used < ENVIRONMENT_SIZE ||
           fault_set(fault, FAULT_internal, "a cage has too large an environment");
}

static bool choose_words(const struct proving *run, const struct cage_spec *spec,
                         enum proof_cage which, struct words *words, struct fault *fault)
{
    *words = (struct words){.at = {
        [PROOF_WORD_PROGRAM] = "/isekai/proof", [PROOF_WORD_RUNTIME] = run->place->runtime,
        [PROOF_WORD_RUN] = run->place->run, [PROOF_WORD_OTHER] = run->targets.other,
        [PROOF_WORD_ADDRESS] = run->targets.address,
        [PROOF_WORD_ABSTRACT] = run->targets.abstract_name,
    }};
    put_number(words, PROOF_WORD_CAGE, which);
    put_number(words, PROOF_WORD_TCP_PORT, run->targets.tcp_port);
    put_number(words, PROOF_WORD_UDP_PORT, run->targets.udp_port);
    put_number(words, PROOF_WORD_SANDBOX_PID, (uint64_t)getpid());
    put_number(words, PROOF_WORD_CANARY_PID, (uint64_t)run->targets.canary);
    put_number(words, PROOF_WORD_OPEN_FILES, spec->limits->open_files);
    put_number(words, PROOF_WORD_FILE_MB, spec->limits->file_mb);
    put_number(words, PROOF_WORD_PIDS, spec->limits->pids);
    put_number(words, PROOF_WORD_MEMORY_MB,
               spec->limits->memory_mb + spec->host->runtime->memory_mb);
    put_number(words, PROOF_WORD_TMP_OCTETS, CAGE_TMP_OCTETS);
    put_number(words, PROOF_WORD_SHM_OCTETS, CAGE_SHM_OCTETS);
    put_number(words, PROOF_WORD_LANDLOCK, spec->host->landlock);
    return name_environment(spec, words, fault);
}

/* ---- starting ---- */

static bool start(struct proving *run, enum proof_cage which, struct fault *fault)
{
    static const struct entry nothing = {.is_static = true};
    const struct limits *own = &limits[which];
    const struct group_limits most = runtime_group_limits(run->place->host->runtime, own);
    struct tried *tried = &run->tried[which];
    struct words words;
    struct cage_spec spec = {
        .host = run->place->host, .app_path = run->targets.app, .data_path = run->targets.data,
        .entry = &nothing, .limits = own, .port = PORT, .uid = run->place->uid,
        .listener = run->listener, .filter = run->filter, .group = &tried->group,
    };

    if (!group_make(run->place->cgroups, names[which], &most, &tried->group, fault) ||
        !choose_words(run, &spec, which, &words, fault))
        return false;
    spec.program = words.at;
    return cage_start(&spec, &tried->process, fault);
}

static bool begin(struct proving *run, struct fault *fault)
{
    for (int which = 0; which < PROOF_CAGES; which++)
        run->tried[which] = (struct tried){
            .which = (enum proof_cage)which, .group.dirs = {-1, -1, -1, -1},
            .process = {.pidfd = -1, .control = -1, .log = {-1, -1}, .lifeline = -1},
        };
    if (!proof_targets_make(&run->targets, run->place, fault))
        return false;
    run->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (run->listener < 0)
        return fault_set(fault, FAULT_internal, "socket: %s", strerror(errno));
    if (!filter_make(&run->filter, fault))
        return false;
    for (int which = 0; which < PROOF_CAGES; which++)
        if (!start(run, (enum proof_cage)which, fault))
            return false;
    return true;
}

/* ---- listening ---- */

static bool is_told(const struct proving *run, enum proof_cage which, bool but_cpu)
{
    for (int row = 0; row < PROOF_ROWS; row++)
        if (cage_of[row] == which && !(but_cpu && row == PROOF_cpu) &&
            run->proof->findings[row].outcome == proof_outcome_unknown)
            return false;
    return true;
}

static struct group_usage usage_of(const struct tried *tried)
{
    struct group_usage usage;

    group_read_usage(&tried->group, &usage);
    return usage;
}

static uint64_t times_held_back(const struct tried *tried)
{
    return usage_of(tried).throttled_count;
}

static bool slow_down(struct proving *run, struct tried *tried, struct fault *fault)
{
    tried->is_slowed = true;
    tried->held_back = times_held_back(tried);
    if (!group_set_cpu(&tried->group, PROOF_CPU_PERCENT, fault))
        return false;
    proof_targets_go(&run->targets);
    return true;
}

/* The kernel counts at the end of a period. What the program says of itself, that it has used its
 * time, says only that nothing held it back if that count stands still. */
static void judge_cpu(struct proving *run, const struct tried *tried)
{
    struct finding *cpu = &run->proof->findings[PROOF_cpu];

    if (!tried->is_slowed)
        return;
    if (times_held_back(tried) > tried->held_back) {
        cpu->outcome = proof_outcome_held;
    } else if (cpu->outcome == proof_outcome_held) {
        cpu->outcome = proof_outcome_broke;
        (void) snprintf(cpu->detail, sizeof cpu->detail, "nothing held it back");
    }
}

/* The kernel may end the program itself with its child, whose files it gives back late; and with gVisor
 * it ends the kernel that both are in. */
static void judge_memory(struct proving *run, const struct tried *tried)
{
    static const enum proof_row last[PROOF_CAGES] = {[PROOF_CAGE_small] = PROOF_memory,
                                                     [PROOF_CAGE_filled] = PROOF_memory_files};
    struct finding *finding = &run->proof->findings[last[tried->which]];

    if (tried->which != PROOF_CAGE_look && finding->outcome == proof_outcome_unknown &&
        usage_of(tried).oom_kills > tried->oom_kills)
        finding->outcome = proof_outcome_held;
}

static bool take_octet(struct proving *run, struct tried *tried, char octet, struct fault *fault)
{
    if (octet != '\n' && tried->line_size < sizeof tried->line) {
        tried->line[tried->line_size++] = octet;
        return true;
    }
    if (octet != '\n' || !proof_take_line(run->proof, tried->line, tried->line_size))
        return fault_set(fault, FAULT_internal, "isekai-proof says what it cannot say: %.*s",
                         (int)tried->line_size, tried->line);
    tried->line_size = 0;
    return true;
}

/* False with fault kind none: nothing comes any more. */
static bool hear(struct proving *run, struct tried *tried, struct fault *fault)
{
    char octets[1024];
    ssize_t size = read(tried->process.log[0], octets, sizeof octets);

    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    for (ssize_t i = 0; i < size; i++)
        if (!take_octet(run, tried, octets[i], fault))
            return false;
    tried->has_spoken = tried->has_spoken || size > 0;
    if (size > 0)
        tried->oom_kills = usage_of(tried).oom_kills;
    if (tried->which == cage_of[PROOF_cpu] && !tried->is_slowed &&
        is_told(run, tried->which, /* but_cpu= */ true) && !slow_down(run, tried, fault))
        return false;
    return size > 0;
}

/* Before the program runs, bubblewrap and isekai-init say why they give up. */
static void hear_refusal(struct tried *tried)
{
    size_t room = sizeof tried->refusal - 1 - tried->refusal_size;
    ssize_t size = read(tried->process.log[1], tried->refusal + tried->refusal_size, room);

    if (size > 0)
        tried->refusal_size += (size_t)size;
}

static bool refuse(const struct proving *run, struct tried *tried, struct fault *fault)
{
    hear_refusal(tried);
    tried->refusal[strcspn(tried->refusal, "\n")] = '\0';
    return fault_set(fault, FAULT_forbidden, "no cage can be built here; %s (%s)",
                     run->place->host->runtime->what_to_do(),
                     *tried->refusal ? tried->refusal : "bubblewrap gave no reason");
}

/* One cage has ended or has told all. */
static bool finish(struct proving *run, struct tried *tried, struct fault *fault)
{
    if (!tried->has_spoken)
        return refuse(run, tried, fault);
    judge_memory(run, tried);
    fd_drop(&tried->process.log[0]);
    return true;
}

static bool hear_one(struct proving *run, struct tried *tried, bool is_ready, struct fault *fault)
{
    if (tried->process.log[0] < 0)
        return true;
    bool goes_on = !is_ready || hear(run, tried, fault);
    if (!goes_on && fault->kind != FAULT_NONE)
        return false;
    if (tried->which == cage_of[PROOF_cpu])
        judge_cpu(run, tried);
    return (goes_on && !is_told(run, tried->which, false)) || finish(run, tried, fault);
}

static bool is_heard_out(const struct proving *run)
{
    for (int which = 0; which < PROOF_CAGES; which++)
        if (run->tried[which].process.log[0] >= 0)
            return false;
    return true;
}

static bool listen_to_all(struct proving *run, const atomic_bool *stop, struct fault *fault)
{
    int64_t deadline_ms = clock_now_ms() + PROOF_MS;
    struct pollfd ready[PROOF_CAGES];

    fault->kind = FAULT_NONE;
    while (!is_heard_out(run)) {
        for (int which = 0; which < PROOF_CAGES; which++)
            ready[which] = (struct pollfd){run->tried[which].process.log[0], POLLIN, 0};
        if (atomic_load(stop))
            return fault_set(fault, FAULT_interrupted, "the sandbox is stopping");
        if (clock_left_ms(deadline_ms) == 0)
            return fault_set(fault, FAULT_timed_out, "no proof within %d ms", PROOF_MS);
        (void) poll(ready, PROOF_CAGES, LOOK_AGAIN_MS);
        for (int which = 0; which < PROOF_CAGES; which++)
            if (!hear_one(run, &run->tried[which], ready[which].revents != 0, fault))
                return false;
    }
    return true;
}

/* ---- ending ---- */

bool proof_run(const struct proof_place *place, const atomic_bool *stop, struct proof *out,
               struct fault *fault)
{
    struct proving run = {.place = place, .proof = out, .listener = -1, .filter = -1};
    int64_t begun_ms = clock_now_ms();

    *out = (struct proof){.at_wall_ms = clock_wall_ms()};
    for (int row = 0; row < PROOF_ROWS; row++)
        out->findings[row].outcome = proof_outcome_unknown;
    bool done = begin(&run, fault) && listen_to_all(&run, stop, fault);
    for (int which = 0; which < PROOF_CAGES; which++)
        cage_end(&run.tried[which].process, &run.tried[which].group);
    if (done)
        proof_targets_look(&run.targets, out);
    proof_targets_drop(&run.targets);
    fd_drop(&run.listener);
    fd_drop(&run.filter);
    proof_judge(out);
    out->took_ms = clock_now_ms() - begun_ms;
    return done;
}
