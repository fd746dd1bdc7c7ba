/* address.c - IP addresses, networks of trusted proxies, and who really is at the other end. */
#include "gateway/address.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_ipv4(const struct address *address)
{
    return memcmp(address->octets, mapped_prefix, sizeof mapped_prefix) == 0;
}

bool address_parse(struct text text, struct address *out)
{
    char string[ADDRESS_TEXT_SIZE];
    uint8_t ipv4[4];

    if (text.size >= 2 && text.at[0] == '[' && text.at[text.size - 1] == ']')
        text = (struct text){text.at + 1, text.size - 2};
    if (text.size == 0 || text.size >= sizeof string || memchr(text.at, '\0', text.size))
        return false;
    memcpy(string, text.at, text.size);
    string[text.size] = '\0';
    if (inet_pton(AF_INET, string, ipv4) == 1) {
        memcpy(out->octets, mapped_prefix, sizeof mapped_prefix);
        memcpy(out->octets + sizeof mapped_prefix, ipv4, sizeof ipv4);
        return true;
    }
    return inet_pton(AF_INET6, string, out->octets) == 1;
}

void address_print(const struct address *address, char out[ADDRESS_TEXT_SIZE])
{
    const char *printed = is_ipv4(address)
                              ? inet_ntop(AF_INET, address->octets + 12, out, ADDRESS_TEXT_SIZE)
                              : inet_ntop(AF_INET6, address->octets, out, ADDRESS_TEXT_SIZE);

    if (!printed)
        out[0] = '\0';
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t one[16] = {[15] = 1};

    if (is_ipv4(address))
        return address->octets[12] == 127;
    return memcmp(address->octets, one, sizeof one) == 0;
}

struct address address_limit_key(const struct address *address)
{
    struct address key = *address;

    if (!is_ipv4(address))
        memset(key.octets + 7, 0, sizeof key.octets - 7);
    return key;
}

static bool network_parse(struct text text, struct network *out)
{
    const char *slash = text.size > 0 ? memchr(text.at, '/', text.size) : NULL;
    struct text name = {text.at, slash ? (size_t)(slash - text.at) : text.size};
    int64_t prefix = 0;

    if (!address_parse(name, &out->address))
        return false;

    unsigned bits = is_ipv4(&out->address) ? 32 : 128;
    if (!slash)
        prefix = bits;
    else if (!text_to_count((struct text){slash + 1, text.size - name.size - 1}, &prefix))
        return false;
    if (prefix > bits)
        return false;
    out->prefix = (unsigned)prefix + (128 - bits);
    return true;
}

bool networks_parse(const char *list, struct networks *out, struct fault *fault)
{
    struct text rest = text_from(list);
    struct text item;

    out->count = 0;
    while (header_item(&rest, &item)) {
        if (item.size == 0)
            continue;
        if (out->count == NETWORKS_MAX)
            return fault_set(fault, FAULT_malformed, "more than %d networks", NETWORKS_MAX);
        if (!network_parse(item, &out->at[out->count]))
            return fault_set(fault, FAULT_malformed, "'%.*s' is no network (10.0.0.0/8)",
                             TEXT_ARGS(item));
        out->count++;
    }
    return true;
}

static bool network_has(const struct network *network, const struct address *address)
{
    unsigned whole = network->prefix / 8;
    unsigned rest = network->prefix % 8;

    if (memcmp(network->address.octets, address->octets, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return ((network->address.octets[whole] ^ address->octets[whole]) & mask) == 0;
}

bool networks_have(const struct networks *networks, const struct address *address)
{
    for (uint32_t i = 0; i < networks->count; i++)
        if (network_has(&networks->at[i], address))
            return true;
    return false;
}

/* Take the last comma-separated item off *list. */
static bool last_item(struct text *list, struct text *item)
{
    if (!list->at)
        return false;

    const char *comma = list->size > 0 ? memrchr(list->at, ',', list->size) : NULL;
    const char *begin = comma ? comma + 1 : list->at;

    *item = text_without_blanks((struct text){begin, (size_t)(list->at + list->size - begin)});
    *list = comma ? (struct text){list->at, (size_t)(comma - list->at)} : (struct text){NULL, 0};
    return true;
}

struct address address_of_caller(const struct networks *trusted, const struct address *peer,
                                 const struct http_headers *headers)
{
    struct address caller = *peer;
    uint32_t hops = 0;

    for (uint32_t i = headers->count; i > 0; i--) {
        struct text list = headers->at[i - 1].value;
        struct text item;

        if (!header_is(headers->at[i - 1].name, "x-forwarded-for"))
            continue;
        while (last_item(&list, &item)) {
            struct address before;

            if (!networks_have(trusted, &caller) || hops++ == FORWARDED_HOPS_MAX ||
                !address_parse(item, &before))
                return caller;
            caller = before;
        }
    }
    return caller;
}
