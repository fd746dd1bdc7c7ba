/* egress.h - the way out of one cage: a UNIX socket in it, and isekai-egress behind that once it is used.
 *
 * The socket is the cage's own, <data>/runtime/egress/{name}, of the app's user and shown to nobody
 * else: who comes through it is that app, whatever it says. An app that never connects costs no process.
 * The proxy runs as the app's user in the app's cgroup, so what it uses is the app's, and it ends with
 * the cage. When it dies, its connections end and the next one starts it again.
 *
 * Owns:     struct egress_host its directory, struct egress its socket and process.
 * Borrows:  the settings, for the host's life; the group, during the call.
 * Units:    clock_now_ms().
 * Fails as: internal, malformed (EGRESS_ALLOW_ADDRESSES, EGRESS_HOSTS).
 * Threads:  a struct egress is one thread's: the supervisor's, or an install's. The host's never changes.
 */
#ifndef ISEKAI_SANDBOX_EGRESS_H
#define ISEKAI_SANDBOX_EGRESS_H

#include "actors/sandbox/cgroup.h"
#include "actors/sandbox/door.h"
#include "actors/sandbox/egress/protocol.h"
#include "schemas/message.h"

enum { EGRESS_AGAIN_MS = 1000, EGRESS_REPORTS_AT_ONCE = 64 };

struct sandbox_settings;

struct egress_host {
    struct doors doors;
    const char *runtime;            /* <data>/runtime */
    char connections[24], idle_ms[24];
    const char *ranges, *hosts;
};

struct egress {
    struct door door;               /* of the cage; not open: none */
    int process;                    /* pidfd of isekai-egress; -1: not running */
    int control;
    int64_t started_ms;
    bool is_watched;                /* the socket is: whoever comes starts the process */
};

bool egress_host_open(struct egress_host *out, const char *runtime,
                      const struct sandbox_settings *settings, struct fault *fault);
void egress_host_close(struct egress_host *self);

#define EGRESS_NONE ((struct egress){.door.fd = -1, .process = -1, .control = -1})

/* `name` is nobody else's at this time. */
bool egress_open(struct egress *out, const struct egress_host *host, const char *name, uid_t uid,
                 struct fault *fault);
void egress_path(const struct egress *self, const struct egress_host *host, char *out, size_t size);

struct egress_start { const char *app_id; uid_t uid; const struct cage_group *group; };
bool egress_start(struct egress *self, const struct egress_host *host,
                  const struct egress_start *start, struct fault *fault);

/* All that is granted; a proxy that cannot be told is ended. */
void egress_tell(struct egress *self, const struct egress_grants *grants);
/* The next attempt that it made; false: none now. A host that is none is passed over. */
bool egress_hear(struct egress *self, struct egress_report *out);

/* End the proxy. True once it is gone. */
bool egress_stop(struct egress *self);
void egress_close(struct egress *self, const struct egress_host *host);    /* after egress_stop() */

#endif
