/* actor_inside.h - the nouns behind actor_run(); for the files of the actor loop only.
 *
 *   loop          one actor_run(): the thread that owns the sockets, and what it knows
 *   registration  one DEALER that says READY for one service name to one broker
 *   job           a request taken from a registration, on its way through a crew
 *   crew          the worker threads of one lane, and the jobs that wait for them
 *   answer        a PARTIAL or FINAL on its way back, in the outbox
 *   control       the thread of started, tick and stopping
 *
 * Owns:     a job belongs to the crew it was given to, then to its call; serve() turns it into
 *           its one final answer. An answer belongs to the outbox until the loop has sent it.
 * Threads:  registrations and under_way are the loop thread's; crews, outbox and control have a
 *           lock each; generation, counters, is_draining and is_cancelled are atomic; all else
 *           does not change once threads run.
 */
#ifndef ISEKAI_BUS_ACTOR_INSIDE_H
#define ISEKAI_BUS_ACTOR_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "bus/actor.h"
#include "bus/client.h"
#include "bus/envelope.h"
#include "bus/ids.h"
#include "bus/link.h"

enum {
    CREDIT_DEFAULT = 16,
    INSTANCE_CREDIT = 16,
    SERVICE_SIZE = 96,
    CALL_OCTETS_MAX = 64 * 1024 * 1024,
    BUILT_IN_OCTETS_MAX = 65536,        /* of a request answered on the loop's thread */
    DRAIN_MS = 5000,                    /* from SIGTERM to the end */
    DRAIN_CANCEL_MS = 4000,             /* from SIGTERM until calls are told to give up */
    DRAIN_GRACE_MS = 100,               /* for requests that crossed our DISCONNECT */
    TRACEPARENT_SIZE = 56,
};

struct loop;

enum registration_state {
    REGISTRATION_APART,         /* no socket until open_ms */
    REGISTRATION_CONNECTING,    /* waits for the connection */
    REGISTRATION_ASKED,         /* READY sent */
    REGISTRATION_CONFIRMED,     /* the broker has spoken since */
    REGISTRATION_LEAVING,       /* DISCONNECT sent; what was taken is still answered */
};

struct registration {
    struct loop *loop;
    char service[SERVICE_SIZE];
    const char *endpoint;
    enum lane lane;             /* of requests whose method cannot be told */
    uint32_t credit, held;
    enum registration_state state;
    struct link link;
    _Atomic uint32_t generation;        /* rises with each new socket */
    int64_t heard_ms, sent_ms, open_ms;
    uint32_t backoff_ms;
    bool is_trouble_told;       /* the log knows that we are not registered */
};

struct job {
    struct job *next;
    struct registration *registration;
    uint32_t generation;
    int64_t received_ms;
    uint32_t msgid;             /* as far as it could be told */
    bool has_header, is_broken; /* broken: not one or two frames */
    zmq_msg_t client, header, message;
    struct answer *final;       /* taken at the start, so that it cannot be missing at the end */
};

struct answer {
    struct answer *next;
    struct registration *registration;
    uint32_t generation;
    bool is_final;
    zmq_msg_t client, body;
};

struct outbox {
    pthread_mutex_t lock;
    struct answer *first, **last;
    int wake_fd;
};

struct crew {
    struct loop *loop;
    enum lane lane;
    char service[SERVICE_SIZE];
    uint32_t thread_count;      /* 0: no method uses this lane */
    uint32_t credit, waiting_max;
    pthread_t *threads;
    pthread_mutex_t lock;
    pthread_cond_t has_work, has_ended;
    struct job *first, **last;
    uint32_t waiting, working, alive;
    bool is_ending;
};

struct counter { _Atomic uint64_t calls, failures, busy_us; };

struct control {
    pthread_t thread;
    bool is_begun;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_registered, is_draining, may_stop, is_idle;
};

struct loop {
    const struct actor *actor;
    const struct bus_settings *bus;
    char instance[INSTANCE_SIZE];
    char name[SERVICE_SIZE];            /* actor.instance */
    int64_t started_at_ms;              /* wall clock */
    struct endpoints endpoints;
    struct registration registrations[ENDPOINTS_MAX * (2 * LANES + 1)];
    size_t registration_count;
    struct crew crews[LANES];
    struct outbox outbox;
    struct counter *counters;           /* one per row of actor->methods */
    struct control control;
    int signal_fd;                      /* readable: SIGTERM or SIGINT came */
    int cancel_fd;                      /* readable: calls must give up */
    atomic_bool is_draining, is_cancelled;
    uint32_t under_way;                 /* jobs taken whose final answer has not left */
    uint64_t dropped;                   /* answers that no broker could take */
};

struct call {
    struct loop *loop;
    struct job *job;                    /* NULL: the control thread's */
    struct bus_client **client;         /* made when first asked; NULL: this call may not ask */
    struct arena *arena;
    struct header header;
    struct envelope envelope;
    const struct method *method;
    handler *handle;
    struct counter *counter;            /* NULL: not counted */
    void *request, *reply;
    msgpack_sbuffer result;
    int64_t begun_us, deadline_ms;
    char own_request_id[UUID_SIZE];
    const char *request_id, *traceparent, *idempotency_key, *user;
    const struct failure *attached, *asked;
};

/* ---- actor.c ---- */
void loop_take_job(struct loop *self, struct job *job);
void loop_drain(struct loop *self);             /* any thread */

/* ---- registration.c ---- */
enum { REGISTRATION_ITEMS = 2 };
void    registration_init(struct registration *self, struct loop *loop, const char *service,
                          const char *endpoint, enum lane lane, uint32_t credit);
int     registration_items(const struct registration *self, zmq_pollitem_t *items);
void    registration_turn(struct registration *self, int64_t now_ms);
int64_t registration_due_ms(const struct registration *self);   /* when it needs a turn */
void    registration_send(struct registration *self, struct answer *answer);
void    registration_leave(struct registration *self);

/* ---- job.c ---- */
/* A job of the frames of a REQUEST; NULL: no memory, or not a REQUEST. Empties the frames. */
struct job *job_new(struct registration *registration, struct frames *frames);
void job_free(struct job *job);
/* The name of the method it asks for; absent when its message is broken. Sets job->msgid. */
struct text job_look(struct job *job);
/* The answer to a job, or (NULL: no memory) a part of it. It takes the buffer's octets. */
struct answer *answer_new(struct job *job, msgpack_sbuffer *body, bool is_final);
void answer_free(struct answer *answer);
bool outbox_init(struct outbox *self, struct fault *fault);
void outbox_drop(struct outbox *self);
void outbox_put(struct outbox *self, struct answer *answer);
struct answer *outbox_take_all(struct outbox *self);
void outbox_wake(struct outbox *self);

/* ---- lane.c ---- */
bool crew_begin(struct crew *self, struct fault *fault);
bool crew_put(struct crew *self, struct job *job);      /* false: full, or ending */
void crew_end(struct crew *self);                       /* after the jobs it has */
bool crew_has_ended(struct crew *self, int64_t deadline_ms);    /* waits until then */
void crew_drop(struct crew *self);                      /* once ended */
void crew_stats(struct crew *self, uint64_t *working, uint64_t *waiting);

/* ---- serve.c ---- */
/* Serve a job to its end and put its answers into the outbox. */
void serve(struct loop *loop, struct bus_client **client, struct job *job);
/* Answer it without running anything. */
void serve_refusal(struct loop *loop, struct job *job, const struct fault *fault);

/* ---- trust.c ---- */
bool trust_is_trusted(const struct header *header);     /* may speak for others */
bool trust_allows(enum scope scope, const struct header *header, struct fault *fault);

/* ---- built_in.c ---- */
const struct actor_method *built_in_find(struct text name);

/* ---- control.c ---- */
bool control_begin(struct control *self, struct loop *loop, struct fault *fault);
void control_tell_registered(struct control *self);
void control_tell_draining(struct control *self);
bool control_is_idle(struct control *self, int64_t deadline_ms);    /* waits until then */
void control_end(struct control *self);                 /* runs stopping, joins */

/* ---- stop_signal.c ---- */
/* A descriptor that is readable once SIGTERM or SIGINT has come; shared by all takers. */
int  stop_signal_take(struct fault *fault);             /* -1 on failure */
void stop_signal_give(void);

#endif
