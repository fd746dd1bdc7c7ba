/* broker.h - the one in the middle: services by name, workers with credit, waiting with bounds.
 *
 * Speaks the Majordomo Protocol 0.1 and 0.2 (rfc.zeromq.org 7 and 18) to clients and workers on
 * one ROUTER, and MMI (rfc.zeromq.org 8). A worker of ours adds a frame to READY, the map
 * {"credit": n, "contract": n}: it may hold n requests, and each request it gets begins with
 * a header that the broker wrote. All others get a request at a time, as the client sent it.
 *
 * What it promises: every request ends in exactly one answer: the worker's, or `timed_out`,
 * `unavailable`, `overloaded` from here. Only what comes while as many are under way as the table
 * holds is dropped, and counted as undelivered. Nothing in here waits for a peer.
 *
 * Owns:     the broker owns its context, socket, lock file and every waiting request.
 * Borrows:  the options, during broker_new().
 * Units:    *_ms are milliseconds.
 * Fails as: malformed (the endpoint), conflict (another broker serves it), internal (the system).
 * Threads:  broker_new, broker_run and broker_free from one thread at a time; broker_stop from any
 *           thread and from a signal handler.
 */
#ifndef ISEKAI_BUS_BROKER_H
#define ISEKAI_BUS_BROKER_H

#include "bus/settings.h"

/* The name under which the broker itself answers isekai.ping, isekai.info and isekai.stats. */
#define BROKER_SERVICE "broker"

struct broker;

struct broker_options {
    const char *endpoint;               /* ipc:///directory/name */
    struct broker_settings bounds;
    uint64_t message_bytes_max;         /* of one message, all its frames together */
    uint32_t heartbeat_ms;              /* 0: 2,500 */
    uint32_t silence_ms;                /* of an idle worker, before it is removed; 0: 7,500 */
    uint32_t default_time_ms;           /* of a request that does not say; 0: 30,000 */
};

struct broker *broker_new(const struct broker_options *options, struct fault *fault);

/* Serve until broker_stop(). Then every waiting caller is answered, every worker sent away. */
bool broker_run(struct broker *self, struct fault *fault);
void broker_stop(struct broker *self);
void broker_free(struct broker *self);          /* NULL is welcome */

#endif
