/* stop_signal.c - SIGTERM and SIGINT as a readable descriptor.
 *
 * A handler and not a signalfd: rooms have threads of their own before the loop begins, and
 * a signal that such a thread does not block would end the process.
 */
#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/actor_inside.h"

static struct {
    pthread_mutex_t lock;
    unsigned users;
    struct sigaction term, interrupt;   /* as they were before */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* All that the handler touches. Once made it is kept: a handler may still run when the last
 * user has gone. */
static _Atomic int stop_fd = -1;

static void on_signal(int signal)
{
    int saved = errno;
    uint64_t one = 1;

    (void)signal;
    if (write(atomic_load(&stop_fd), &one, sizeof one) < 0)
        errno = saved;  /* the counter is full: it is readable already */
    errno = saved;
}

static bool begin(struct fault *fault)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int fd = atomic_load(&stop_fd);
    uint64_t old;

    if (fd < 0)
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return fault_set(fault, FAULT_internal, "no descriptor for signals");
    if (read(fd, &old, sizeof old) < 0)
        old = 0;        /* no signal of an earlier time is left */
    atomic_store(&stop_fd, fd);
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, &shared.term);
    sigaction(SIGINT, &action, &shared.interrupt);
    return true;
}

int stop_signal_take(struct fault *fault)
{
    int fd = -1;

    pthread_mutex_lock(&shared.lock);
    if (shared.users > 0 || begin(fault)) {
        shared.users++;
        fd = atomic_load(&stop_fd);
    }
    pthread_mutex_unlock(&shared.lock);
    return fd;
}

void stop_signal_give(void)
{
    pthread_mutex_lock(&shared.lock);
    if (--shared.users == 0) {
        sigaction(SIGTERM, &shared.term, NULL);
        sigaction(SIGINT, &shared.interrupt, NULL);
    }
    pthread_mutex_unlock(&shared.lock);
}
