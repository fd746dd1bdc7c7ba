/* processes.c - probes of isekai-proof: other processes, seen, looked into and signalled. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/sandbox/proof/probes.h"

enum { PIDS_OF_A_CAGE = 64 };       /* a low number names one of the cage's own */

/* What comes of these the sandbox sees too: it looks whether the canary lives. */
bool probe_signal_outside(const struct targets *targets, char detail[DETAIL_SIZE])
{
    unsigned long sandbox = target_number(targets, PROOF_WORD_SANDBOX_PID);
    unsigned long canary = target_number(targets, PROOF_WORD_CANARY_PID);

    (void) kill(-1, SIGURG);
    if (sandbox > PIDS_OF_A_CAGE && kill((pid_t)sandbox, 0) == 0)
        return broke(detail, "the sandbox can be signalled");
    return canary <= PIDS_OF_A_CAGE || kill((pid_t)canary, SIGKILL) < 0 ||
           broke(detail, "a process outside was killed");
}

/* Process 1 and this one. */
bool probe_host_processes(const struct targets *targets, char detail[DETAIL_SIZE])
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    unsigned count = 0;

    (void) targets;
    if (!dir)
        return broke(detail, "/proc cannot be read: %s", strerror(errno));
    while ((entry = readdir(dir)))
        count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
    (void) closedir(dir);
    return count == 2 || broke(detail, "sees %u processes", count);
}

bool probe_process_1(const struct targets *targets, char detail[DETAIL_SIZE])
{
    static const char *const paths[] = {"/proc/1/mem", "/proc/1/environ", "/proc/1/maps",
                                        "/proc/1/fd", "/proc/1/cwd/."};

    (void) targets;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        (void) close(fd);
        return broke(detail, "opened %s", paths[i]);
    }
    return true;
}
