/* proxy.c - taking connections in, and the grants they live by; see proxy.h. */
#include "actors/sandbox/egress/proxy_inside.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bus/clock.h"
#include "bus/owned.h"

enum { STACK_OCTETS = 512 << 10, PAUSE_MS = 10 };

/* ---- grants ---- */

static bool is_granted(const struct egress_grants *grants, const struct connect_target *target)
{
    for (uint32_t i = 0; i < grants->count; i++)
        if (grants->at[i].port == target->port &&
            host_is_covered(target->host, grants->at[i].host))
            return true;
    return false;
}

/* Its thread hears of it by the end of its sockets. */
static void end_revoked(struct connection *connection)
{
    connection->is_revoked = true;
    (void) shutdown(connection->client, SHUT_RDWR);
    if (connection->upstream >= 0)
        (void) shutdown(connection->upstream, SHUT_RDWR);
}

static void take_grants(struct proxy *self, const struct egress_grants *grants)
{
    pthread_mutex_lock(&self->lock);
    self->grants = *grants;
    for (size_t i = 0; i < self->options.connections_max; i++) {
        struct connection *connection = &self->connections[i];
        if (connection->in_use && connection->is_admitted &&
            !is_granted(grants, &connection->target))
            end_revoked(connection);
    }
    pthread_mutex_unlock(&self->lock);
    self->has_grants = true;
}

/* False when the sandbox is gone. */
static bool read_control(struct proxy *self)
{
    struct egress_grants grants;
    ssize_t size = recv(self->control, &grants, sizeof grants, MSG_DONTWAIT);

    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
        return false;
    if (size == (ssize_t)sizeof grants && grants.count <= EGRESS_GRANTS_MAX)
        take_grants(self, &grants);
    return true;
}

bool proxy_admit(struct proxy *self, struct connection *connection)
{
    pthread_mutex_lock(&self->lock);
    connection->is_admitted = is_granted(&self->grants, &connection->target);
    pthread_mutex_unlock(&self->lock);
    return connection->is_admitted;
}

bool proxy_take_upstream(struct proxy *self, struct connection *connection, int upstream)
{
    pthread_mutex_lock(&self->lock);
    bool is_good = !connection->is_revoked;
    if (is_good)
        connection->upstream = upstream;
    pthread_mutex_unlock(&self->lock);
    return is_good;
}

/* Waits while the sandbox has not read the ones before: an app that tries fast waits for it. */
void proxy_report(struct proxy *self, const struct connect_target *target, enum egress_end end)
{
    struct egress_report report = {.port = target->port, .end = (uint16_t)end};

    (void) snprintf(report.host, sizeof report.host, "%s", target->host);
    (void) send(self->control, &report, sizeof report, MSG_NOSIGNAL);
}

/* ---- connections ---- */

void proxy_end_connection(struct proxy *self, struct connection *connection)
{
    pthread_mutex_lock(&self->lock);
    fd_drop(&connection->client);
    fd_drop(&connection->upstream);
    connection->in_use = false;
    self->count--;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static struct connection *take_place(struct proxy *self, int client)
{
    struct connection *found = NULL;

    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->options.connections_max && !found; i++)
        if (!self->connections[i].in_use)
            found = &self->connections[i];
    if (found) {
        *found = (struct connection){.proxy = self, .client = client, .upstream = -1,
                                     .in_use = true};
        self->count++;
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

static bool start_thread(struct connection *connection)
{
    pthread_attr_t attributes;
    pthread_t thread;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    (void) pthread_attr_setstacksize(&attributes, STACK_OCTETS);
    (void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool started = pthread_create(&thread, &attributes, connection_thread, connection) == 0;
    (void) pthread_attr_destroy(&attributes);
    return started;
}

static void refuse(int client)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nX-Egress-Code: EGRESS_BUSY\r\n"
        "Content-Type: text/plain\r\nConnection: close\r\n\r\n"
        "the app has as many connections out as it may have; close some\n";

    (void) send(client, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void accept_one(struct proxy *self)
{
    OWNED(fd) int client = accept4(self->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (client < 0)
        return;
    struct connection *connection = take_place(self, client);
    if (!connection) {
        refuse(client);
        return;
    }
    client = -1;
    if (start_thread(connection))
        return;
    refuse(connection->client);
    proxy_end_connection(self, connection);
}

/* An app that connects in a loop shall not keep the sandbox busy with its attempts. */
static bool has_token(struct proxy *self)
{
    int64_t now = clock_now_ms();

    self->tokens += (now - self->tokens_at_ms) * ACCEPTS_PER_SECOND;
    self->tokens_at_ms = now;
    if (self->tokens > ACCEPTS_PER_SECOND * 1000)
        self->tokens = ACCEPTS_PER_SECOND * 1000;
    return self->tokens >= 1000;
}

bool proxy_run(struct proxy *self)
{
    for (;;) {
        bool may_accept = self->has_grants && has_token(self);
        struct pollfd fds[2] = {{.fd = self->control, .events = POLLIN},
                                {.fd = may_accept ? self->listener : -1, .events = POLLIN}};
        if (poll(fds, 2, may_accept || !self->has_grants ? -1 : PAUSE_MS) < 0 && errno != EINTR)
            return true;
        if (fds[0].revents && !read_control(self))
            return true;
        if (!(fds[1].revents & POLLIN))
            continue;
        if (self->options.files && resolver_files_were_exchanged(self->options.files))
            return false;               /* who waits here is served by the next */
        self->tokens -= 1000;
        accept_one(self);
    }
}

/* ---- beginning and end ---- */

struct proxy *proxy_new(const struct proxy_options *options, int control, int listener,
                        struct fault *fault)
{
    struct proxy *self = calloc(1, sizeof *self);

    if (self)
        self->connections = calloc(options->connections_max, sizeof *self->connections);
    if (!self || !self->connections) {
        free(self);
        (void) fault_set(fault, FAULT_internal, "no memory for the proxy");
        return NULL;
    }
    self->options = *options;
    self->control = control;
    self->listener = listener;
    self->tokens = ACCEPTS_PER_SECOND * 1000;
    self->tokens_at_ms = clock_now_ms();
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    return self;
}

void proxy_free(struct proxy *self)
{
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->options.connections_max; i++)
        if (self->connections[i].in_use)
            end_revoked(&self->connections[i]);
    while (self->count > 0)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self->connections);
    free(self);
}
