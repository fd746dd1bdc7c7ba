/* weak_init.c - process 1 of a cage without one of the things it does, which ISEKAI_WEAK names: linked in
 * front of isekai-init's own calls, so that a proof can be seen to miss them.
 *
 *   filter    the app runs without a seccomp filter
 *   seen      process 1 can be looked into
 *   leak      the app finds a descriptor
 *   anywhere  it need not be process 1 of anything; and ends nobody, for it could be anybody
 */
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "actors/sandbox/init/refusals.h"

enum { LEAKED_FD = 9 };

static char weak[32];

int __real_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(int option, ...);
bool __real_refusals_install(const struct sock_fprog *program, int filter_socket);
bool __wrap_refusals_install(const struct sock_fprog *program, int filter_socket);
int __real_execve(const char *path, char *const argv[], char *const environment[]);
int __wrap_execve(const char *path, char *const argv[], char *const environment[]);
pid_t __real_getpid(void);
pid_t __wrap_getpid(void);
int __real_kill(pid_t pid, int which);
int __wrap_kill(pid_t pid, int which);

/* Before main(): the app does not get the variable. */
static __attribute__((constructor)) void choose(void)
{
    const char *chosen = getenv("ISEKAI_WEAK");

    if (chosen && strlen(chosen) < sizeof weak)
        memcpy(weak, chosen, strlen(chosen) + 1);
    (void) unsetenv("ISEKAI_WEAK");
}

static bool is_weak(const char *how)
{
    return strcmp(weak, how) == 0;
}

int __wrap_prctl(int option, ...)
{
    unsigned long words[4];
    va_list args;

    va_start(args, option);
    for (int i = 0; i < 4; i++)
        words[i] = va_arg(args, unsigned long);
    va_end(args);
    if (is_weak("seen") && (option == PR_SET_DUMPABLE || option == PR_GET_DUMPABLE))
        return 0;
    return __real_prctl(option, words[0], words[1], words[2], words[3]);
}

bool __wrap_refusals_install(const struct sock_fprog *program, int filter_socket)
{
    return is_weak("filter") || __real_refusals_install(program, filter_socket);
}

int __wrap_execve(const char *path, char *const argv[], char *const environment[])
{
    if (is_weak("leak") && dup2(STDIN_FILENO, LEAKED_FD) < 0)
        return -1;
    return __real_execve(path, argv, environment);
}

pid_t __wrap_getpid(void)
{
    return is_weak("anywhere") ? 1 : __real_getpid();
}

int __wrap_kill(pid_t pid, int which)
{
    return is_weak("anywhere") ? 0 : __real_kill(pid, which);
}
