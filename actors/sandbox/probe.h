/* probe.h - asks an app for / over its socket, to know that it answers HTTP.
 *
 * One try is one connection: "GET / HTTP/1.0", and any status line of HTTP/1.x is an answer. What
 * follows is read and thrown away, so that the app does not see a broken connection. isekai-init
 * holds the connection until the app listens; so there is nothing to wait for between tries but
 * an app that listens and does not speak HTTP.
 *
 * Owns:     its connection; probe_drop(). Safe on one that was never begun (fd -1).
 * Units:    clock_now_ms().
 */
#ifndef ISEKAI_SANDBOX_PROBE_H
#define ISEKAI_SANDBOX_PROBE_H

#include <stdint.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stddef.h>

enum {
    PROBE_PAUSE_MS = 20,            /* after a try that failed */
    PROBE_REST_MS = 2000,           /* for the rest of the answer */
    PROBE_REST_OCTETS = 1 << 20,
    PROBE_LINE_OCTETS = 12,         /* "HTTP/1.1 200" */
};

enum probe_verdict { PROBE_WAITS, PROBE_ANSWERED, PROBE_FAILED, PROBE_DONE };

struct probe {
    int fd;                         /* -1: no try is under way */
    bool answered;
    char line[PROBE_LINE_OCTETS];
    size_t size, rest;
    int64_t again_at_ms;            /* the next try, or the end of reading the rest; 0: none */
};

/* Begin a try; false: the socket takes none now, try again at again_at_ms. */
bool probe_begin(struct probe *self, const struct sockaddr_un *address, int64_t now_ms);
/* fd is readable. PROBE_ANSWERED comes once; PROBE_FAILED and PROBE_DONE have closed it. */
enum probe_verdict probe_read(struct probe *self, int64_t now_ms);
void probe_drop(struct probe *self);

#endif
