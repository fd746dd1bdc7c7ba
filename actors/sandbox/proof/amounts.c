/* amounts.c - probes of isekai-proof: how much it gets of what is limited.
 *
 * What is taken is taken by children, so that the kernel ends them and not this process, and with
 * them all they held: their files have no name.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actors/sandbox/proof/probes.h"

enum {
    PIDS_MAX = 256,
    HOGS = 2,
    PAGE_OCTETS = 4096,
    PIECE_OCTETS = 1 << 20,
    BALLAST_OCTETS = 8 << 20,
    GO_LOOK_NS = 5000000,
    GO_LOOKS = 1000,
};

static void end_child(pid_t child)
{
    (void) kill(child, SIGKILL);
    (void) waitpid(child, NULL, 0);
}

bool probe_processes(const struct targets *targets, char detail[DETAIL_SIZE])
{
    static pid_t children[PIDS_MAX];
    unsigned long most = target_number(targets, PROOF_WORD_PIDS);
    size_t count = 0;

    while (count <= most && count < PIDS_MAX) {
        pid_t child = fork();
        if (child == 0)
            for (;;)
                (void) pause();
        if (child < 0)
            break;
        children[count++] = child;
    }
    for (size_t i = 0; i < count; i++)
        end_child(children[i]);
    return count < most || broke(detail, "%zu of %lu", count, most);
}

/* ---- memory ---- */

static void die_first(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    (void) !write(fd, "1000", 4);
}

struct hog {
    pid_t child;
    int line;           /* our end; its own says "!" when it has taken all, and again when asked */
};

static bool says_so(int line)
{
    char octet;

    return line >= 0 && read(line, &octet, 1) == 1;
}

/* A child that takes memory, says so and keeps it. */
static struct hog hog_start(bool (*take_all)(const struct targets *targets),
                            const struct targets *targets)
{
    struct hog hog = {.child = -1, .line = -1};
    int line[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) < 0)
        return hog;
    hog.child = fork();
    if (hog.child == 0) {
        (void) close(line[0]);
        die_first();
        if (!take_all(targets))
            _exit(1);
        while (send(line[1], "!", 1, MSG_NOSIGNAL) == 1 && says_so(line[1]))
            continue;
        _exit(1);
    }
    (void) close(line[1]);
    hog.line = line[0];
    return hog;
}

/* Whom the kernel has begun to end may be there for a while yet, but answers no more. */
static bool hog_still_has_it(const struct hog *hog)
{
    return hog->line >= 0 && send(hog->line, "?", 1, MSG_NOSIGNAL) == 1 && says_so(hog->line);
}

static void hog_end(const struct hog *hog)
{
    if (hog->child > 0)
        end_child(hog->child);
    if (hog->line >= 0)
        (void) close(hog->line);
}

static bool take(size_t octets)
{
    char *at = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    for (size_t i = 0; at != MAP_FAILED && i < octets; i += PAGE_OCTETS)
        ((volatile char *)at)[i] = 1;
    return at != MAP_FAILED;
}

/* Two thirds each: more than there is for both. */
static bool take_memory(const struct targets *targets)
{
    return take((target_number(targets, PROOF_WORD_MEMORY_MB) << 20) / 3 * 2);
}

bool probe_memory(const struct targets *targets, char detail[DETAIL_SIZE])
{
    struct hog hogs[HOGS];
    bool kept = true;

    for (int i = 0; i < HOGS; i++) {
        hogs[i] = hog_start(take_memory, targets);
        kept &= says_so(hogs[i].line);
    }
    for (int i = 0; i < HOGS; i++)
        kept = kept && hog_still_has_it(&hogs[i]);
    for (int i = 0; i < HOGS; i++)
        hog_end(&hogs[i]);
    return !kept || broke(detail, "took %lu MB of %lu",
                          target_number(targets, PROOF_WORD_MEMORY_MB) / 3 * 2 * HOGS,
                          target_number(targets, PROOF_WORD_MEMORY_MB));
}

/* Fill nameless files in `place` up to `*left` octets. */
static void fill(const char *place, size_t *left)
{
    static char piece[PIECE_OCTETS];
    char path[64];
    ssize_t size;
    int fd;

    (void) snprintf(path, sizeof path, "%s/.proof", place);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    (void) unlink(path);
    while (*left > 0 && (size = write(fd, piece, *left < sizeof piece ? *left : sizeof piece)) > 0)
        *left -= (size_t)size;
}

/* Some of it is ordinary memory: what both places do not hold, and a little at least. The kernel
 * takes that back at once when it kills us, the files a little later; until then the cage has room for
 * what goes on in it. */
static bool take_files(const struct targets *targets)
{
    size_t left = (target_number(targets, PROOF_WORD_MEMORY_MB) + 1) << 20;
    size_t places = target_number(targets, PROOF_WORD_TMP_OCTETS) +
                    target_number(targets, PROOF_WORD_SHM_OCTETS);
    size_t ballast = left > places + BALLAST_OCTETS ? left - places : BALLAST_OCTETS;

    if (!take(ballast))
        return false;
    left -= ballast;
    fill("/dev/shm", &left);
    fill("/tmp", &left);
    return left == 0;
}

bool probe_memory_files(const struct targets *targets, char detail[DETAIL_SIZE])
{
    struct hog hog = hog_start(take_files, targets);
    bool got = says_so(hog.line);

    hog_end(&hog);
    return !got || broke(detail, "more than %lu MB in files",
                         target_number(targets, PROOF_WORD_MEMORY_MB));
}

/* ---- CPU ---- */

static long used_us(void)
{
    struct timespec used;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000000L + used.tv_nsec / 1000;
}

/* The sandbox has lowered the limit when it says go, and ends us once the kernel held us back. */
bool probe_cpu(const struct targets *targets, char detail[DETAIL_SIZE])
{
    const struct timespec pause = {.tv_nsec = GO_LOOK_NS};
    int looks = 0;

    (void) targets;
    while (access("/data/" PROOF_GO, F_OK) < 0)
        if (looks++ == GO_LOOKS || nanosleep(&pause, NULL) < 0)
            return broke(detail, "nobody said go");
    long until_us = used_us() + PROOF_CPU_US;
    while (used_us() < until_us)
        continue;
    return true;
}
