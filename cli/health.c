/* health.c - one GET /api/health; see health.h. */
#include "cli/health.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bus/owned.h"

static bool split(const char *listen, char host[64], const char **port)
{
    const char *colon = strrchr(listen, ':');

    if (!colon || (size_t)(colon - listen) >= 64)
        return false;
    (void) snprintf(host, 64, "%.*s", (int)(colon - listen), listen);
    *port = colon + 1;
    return true;
}

static int dial(const char *listen)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    const struct timeval limit = {.tv_usec = 500000};
    struct addrinfo *found = NULL;
    OWNED(fd) int fd = -1;
    char host[64];
    const char *port;

    if (!split(listen, host, &port) || getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    bool done = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    return done ? fd_take(&fd) : -1;
}

bool health_is_ok(const char *listen)
{
    static const char wanted[] = "HTTP/1.1 200";
    char line[256], answer[sizeof wanted] = "";
    OWNED(fd) int fd = dial(listen);
    int size = snprintf(line, sizeof line, "GET /api/health HTTP/1.1\r\nHost: %s\r\n"
                        "Connection: close\r\n\r\n", listen);

    if (fd < 0 || send(fd, line, (size_t)size, MSG_NOSIGNAL) != size)
        return false;
    return recv(fd, answer, sizeof wanted - 1, MSG_WAITALL) == (ssize_t)sizeof wanted - 1 &&
           strcmp(answer, wanted) == 0;
}
