/* network.c - probes of isekai-proof: whom it can reach. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/vm_sockets.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "actors/sandbox/proof/probes.h"

enum { CONNECT_MS = 200 };

static bool name_address(const char *text, unsigned long port, struct sockaddr_in *out)
{
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, text, &out->sin_addr) == 1;
}

static bool connects(const struct sockaddr *address, socklen_t size, int type)
{
    int fd = socket(address->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    socklen_t error_size = sizeof error;
    bool connected;

    if (fd < 0)
        return false;
    connected = connect(fd, address, size) == 0;
    if (!connected && errno == EINPROGRESS && poll(&ready, 1, CONNECT_MS) == 1)
        connected = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) == 0 && error == 0;
    (void) close(fd);
    return connected;
}

bool probe_tcp(const struct targets *targets, char detail[DETAIL_SIZE])
{
    const char *places[] = {"127.0.0.1", target(targets, PROOF_WORD_ADDRESS)};
    struct sockaddr_in address;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (name_address(places[i], target_number(targets, PROOF_WORD_TCP_PORT), &address) &&
            connects((struct sockaddr *)&address, sizeof address, SOCK_STREAM))
            return broke(detail, "connected to %.40s", places[i]);
    return true;
}

/* To its own loopback it may send. Whether anything came out, the sandbox sees. */
bool probe_udp(const struct targets *targets, char detail[DETAIL_SIZE])
{
    const char *places[] = {"127.0.0.1", target(targets, PROOF_WORD_ADDRESS)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address;

    (void) detail;
    for (size_t i = 0; fd >= 0 && i < sizeof places / sizeof *places; i++)
        if (name_address(places[i], target_number(targets, PROOF_WORD_UDP_PORT), &address))
            (void) sendto(fd, "!", 1, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof address);
    if (fd >= 0)
        (void) close(fd);
    return true;
}

bool probe_abstract_socket(const struct targets *targets, char detail[DETAIL_SIZE])
{
    const char *name = target(targets, PROOF_WORD_ABSTRACT);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strnlen(name, sizeof address.sun_path - 1);

    memcpy(address.sun_path + 1, name, size);
    size += offsetof(struct sockaddr_un, sun_path) + 1;
    return !connects((struct sockaddr *)&address, (socklen_t)size, SOCK_STREAM) ||
           broke(detail, "connected");
}

bool probe_network_interfaces(const struct targets *targets, char detail[DETAIL_SIZE])
{
    FILE *file = fopen("/proc/self/net/dev", "re");
    char line[256], name[32];
    bool held = file != NULL;

    (void) targets;
    if (!file)
        return broke(detail, "/proc/self/net/dev cannot be read: %s", strerror(errno));
    while (held && fgets(line, sizeof line, file))
        if (strchr(line, ':') && sscanf(line, " %31[^:]:", name) == 1 && strcmp(name, "lo") != 0)
            held = broke(detail, "sees %s", name);
    (void) fclose(file);
    return held;
}

static bool no_socket(int domain, int type, int protocol, char detail[DETAIL_SIZE])
{
    int fd = socket(domain, type | SOCK_CLOEXEC, protocol);

    if (fd < 0)
        return true;
    (void) close(fd);
    return broke(detail, "got one");
}

bool probe_raw_socket(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    return no_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP, detail);
}

bool probe_packet_socket(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    return no_socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL), detail);
}

bool probe_vsock_socket(const struct targets *targets, char detail[DETAIL_SIZE])
{
    (void) targets;
    return no_socket(AF_VSOCK, SOCK_STREAM, 0, detail);
}
