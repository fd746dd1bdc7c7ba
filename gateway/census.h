/* census.h - how many connections each address has, counted from the sockets themselves.
 *
 * civetweb tells of a connection only when it has sent a whole head. Those that send nothing hold
 * a thread each until then, so every half second all sockets of our listener are counted, and of
 * an address with too many the youngest are cut.
 *
 * Owns:     its table, one place for each descriptor.
 * Borrows:  the networks of proxies, whose connections are many callers'.
 * Units:    milliseconds of clock_now_ms().
 * One thread.
 */
#ifndef ISEKAI_GATEWAY_CENSUS_H
#define ISEKAI_GATEWAY_CENSUS_H

#include "gateway/address.h"

enum { CENSUS_EVERY_MS = 500 };

struct census;

struct census *census_new(int descriptors_max, unsigned listen_port, uint32_t address_max,
                          const struct networks *proxies);      /* NULL: no memory */
void census_free(struct census *self);                          /* NULL is welcome */

/* Count, and cut what is too many; the number of connections cut. */
uint32_t census_take(struct census *self);

/* The other end of a connected IPv4 socket whose own port is `port`. */
bool socket_peer(int fd, unsigned port, struct address *peer, unsigned *peer_port);

#endif
