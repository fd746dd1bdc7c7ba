/* actor.h - what an actor is: a table of methods and the loop around them, written once.
 *
 * actor_run() owns the sockets, lanes, worker threads, heartbeats, decoding, checking, replies,
 * counting and the log line. A handler sees a checked struct, fills its reply and returns
 * true or a fault. It never sends, never logs, never knows HTTP.
 *
 * Owns:     the actor struct and what it points to belong to main and outlive actor_run().
 * Borrows:  a handler's request and call live until it returns. What the reply points to must live
 *           in the request, in the call's arena, or be constant.
 * Units:    deadlines are clock_now_ms(), absolute.
 * Threads:  the thread that calls actor_run() owns the sockets and runs no handler. Each lane
 *           has its own worker threads; handlers of several threads run at once, so `self` is
 *           shared and must say how it is locked.
 * Fails as: actor_run() returns false when it could not begin (endpoint, identity); after that it
 *           serves until SIGTERM, SIGINT or isekai.drain, drains (takes no new requests, ends what
 *           it has within 5 s) and returns true. Handlers that are stuck even then make it
 *           return false, timed_out, without `stopping`: they still use what main made.
 */
#ifndef ISEKAI_BUS_ACTOR_H
#define ISEKAI_BUS_ACTOR_H

#include "bus/settings.h"
#include "schemas/method.h"

struct call;

enum { ACTOR_COUNTERS_MAX = 64 };

typedef bool handler(struct call *call, const void *request, void *reply, struct fault *fault);

struct actor_method { const struct method *method; handler *handle; };

struct actor {
    const char *name;                       /* "apps" */
    bool is_of_node;                        /* each host has its own: it also serves actor.NODE and its
                                             * lanes, for what only this one can answer */
    const struct actor_method *methods;     /* a lane exists when a row uses it */
    size_t method_count;
    void *self;
    uint32_t threads[LANES];                /* 0: one */
    uint32_t credit;                        /* requests held per lane beyond its threads; 0: 16 */

    /* All may be NULL. Run on a thread of their own, the control thread, every tick_ms from
     * `started` on (with a call whose deadline is the tick's), so that they may ask others. */
    void (*tick)(struct call *call, void *self);
    uint32_t tick_ms;
    uint32_t tick_deadline_ms;      /* how long one tick may take; 0: tick_ms */
    /* Called for ping on the socket thread: must not block. False: *level says what is wrong. */
    bool (*healthy)(void *self, char level[200]);
    /* What it counts beside calls, for isekai.stats: at most ACTOR_COUNTERS_MAX, names static or in
     * the arena; returns how many. On the loop's thread. NULL: nothing. */
    uint32_t (*counters)(void *self, struct arena *arena, struct count_of *out);
    /* Called once on the control thread when registered with a broker. */
    void (*started)(struct call *call, void *self);
    /* Called once on the control thread, after the drain, before actor_run() returns. */
    void (*stopping)(void *self);
};

/* Serve. `bus` gives endpoints, node, limits. The caller has loaded settings, begun the log, opened
 * what needs privilege and dropped to its identity. */
bool actor_run(const struct actor *actor, const struct bus_settings *bus, struct fault *fault);

/* ---- inside a handler ---- */

void         *call_self(struct call *call);
struct arena *call_arena(struct call *call);
int64_t       call_deadline_ms(const struct call *call);
const char   *call_request_id(const struct call *call);         /* never NULL */
const char   *call_idempotency_key(const struct call *call);    /* NULL: none */
const char   *call_instance(const struct call *call);           /* this process's name on the bus */
const char   *call_user(const struct call *call);   /* the principal's user, or the caller's name */
bool          call_is_admin(const struct call *call);
bool          call_is_cancelled(const struct call *call);   /* time is up, or drained */
struct text   call_packed(const struct call *call);         /* the request's octets, as they came */

/* Ask another actor within this call's deadline and the method's lane's, with this call's request
 * id and principal. The reply is decoded
 * into `reply` (a struct of method->reply) in the call's arena. One call at a time per handler.
 * Fails as the other actor says, or unavailable, timed_out. callers.def must allow it. */
bool call_ask(struct call *call, const struct method *method, const void *request, void *reply,
              struct fault *fault);
/* The same with a bound of its own, and to a service of its own (NULL: the method's). */
bool call_ask_within(struct call *call, const struct method *method, const char *service,
                     uint32_t within_ms, const void *request, void *reply, struct fault *fault);

/* What the last failed call_ask() was answered in full (details, log); NULL when it never came
 * to an answer. Lives in the arena. */
const struct failure *call_failure(const struct call *call);

/* Beside the fault that the handler is about to return: send these details and log lines. */
void call_attach(struct call *call, const struct failure *failure);

/* Say how far a long call has come: a PARTIAL. Quietly nothing for an MDP/0.1 client. */
void call_progress(struct call *call, const char *step, const char *message);

#endif
