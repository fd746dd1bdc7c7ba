/* mdp_peers.h - a broker in a thread of the test, and sockets that say to it whatever a test likes.
 *
 * Time stands still: the broker's clock moves only by bed_advance_ms(), so that no test waits.
 *
 * Owns:     bed_end() stops the broker and removes the directory; sockets are closed by their test.
 *           A test that failed leaves some open; then bed_end() does not wait for them.
 * Fails as: an assertion of cmocka. A wait for an answer ends after ten real seconds.
 */
#ifndef ISEKAI_TESTS_BUS_MDP_PEERS_H
#define ISEKAI_TESTS_BUS_MDP_PEERS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <zmq.h>

#include "bus/broker.h"
#include "bus/envelope.h"

struct bed {
    char directory[64], endpoint[96];
    struct broker_options options;
    struct broker *broker;
    pthread_t thread;
    void *context;
    bool served;
};

enum { HEARD_FRAMES_MAX = 16 };
struct heard { zmq_msg_t frames[HEARD_FRAMES_MAX]; uint32_t count; };

void bed_options(struct broker_options *out);       /* usual bounds, no endpoint */
void bed_begin(struct bed *self, const struct broker_options *options);
void bed_end(struct bed *self);
void bed_advance_ms(struct bed *self, int64_t ms);  /* and see to it that the broker noticed */
uint64_t bed_count(struct bed *self, const char *row);      /* calls of that row of its stats */
bool bed_serves(struct bed *self, struct text service);     /* as mmi.service says */
void bed_await_service(struct bed *self, struct text service, bool is_served);

void *peer_dealer(struct bed *self);
void *peer_req(struct bed *self);
void peer_close(void *socket);

/* One message; the last text is {NULL, 0}. */
void say_frames(void *socket, const struct text *frames);
#define SAY(socket, ...) say_frames((socket), (const struct text[]){__VA_ARGS__, {NULL, 0}})
#define T(literal) TEXT_OF(literal)

void hear(void *socket, struct heard *out);         /* the next message */
void hear_command(void *socket, struct heard *out); /* the next that is no heartbeat */
/* All that a 0.2 client said before was read by the broker, and nothing was answered yet. */
void settle(void *client);
struct text heard_frame(const struct heard *heard, uint32_t index);
void heard_drop(struct heard *heard);
void assert_frame(const struct heard *heard, uint32_t index, struct text expected);
/* The body in that frame is [1, msgid, {name...}, nil]; gives its retry_ms. */
uint64_t assert_failure(const struct heard *heard, uint32_t index, uint32_t msgid,
                        const char *name);

/* Workers. `words` is the map of READY; absent: a plain MDP worker. */
void *worker_02(struct bed *self, struct text service, struct text words);
void *worker_01(struct bed *self, struct text service);
#define OURS_16 T("\x82\xa6" "credit\x10\xa8" "contract\x01")
#define OURS_1  T("\x82\xa6" "credit\x01\xa8" "contract\x01")
/* Answer the request heard with FINAL and `body`. */
void answer_02(void *socket, const struct heard *request, struct text body);
void answer_01(void *socket, const struct heard *request, struct text body);

/* Where things stand in a worker's REQUEST of MDP/0.2: protocol, command, address, empty, body. */
enum { REQUEST_ADDRESS = 2, REQUEST_BODY = 4 };
/* And in a client's FINAL: protocol, command, service, body. */
enum { FINAL_BODY = 3 };

/* [0, msgid, "echo.say", [{}]] */
#define ASK(msgid) T("\x94\x00" msgid "\xa8" "echo.say\x91\x80")

#endif
