/* brokers.h - the brokers a caller may ask, and which of them is there.
 *
 * Owns:     a brokers set owns its links. It belongs to one thread.
 * Units:    milliseconds.
 * Fails as: malformed (bus_endpoints), unavailable, interrupted.
 */
#ifndef ISEKAI_BUS_BROKERS_H
#define ISEKAI_BUS_BROKERS_H

#include "bus/link.h"
#include "bus/settings.h"

struct brokers {
    struct endpoints endpoints;
    struct link links[ENDPOINTS_MAX];
    size_t preferred;           /* the one that is tried first */
    uint64_t message_bytes_max;
};

bool brokers_open(struct brokers *self, const struct bus_settings *bus, struct fault *fault);
void brokers_close(struct brokers *self);           /* safe on a zeroed one */

/* A connected one, the preferred one first; *preferred is it afterwards. NULL: none now. */
struct link *brokers_connected(struct brokers *self);
/* The same, but wait for one until the deadline or LINK_CONNECT_MS, or until stop_fd (-1: none)
 * is readable. */
struct link *brokers_find(struct brokers *self, int64_t deadline_ms, int stop_fd,
                          struct fault *fault);
/* Try another first from now on. */
void brokers_turn(struct brokers *self);
/* Connect link `index` anew, so that nothing of the old connection can arrive. */
void brokers_renew(struct brokers *self, size_t index);

bool stop_is_asked(const zmq_pollitem_t *item, struct fault *fault);

#endif
