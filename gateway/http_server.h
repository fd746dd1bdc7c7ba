/* http_server.h - HTTP in and out: the only file behind this header knows civetweb.
 *
 * Owns:     the server owns its listener, threads and connections.
 * Borrows:  options' pointers, for the server's life; a request's texts, until serve() returns.
 * Gives:    serve() is called once for each request that passed the guard and must answer it
 *           with http_write(); refuse() for each that did not, after which the connection ends.
 * Units:    deadlines are clock_now_ms(), absolute.
 * Fails as: unavailable when it cannot listen, with civetweb's own words; internal.
 * Threads:  serve() and refuse() run on civetweb's threads, whose stacks hold 100 KB: no large
 *           locals, no recursion. One connection belongs to one thread at a time.
 */
#ifndef ISEKAI_GATEWAY_HTTP_SERVER_H
#define ISEKAI_GATEWAY_HTTP_SERVER_H

#include "gateway/connections.h"
#include "gateway/guard.h"

struct http_server;
struct http_exchange;           /* one request on one connection */

struct http_request {
    struct text verb;
    struct text path;           /* raw: percent-encoded as it came, begins with a slash */
    struct text query;          /* raw; absent: none */
    const struct http_headers *headers;
    struct guard_verdict framing;
    struct address peer;
};

struct http_server_options {
    const char *listen_host;
    struct address listen_address;
    unsigned listen_port;
    uint32_t threads;
    uint32_t address_connections_max;
    const struct networks *proxies;
    const char *additional_header;      /* for the pages that civetweb itself may write */
    void (*serve)(struct http_exchange *exchange, const struct http_request *request, void *self);
    void (*refuse)(struct http_exchange *exchange, const struct fault *fault, void *self);
    void *self;
};

/* *out is there before the first request is, for who serves it may ask for it; NULL on false. */
bool http_server_start(struct http_server **out, const struct http_server_options *options,
                       struct fault *fault);
/* Accept nothing more and wait for what is under way. False when it has not ended within_ms:
 * then the server still runs, and the process may only end. */
bool http_server_stop(struct http_server *self, uint32_t within_ms);
uint32_t http_server_connections(struct http_server *self);

/* The next octets of the body: more than 0; 0 at its end; -1 when it is broken, cut short or
 * late. Waits until `size` octets are there or the body ends. */
int http_read(struct http_exchange *exchange, void *out, size_t size, int64_t deadline_ms);
/* How many octets http_read() can be asked for without waiting; at least 1. Not for chunked. */
size_t http_readable(const struct http_exchange *exchange, size_t most);
bool http_body_is_read(const struct http_exchange *exchange);

/* Write everything, or fail because the other end is gone or does not read. */
bool http_write(struct http_exchange *exchange, struct iovec *parts, int count,
                int64_t deadline_ms);

/* The connection ends after this exchange; say `Connection: close` in the answer. */
void http_close(struct http_exchange *exchange);
bool http_is_closing(const struct http_exchange *exchange);

/* The raw socket, to poll and to relay upgraded connections; only until serve() returns. */
int http_socket(const struct http_exchange *exchange);
bool http_is_stopping(const struct http_exchange *exchange);

const char *http_status_phrase(int status);

#endif
