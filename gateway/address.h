/* address.h - IP addresses, networks of trusted proxies, and who really is at the other end.
 *
 * An IPv4 address is held as the IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2), so that
 * there is one kind.
 *
 * Gives:    plain values; nothing to free.
 * Fails as: malformed, naming the entry of a list that is no network.
 * Any thread.
 */
#ifndef ISEKAI_GATEWAY_ADDRESS_H
#define ISEKAI_GATEWAY_ADDRESS_H

#include "gateway/header.h"
#include "schemas/fault.h"

enum { ADDRESS_TEXT_SIZE = 46, NETWORKS_MAX = 64, FORWARDED_HOPS_MAX = 32 };

struct address { uint8_t octets[16]; };
struct network { struct address address; unsigned prefix; };
struct networks { struct network at[NETWORKS_MAX]; uint32_t count; };

bool address_parse(struct text text, struct address *out);
void address_print(const struct address *address, char out[ADDRESS_TEXT_SIZE]);
bool address_is_loopback(const struct address *address);

/* What counts as one caller: an IPv4 address, or an IPv6 /56, which is what one subscriber gets. */
struct address address_limit_key(const struct address *address);

bool networks_parse(const char *list, struct networks *out, struct fault *fault);
bool networks_have(const struct networks *networks, const struct address *address);

/* The caller's own address: the peer's, or, when the peer is a trusted proxy, the right-most
 * address of X-Forwarded-For that is not one. An entry that is no address ends the search. */
struct address address_of_caller(const struct networks *trusted, const struct address *peer,
                                 const struct http_headers *headers);

#endif
