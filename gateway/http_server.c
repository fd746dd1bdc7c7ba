/* http_server.c - the only file that includes civetweb.h.
 *
 * civetweb parses, accepts and keeps threads; what it is careless about is done here or in
 * guard.c and connections.c. Every answer goes out by connection_write(): one call for head and
 * body, and a deadline.
 */
#include "gateway/http_server.h"

#include <civetweb.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "bus/clock.h"
#include "bus/owned.h"

#define REQUEST_OCTETS_MAX "16384"      /* request line and headers */
enum { REQUEST_OCTETS = 16384 };
#define HEADERS_MS_MAX "10000"          /* from the first octet to the last header */
#define IDLE_MS_MAX "10000"             /* between two requests of a connection */
enum { KNOCK_MS = 50 };

struct http_server {
    struct http_server_options options;
    struct mg_context *civetweb;
    struct connections *connections;
    atomic_bool is_stopping, has_started;
    char first_words[200];              /* of civetweb while it starts; what follows is vaguer */
};

struct http_exchange {
    struct http_server *server;
    struct mg_connection *civetweb;
    struct connection *connection;
    struct guard_verdict framing;
    int64_t body_left;                  /* octets, or BODY_CHUNKED */
    bool is_closing;
    bool is_broken;                     /* refused before its end is known */
};

static struct http_server *server_of(const struct mg_connection *civetweb)
{
    return mg_get_user_data(mg_get_context(civetweb));
}

static void refuse(struct http_exchange *exchange, const struct fault *fault)
{
    exchange->is_broken = true;
    http_close(exchange);
    exchange->server->options.refuse(exchange, fault, exchange->server->options.self);
}

/* ---- what civetweb calls ---- */

/* The slot of a connection, taken at its first request: earlier civetweb tells nothing of it. */
static struct connection *connection_of(struct mg_connection *civetweb)
{
    const struct mg_request_info *info = mg_get_request_info(civetweb);
    struct connection *connection = mg_get_user_connection_data(civetweb);

    if (!connection && info) {
        struct address peer = {{0}};

        (void) address_parse(text_from(info->remote_addr), &peer);
        connection = connection_open(server_of(civetweb)->connections, &peer,
                                     (unsigned)info->remote_port);
        mg_set_user_connection_data(civetweb, connection);
    }
    return connection;
}

static void on_close(const struct mg_connection *civetweb)
{
    connection_close(mg_get_user_connection_data(civetweb));
}

/* Each thread receives all its requests in one buffer; a request that does not begin where the
 * buffer does was preceded by white space, behind which civetweb may even have found the
 * octets of an earlier caller. The buffer is where the earliest request of this thread began, and
 * is aligned as malloc() aligns. */
static const char *buffer_of_thread(const char *verb)
{
    static _Thread_local const char *buffer;
    const char *aligned = verb - (uintptr_t)verb % _Alignof(max_align_t);

    if (!buffer || aligned < buffer)
        buffer = aligned;
    return buffer;
}

static bool check(const struct mg_request_info *info, struct http_headers *headers,
                  struct guard_verdict *framing, struct fault *fault)
{
    struct guard_header raw[MG_MAX_HEADERS];

    for (int i = 0; i < info->num_headers; i++)
        raw[i] = (struct guard_header){info->http_headers[i].name, info->http_headers[i].value};
    return guard_check(&(struct guard_view){.buffer = buffer_of_thread(info->request_method),
                                            .buffer_size = REQUEST_OCTETS,
                                            .verb = info->request_method,
                                            .uri = info->request_uri,
                                            .query = info->query_string,
                                            .version = info->http_version,
                                            .headers = raw,
                                            .header_count = (uint32_t)info->num_headers},
                       headers, framing, fault);
}

/* civetweb keeps a connection exactly when this says so; else it closes, and we say so first. */
static bool may_keep(const struct http_headers *headers, const struct guard_verdict *framing)
{
    struct text wish = header_find(headers, "connection");

    if (framing->body_octets == BODY_CHUNKED)
        return false;
    return wish.at ? header_list_has(wish, "keep-alive") : !framing->is_http_1_0;
}

static void serve(struct http_exchange *exchange, const struct mg_request_info *info)
{
    struct http_headers headers;
    struct fault fault;

    if (connection_is_over_limit(exchange->connection)) {
        (void) fault_set(&fault, FAULT_overloaded, "too many connections from this address");
        refuse(exchange, &fault);
        return;
    }
    if (!check(info, &headers, &exchange->framing, &fault)) {
        refuse(exchange, &fault);
        return;
    }
    exchange->body_left = exchange->framing.body_octets;
    if (!may_keep(&headers, &exchange->framing))
        http_close(exchange);

    struct http_request request = {.verb = text_from(info->request_method),
                                   .path = text_from(info->request_uri),
                                   .query = text_from(info->query_string),
                                   .headers = &headers,
                                   .framing = exchange->framing,
                                   .peer = *connection_peer(exchange->connection)};
    exchange->server->options.serve(exchange, &request, exchange->server->options.self);
}

static int on_request(struct mg_connection *civetweb)
{
    struct connection *connection = connection_of(civetweb);
    struct http_exchange exchange = {.server = server_of(civetweb), .civetweb = civetweb,
                                     .connection = connection};

    if (!connection) {
        mg_disable_connection_keep_alive(civetweb);
        (void) mg_send_http_error(civetweb, 503, "%s", "");
        return 503;
    }
    serve(&exchange, mg_get_request_info(civetweb));
    if (!http_body_is_read(&exchange)) {
        exchange.is_broken = true;
        http_close(&exchange);
    }
    if (exchange.is_broken)
        connection_linger(connection);
    return 200;         /* "answered"; our own access log knows the status */
}

/* A request that civetweb itself could not read. Nothing of the request may be looked at. */
static int on_error(struct mg_connection *civetweb, int status, const char *message)
{
    struct http_exchange exchange = {.server = server_of(civetweb), .civetweb = civetweb,
                                     .connection = connection_of(civetweb)};
    struct fault fault;

    (void) message;
    if (!exchange.connection)
        return 1;       /* its own page, with additional_header */
    if (status == 413)
        (void) fault_set(&fault, FAULT_too_long, "request line and headers together are larger "
                                                 "than " REQUEST_OCTETS_MAX " octets");
    else if (status < 500 || status == 505)
        (void) fault_set(&fault, FAULT_bad_request,
                         "the request's head could not be read, is larger than "
                         REQUEST_OCTETS_MAX " octets, or did not come in time");
    else
        (void) fault_set(&fault, FAULT_internal, "civetweb answered %d", status);
    refuse(&exchange, &fault);
    connection_linger(exchange.connection);
    return 0;
}

static int on_log(const struct mg_connection *civetweb, const char *message)
{
    struct http_server *server = server_of(civetweb);

    if (server && !atomic_load(&server->has_started) && !*server->first_words)
        (void) snprintf(server->first_words, sizeof server->first_words, "%s", message);
    return 1;           /* what goes wrong with one connection is in our own log */
}

/* ---- begin and end ---- */

static struct mg_context *start_civetweb(struct http_server *self)
{
    char port[ADDRESS_TEXT_SIZE + 8], threads[16];
    const char *options[] = {
        "listening_ports", port,
        "num_threads", threads,
        "connection_queue", "1024",
        "listen_backlog", "1024",
        "max_request_size", REQUEST_OCTETS_MAX,
        "request_timeout_ms", HEADERS_MS_MAX,
        "keep_alive_timeout_ms", IDLE_MS_MAX,
        "enable_keep_alive", "yes",
        "tcp_nodelay", "1",                     /* without it keep-alive costs 40 ms a request */
        "decode_url", "no",                     /* decoded once, by us */
        "enable_directory_listing", "no",
        "enable_auth_domain_check", "no",
        "cgi_pattern", "",
        "ssi_pattern", "",
        "access_control_allow_origin", "",      /* else it answers preflights with `*` */
        "access_control_allow_methods", "",
        "access_control_allow_headers", "",
        "additional_header", self->options.additional_header,
        NULL,
    };
    struct mg_callbacks callbacks = {.begin_request = on_request,
                                     .connection_close = on_close,
                                     .http_error = on_error,
                                     .log_message = on_log};

    (void) snprintf(port, sizeof port, "%s:%u", self->options.listen_host,
                    self->options.listen_port);
    (void) snprintf(threads, sizeof threads, "%u", self->options.threads);
    (void) mg_init_library(MG_FEATURES_DEFAULT);
    return mg_start(&callbacks, self, options);
}

static struct http_server *server_new(const struct http_server_options *options,
                                      struct fault *fault)
{
    struct http_server *self = calloc(1, sizeof *self);

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for the HTTP server");
        return NULL;
    }
    self->options = *options;
    self->connections = connections_new(
        &(struct connections_options){.connections_max = options->threads,
                                      .address_max = options->address_connections_max,
                                      .listen_address = options->listen_address,
                                      .listen_port = options->listen_port,
                                      .proxies = options->proxies},
        fault);
    if (!self->connections) {
        free(self);
        return NULL;
    }
    return self;
}

bool http_server_start(struct http_server **out, const struct http_server_options *options,
                       struct fault *fault)
{
    struct http_server *self = *out = server_new(options, fault);

    if (!self)
        return false;
    self->civetweb = start_civetweb(self);
    if (self->civetweb) {
        atomic_store(&self->has_started, true);
        return true;
    }
    (void) fault_set(fault, FAULT_unavailable, "cannot listen on %s:%u: %s", options->listen_host,
                     options->listen_port, self->first_words);
    connections_free(self->connections);
    free(self);
    *out = NULL;
    return false;
}

static void *stop_run(void *argument)
{
    mg_stop(argument);
    return NULL;
}

/* Its listening thread looks every two seconds whether it should end, and whenever somebody comes. */
static void knock(const struct http_server *self)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)self->options.listen_port)};
    OWNED(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memcpy(&here.sin_addr, self->options.listen_address.octets + 12, 4);
    if (fd >= 0)
        (void) connect(fd, (const struct sockaddr *)&here, sizeof here);
}

static bool has_ended(pthread_t thread, uint32_t within_ms)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += within_ms / 1000;
    end.tv_nsec += (long)(within_ms % 1000) * 1000000L;
    if (end.tv_nsec >= 1000000000L) {
        end.tv_nsec -= 1000000000L;
        end.tv_sec++;
    }
    return pthread_timedjoin_np(thread, NULL, &end) == 0;
}

bool http_server_stop(struct http_server *self, uint32_t within_ms)
{
    int64_t deadline_ms = clock_now_ms() + within_ms;
    pthread_t stopper;
    bool ended = false;

    atomic_store(&self->is_stopping, true);
    if (pthread_create(&stopper, NULL, stop_run, self->civetweb) != 0)
        return false;
    while (!ended && clock_left_ms(deadline_ms) > 0) {
        knock(self);
        ended = has_ended(stopper, KNOCK_MS);
    }
    if (!ended)
        return false;
    connections_free(self->connections);
    free(self);
    return true;
}

uint32_t http_server_connections(struct http_server *self)
{
    return connections_count(self->connections);
}

/* ---- one exchange ---- */

static int read_some(struct http_exchange *exchange, void *out, size_t size, int64_t deadline_ms)
{
    connection_read_until(exchange->connection, deadline_ms);
    int got = mg_read(exchange->civetweb, out, size);
    return connection_read_freely(exchange->connection) ? got : -1;
}

int http_read(struct http_exchange *exchange, void *out, size_t size, int64_t deadline_ms)
{
    bool is_chunked = exchange->framing.body_octets == BODY_CHUNKED;

    if (exchange->body_left == 0 || size == 0)
        return 0;
    if (!is_chunked && (int64_t)size > exchange->body_left)
        size = (size_t)exchange->body_left;

    int got = read_some(exchange, out, size, deadline_ms);
    if (got < 0 || (got == 0 && !is_chunked)) {
        http_close(exchange);
        return -1;
    }
    if (!is_chunked)
        exchange->body_left -= got;
    else if (got == 0)
        exchange->body_left = 0;
    return got;
}

size_t http_readable(const struct http_exchange *exchange, size_t most)
{
    int waiting = 0;

    if (ioctl(connection_socket(exchange->connection), FIONREAD, &waiting) < 0 || waiting < 1)
        return 1;
    return (size_t)waiting < most ? (size_t)waiting : most;
}

bool http_body_is_read(const struct http_exchange *exchange)
{
    return exchange->body_left == 0;
}

bool http_write(struct http_exchange *exchange, struct iovec *parts, int count,
                int64_t deadline_ms)
{
    if (connection_write(exchange->connection, parts, count, deadline_ms))
        return true;
    http_close(exchange);
    return false;
}

void http_close(struct http_exchange *exchange)
{
    exchange->is_closing = true;
    if (exchange->civetweb)
        mg_disable_connection_keep_alive(exchange->civetweb);
}

bool http_is_closing(const struct http_exchange *exchange) { return exchange->is_closing; }

int http_socket(const struct http_exchange *exchange)
{
    return connection_socket(exchange->connection);
}

bool http_is_stopping(const struct http_exchange *exchange)
{
    return atomic_load(&exchange->server->is_stopping);
}
