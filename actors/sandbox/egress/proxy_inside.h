/* proxy_inside.h - what the files of the proxy share; nobody else includes it. */
#ifndef ISEKAI_SANDBOX_EGRESS_PROXY_INSIDE_H
#define ISEKAI_SANDBOX_EGRESS_PROXY_INSIDE_H

#include <pthread.h>

#include "actors/sandbox/egress/connect_head.h"
#include "actors/sandbox/egress/proxy.h"

struct connection {
    struct proxy *proxy;
    int client, upstream;           /* the lock's, when changed: -1 is none */
    bool in_use, is_admitted, is_revoked;
    struct connect_target target;
};

struct proxy {
    struct proxy_options options;
    int control, listener;
    bool has_grants;
    int64_t tokens, tokens_at_ms;

    pthread_mutex_t lock;           /* guards what follows */
    pthread_cond_t changed;
    struct egress_grants grants;
    struct connection *connections;
    size_t count;
};

/* proxy.c */

/* Is the target granted? If so, losing the grant ends the connection from now on. */
bool proxy_admit(struct proxy *self, struct connection *connection);
/* The upstream is the connection's from now on. False, and nothing taken: revoked meanwhile. */
bool proxy_take_upstream(struct proxy *self, struct connection *connection, int upstream);
void proxy_report(struct proxy *self, const struct connect_target *target, enum egress_end end);
void proxy_end_connection(struct proxy *self, struct connection *connection);

/* connection.c: the thread of one */
void *connection_thread(void *connection);

/* dial.c: a connected, non-blocking socket in *out, or what went wrong with the reason in words. */
enum egress_end dial(const struct proxy_options *options, const struct connect_target *target,
                     int *out, const char **code, char reason[EGRESS_REASON_SIZE]);

/* tunnel.c: carry octets until both directions have ended, one fails, or nothing moves for idle_ms.
 * `first` goes to `b` before anything else. */
struct tunnel_first { const char *at; size_t size; };
void tunnel_run(int a, int b, struct tunnel_first first, int idle_ms);

#endif
