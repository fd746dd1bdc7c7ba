/* fake_broker.h - a ROUTER on which a test plays the broker, to say what a real one never would.
 *
 * Owns:     its context, socket and the last message.
 * Fails as: an assertion of cmocka, SOON_MS after what was awaited did not come.
 */
#ifndef ISEKAI_TESTS_BUS_FAKE_BROKER_H
#define ISEKAI_TESTS_BUS_FAKE_BROKER_H

#include "bus/envelope.h"
#include "bus/link.h"
#include "tests/bus/bus_of_test.h"

struct fake_broker {
    void *context, *router;
    struct frames message;      /* [peer][protocol][command]... */
};

void fake_begin(struct fake_broker *self, const char *endpoint);
void fake_end(struct fake_broker *self);

/* The next message with that protocol and command, whoever sent it; heartbeats are passed over. */
void fake_await(struct fake_broker *self, const char *protocol, char command);
/* The same, from the worker that said READY for `service`; *peer is its address. */
void fake_await_ready(struct fake_broker *self, const char *service, char peer[8], size_t *size);
/* Whether anything but heartbeats comes within a moment. */
bool fake_hears_nothing(struct fake_broker *self, uint32_t within_ms);

/* Send [peer][protocol][command][texts...]; a text without `at` is left out. */
void fake_send(struct fake_broker *self, struct text peer, const char *protocol, char command,
               const struct text *texts, size_t count);
struct text fake_peer(const struct fake_broker *self);
struct text fake_frame(const struct fake_broker *self, size_t index);   /* behind the command */

#endif
