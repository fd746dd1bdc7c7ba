/* dial.c - a granted name becomes a connection, by an address that was looked at.
 *
 * The name is resolved once, here; what is connected to is what was checked.
 */
#include "actors/sandbox/egress/proxy_inside.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bus/clock.h"
#include "bus/owned.h"

/* What EGRESS_HOSTS says of the name; the name itself when it says nothing. */
static bool find_known(const char *hosts, const char *name, char out[HOST_SIZE])
{
    size_t size = strlen(name);

    for (const char *at = hosts; *at;) {
        size_t row = strcspn(at, ",");
        if (row > size && strncmp(at, name, size) == 0 && at[size] == '=')
            return host_read((struct text){at + size + 1, row - size - 1}, out) &&
                   host_is_address(out);
        at += row + (at[row] == ',');
    }
    return false;
}

static struct addrinfo *resolve(const struct proxy_options *options,
                                const struct connect_target *target)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char known[HOST_SIZE], port[8];

    (void) snprintf(port, sizeof port, "%u", target->port);
    bool is_known = find_known(options->hosts, target->host, known);
    if (is_known || host_is_address(target->host))
        hints.ai_flags |= AI_NUMERICHOST;
    return getaddrinfo(is_known ? known : target->host, port, &hints, &found) == 0 ? found : NULL;
}

static bool wait_connected(int fd, int64_t deadline_ms)
{
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    socklen_t size = sizeof errno;
    int ready, error = 0;

    do
        ready = poll(&writable, 1, (int)clock_left_ms(deadline_ms));
    while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        errno = ETIMEDOUT;
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return false;
    errno = error;
    return error == 0;
}

/* An address of this very host has itself at both ends. */
static bool is_this_host(int fd)
{
    struct sockaddr_storage near = {0}, far = {0};
    socklen_t near_size = sizeof near, far_size = sizeof far;

    if (getsockname(fd, (struct sockaddr *)&near, &near_size) < 0 ||
        getpeername(fd, (struct sockaddr *)&far, &far_size) < 0)
        return true;
    if (near.ss_family == AF_INET)
        return memcmp(&((struct sockaddr_in *)&near)->sin_addr,
                      &((struct sockaddr_in *)&far)->sin_addr, sizeof(struct in_addr)) == 0;
    return memcmp(&((struct sockaddr_in6 *)&near)->sin6_addr,
                  &((struct sockaddr_in6 *)&far)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static bool connect_to(const struct addrinfo *address, int64_t deadline_ms, int *out)
{
    OWNED(fd) int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0 || (connect(fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS))
        return false;
    if (!wait_connected(fd, deadline_ms))
        return false;
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    *out = fd_take(&fd);
    return true;
}

static enum egress_end refuse_private(const struct connect_target *target, const char **code,
                                      char reason[EGRESS_REASON_SIZE])
{
    *code = "EGRESS_PRIVATE";
    (void) snprintf(reason, EGRESS_REASON_SIZE, "%s has no public address; the operator of this "
                    "host may allow others with EGRESS_ALLOW_ADDRESSES", target->host);
    return EGRESS_PRIVATE;
}

static enum egress_end try_all(const struct proxy_options *options, const struct addrinfo *found,
                               const struct connect_target *target, int *out, const char **code,
                               char reason[EGRESS_REASON_SIZE])
{
    int64_t deadline_ms = clock_now_ms() + DIAL_MS;
    int error = 0, tried = 0;

    for (; found && tried < ADDRESSES_TRIED_MAX; found = found->ai_next, tried++) {
        bool is_allowed = ranges_hold(&options->allowed, found->ai_addr);
        if (!is_allowed && !address_is_public(found->ai_addr))
            continue;
        if (!connect_to(found, deadline_ms, out)) {
            error = errno;
            continue;
        }
        if (is_allowed || !is_this_host(*out))
            return EGRESS_CONNECTED;
        fd_drop(out);
    }
    if (!error)
        return refuse_private(target, code, reason);
    *code = error == ECONNREFUSED ? "ECONNREFUSED" : error == ETIMEDOUT ? "ETIMEDOUT"
                                                                        : "EHOSTUNREACH";
    (void) snprintf(reason, EGRESS_REASON_SIZE, "connect to %s:%u: %s", target->host, target->port,
                    strerrordesc_np(error));
    return EGRESS_UNREACHABLE;
}

enum egress_end dial(const struct proxy_options *options, const struct connect_target *target,
                     int *out, const char **code, char reason[EGRESS_REASON_SIZE])
{
    struct addrinfo *found = resolve(options, target);

    *out = -1;
    if (!found) {
        *code = "ENOTFOUND";
        (void) snprintf(reason, EGRESS_REASON_SIZE, "%s has no address", target->host);
        return EGRESS_UNRESOLVED;
    }
    enum egress_end end = try_all(options, found, target, out, code, reason);
    freeaddrinfo(found);
    return end;
}
