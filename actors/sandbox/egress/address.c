/* address.c - the ranges of addresses; see address.h. */
#include "actors/sandbox/egress/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum verdict { PRIVATE_USE, PUBLIC_USE, IPV4_INSIDE };

static const struct rule {
    const char *network;
    unsigned bits;
    enum verdict verdict;
    unsigned octet;
} rules[] = {
#define PRIVATE(network, bits, why) {network, bits, PRIVATE_USE, 0},
#define PUBLIC(network, bits) {network, bits, PUBLIC_USE, 0},
#define EMBEDS(network, bits, octet) {network, bits, IPV4_INSIDE, octet},
#include "actors/sandbox/egress/ranges.def"
};

static size_t octets_of(const struct sockaddr *address, const uint8_t **out)
{
    if (address->sa_family == AF_INET) {
        *out = (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
        return 4;
    }
    if (address->sa_family == AF_INET6) {
        *out = (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        return 16;
    }
    return 0;
}

static bool range_holds(const struct range *range, const uint8_t *octets)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);

    return memcmp(range->octets, octets, whole) == 0 &&
           (rest == 0 || ((range->octets[whole] ^ octets[whole]) & mask) == 0);
}

static bool read_network(const char *network, struct range *out)
{
    out->family = strchr(network, ':') ? AF_INET6 : AF_INET;
    return inet_pton(out->family, network, out->octets) == 1 &&
           out->bits <= (out->family == AF_INET ? 32u : 128u);
}

static bool is_public(int family, const uint8_t *octets)
{
    const struct rule *decides = NULL;

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct range range = {.bits = rules[i].bits};
        if (read_network(rules[i].network, &range) && range.family == family &&
            range_holds(&range, octets) && (!decides || rules[i].bits > decides->bits))
            decides = &rules[i];
    }
    if (!decides || decides->verdict == PUBLIC_USE)
        return true;
    return decides->verdict == IPV4_INSIDE && is_public(AF_INET, octets + decides->octet);
}

bool address_is_public(const struct sockaddr *address)
{
    const uint8_t *octets = NULL;

    return octets_of(address, &octets) > 0 && is_public(address->sa_family, octets);
}

/* ---- ranges that somebody named ---- */

static bool read_range(const char *text, size_t size, struct range *out)
{
    char copy[64], *slash, *end;

    if (size >= sizeof copy)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    slash = strchr(copy, '/');
    if (!slash || slash[1] < '0' || slash[1] > '9')
        return false;
    *slash = '\0';
    unsigned long bits = strtoul(slash + 1, &end, 10);
    out->bits = bits > 128 ? 129 : (unsigned)bits;
    return *end == '\0' && read_network(copy, out);
}

bool ranges_read(const char *text, struct ranges *out, struct fault *fault)
{
    *out = (struct ranges){.count = 0};
    for (const char *at = text; *at;) {
        size_t size = strcspn(at, ",");
        if (out->count == RANGES_MAX)
            return fault_set(fault, FAULT_malformed, "EGRESS_ALLOW_ADDRESSES: more than %d ranges",
                             RANGES_MAX);
        if (!read_range(at, size, &out->at[out->count++]))
            return fault_set(fault, FAULT_malformed, "EGRESS_ALLOW_ADDRESSES: '%.*s' is no range "
                             "such as 10.1.0.0/16", (int)size, at);
        at += size + (at[size] == ',');
    }
    return true;
}

bool ranges_hold(const struct ranges *ranges, const struct sockaddr *address)
{
    const uint8_t *octets = NULL;

    if (octets_of(address, &octets) == 0)
        return false;
    for (size_t i = 0; i < ranges->count; i++)
        if (ranges->at[i].family == address->sa_family && range_holds(&ranges->at[i], octets))
            return true;
    return false;
}
