/* probe.c - asks an app for / over its socket; see probe.h. */
#include "actors/sandbox/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bus/owned.h"

static const char request[] = "GET / HTTP/1.0\r\nHost: localhost\r\nUser-Agent: isekai\r\n"
                              "Accept: */*\r\nConnection: close\r\n\r\n";

bool probe_begin(struct probe *self, const struct sockaddr_un *address, int64_t now_ms)
{
    OWNED(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *self = (struct probe){.fd = -1, .again_at_ms = now_ms + PROBE_PAUSE_MS};
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ||
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1)
        return false;
    self->fd = fd_take(&fd);
    self->again_at_ms = 0;
    return true;
}

void probe_drop(struct probe *self)
{
    fd_drop(&self->fd);
    self->again_at_ms = 0;
}

static enum probe_verdict fail(struct probe *self, int64_t now_ms)
{
    fd_drop(&self->fd);
    self->again_at_ms = now_ms + PROBE_PAUSE_MS;
    return PROBE_FAILED;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_status_line(const char *line)
{
    return memcmp(line, "HTTP/1.", 7) == 0 && is_digit(line[7]) && line[8] == ' ' &&
           is_digit(line[9]) && is_digit(line[10]) && is_digit(line[11]);
}

/* The first octets decide; the rest is only counted. */
static enum probe_verdict judge(struct probe *self, const char *octets, size_t size, int64_t now_ms)
{
    size_t taken = PROBE_LINE_OCTETS - self->size < size ? PROBE_LINE_OCTETS - self->size : size;

    memcpy(self->line + self->size, octets, taken);
    self->size += taken;
    if (self->size < PROBE_LINE_OCTETS)
        return PROBE_WAITS;
    if (!is_status_line(self->line))
        return fail(self, now_ms);
    self->answered = true;
    self->again_at_ms = now_ms + PROBE_REST_MS;
    return PROBE_ANSWERED;
}

enum probe_verdict probe_read(struct probe *self, int64_t now_ms)
{
    char octets[16384];
    ssize_t size = recv(self->fd, octets, sizeof octets, MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return PROBE_WAITS;
    if (size > 0 && !self->answered)
        return judge(self, octets, (size_t)size, now_ms);
    if (!self->answered)
        return fail(self, now_ms);
    self->rest += size > 0 ? (size_t)size : 0;
    if (size > 0 && self->rest < PROBE_REST_OCTETS)
        return PROBE_WAITS;
    probe_drop(self);
    return PROBE_DONE;
}
