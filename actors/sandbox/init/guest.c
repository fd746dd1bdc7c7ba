/* guest.c - isekai-init's end of the socket to isekai-guest; see guest.h. */
#include "actors/sandbox/init/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOCKET_OCTETS = 2 * GUEST_TEXTS_OCTETS_MAX, EXIT_BY_SIGNAL = 128 };

bool guest_open(struct guest *self)
{
    int octets = SOCKET_OCTETS;

    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->ends) == 0 &&
           setsockopt(self->ends[0], SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets) == 0;
}

/* Never waits: nobody reads before runsc is up, which is after this process became runsc. */
static bool send_all(const struct guest *self, const void *what, size_t size)
{
    for (const char *at = what; size > 0;) {
        ssize_t sent = send(self->ends[0], at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

static uint32_t measure(char *const *texts, uint32_t *octets)
{
    uint32_t count = 0;

    for (; texts[count]; count++)
        *octets += (uint32_t)strlen(texts[count]) + 1;
    return count;
}

static bool send_texts(const struct guest *self, char *const *texts)
{
    for (; *texts; texts++)
        if (!send_all(self, *texts, strlen(*texts) + 1))
            return false;
    return true;
}

bool guest_tell(const struct guest *self, struct guest_start *start, const void *filter,
                char *const *environment, char *const *arguments)
{
    start->texts_octets = 0;
    start->environment = measure(environment, &start->texts_octets);
    start->arguments = measure(arguments, &start->texts_octets);
    return send_all(self, start, sizeof *start) &&
           send_all(self, filter, start->filter_octets) && send_texts(self, environment) &&
           send_texts(self, arguments) && dup2(self->ends[1], GUEST_FD) == GUEST_FD;
}

void guest_forked(struct guest *self)
{
    (void) close(self->ends[1]);
    self->ends[1] = -1;
}

void guest_stop(const struct guest *self)
{
    (void) send(self->ends[0], "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void guest_handle(struct guest *self)
{
    struct guest_end end;
    ssize_t size = recv(self->ends[0], &end, sizeof end, MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size == sizeof end && (WIFEXITED(end.status) || WIFSIGNALED(end.status)) &&
        !self->has_ended) {
        self->end = end;
        self->has_ended = true;
        return;
    }
    (void) close(self->ends[0]);            /* leaves the epoll set with it */
    self->ends[0] = -1;
}

int guest_status(struct guest *self, int status)
{
    if (self->ends[0] >= 0)
        guest_handle(self);                 /* it may have come together with the end of runsc */
    if (self->has_ended)
        return self->end.status;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= EXIT_BY_SIGNAL)
        return WEXITSTATUS(status) > EXIT_BY_SIGNAL ? WEXITSTATUS(status) - EXIT_BY_SIGNAL
                                                    : SIGKILL;
    return status;
}
