/* link.h - one DEALER to one broker that knows whether it is connected; frames in and out.
 *
 * Owns:     a link owns its socket and the monitor beside it; a frames set owns its messages.
 * Units:    milliseconds; message_bytes_max is octets of one frame.
 * Fails as: malformed (an endpoint), internal (the machine has no more sockets).
 * Threads:  a link belongs to one thread. The context behind them is one per process; it
 *           comes with the first link and goes with the last.
 */
#ifndef ISEKAI_BUS_LINK_H
#define ISEKAI_BUS_LINK_H

#include <zmq.h>

#include "schemas/fault.h"
#include "schemas/text.h"

enum {
    ENDPOINTS_MAX = 8,
    ENDPOINT_SIZE = 128,
    FRAMES_MAX = 8,             /* of one message; MDP needs 6 */
    LINK_HEARTBEAT_MS = 2500,   /* between two signs of life */
    LINK_SILENCE_MS = 7500,     /* without one: gone */
    LINK_CONNECT_MS = 1000,     /* how long a caller waits for a connection at most */
};

struct endpoints { char at[ENDPOINTS_MAX][ENDPOINT_SIZE]; size_t count; };

/* The endpoints of a comma separated list. Only ipc:// is known: tcp:// needs keys. */
bool endpoints_read(const char *list, struct endpoints *out, struct fault *fault);

struct link {
    void *socket;               /* NULL: closed */
    void *monitor;
    bool connected;             /* as far as link_update() has heard */
    bool refused;               /* a try to connect failed since the last connection */
    uint32_t losses;            /* connections lost so far */
};

/* Begin to connect; libzmq goes on trying until link_close(). Nothing is queued for a broker
 * that is not there: sending then fails. */
bool link_open(struct link *self, const char *endpoint, uint64_t message_bytes_max,
               struct fault *fault);
/* linger_ms: how long what was sent may take to leave. Safe on a closed or zeroed link. */
void link_close(struct link *self, int linger_ms);
/* Hear from the monitor what has happened; never waits. */
void link_update(struct link *self);

struct frames { zmq_msg_t at[FRAMES_MAX]; size_t count; };

/* The next message, without waiting. One of more than FRAMES_MAX frames is passed over. */
bool frames_receive(void *socket, struct frames *out);
void frames_clear(struct frames *self);
/* Send them all and leave the set empty, or, when the socket takes none now, give false and
 * leave them as they are. Never waits. */
bool frames_send(void *socket, struct frames *self);
/* Append a frame: a copy of `text`, or the octets of *message, which is empty afterwards. */
void frames_add_text(struct frames *self, struct text text);
void frames_add_message(struct frames *self, zmq_msg_t *message);
/* All of `from` into `to`, which is taken as empty; `from` is empty afterwards. */
void frames_move(struct frames *to, struct frames *from);
struct text frames_text(const struct frames *self, size_t index);
struct text message_text(const zmq_msg_t *message);

#endif
