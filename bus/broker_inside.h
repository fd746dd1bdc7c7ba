/* broker_inside.h - the nouns of the broker, shared by its own files only.
 *
 *   peer      a connection that spoke: a client, or the one registration of a worker
 *   worker    what a peer is once it has said READY: may hold `credit` requests
 *   service   a name, its workers, and what waits for them
 *   asker     (connection, principal): whose waiting octets are bounded, whose turn it is
 *   flow      what one asker has waiting at one service; a service serves its flows in turn
 *   request   from a client's REQUEST to its one answer; its token is the address that a worker
 *             is given and gives back
 *
 * Owns:     each noun is owned by its table or list in struct broker. A request counts in its
 *           client's `requests`; a peer is not forgotten before that is 0.
 * Threads:  the one in broker_run(). Only `stop_fd` is touched by others.
 */
#ifndef ISEKAI_BUS_BROKER_INSIDE_H
#define ISEKAI_BUS_BROKER_INSIDE_H

#include <sodium.h>
#include <sys/queue.h>
#include <zmq.h>

#include "bus/broker.h"
#include "bus/broker_header.h"
#include "bus/broker_table.h"
#include "bus/ids.h"

enum {
    FRAMES_MAX = 40,            /* of one message; more are dropped */
    BODY_INLINE = 2,            /* header and message: no allocation for them */
    ROUTING_ID_MAX = 255,
    SERVICE_NAME_MAX = 128,
    CREDIT_MAX = 1024,
    WORKERS_MAX = 4096,
    PEERS_MAX = 16384,
    SERVICES_MAX = 16384,
    REQUESTS_CHUNK = 1024,
    CHUNKS_MAX = 2048,
    REQUEST_OVERHEAD = 256,     /* counted for each waiting request, empty ones too */
    SENDS_MAX = 3,              /* of one request that may be sent again */
    PIPE_MESSAGES_MAX = 8192,   /* on their way to one peer; more are dropped */
    WHEEL_SLOTS = 512,
    WHEEL_TICK_US = 10000,
    KNOWN_MS = 60000,           /* a service is known, and a client's version, for so long */
    OVERLOADED_RETRY_MS = 500,
    UNAVAILABLE_RETRY_MS = 1000,
    TOKEN_SIZE = 8,
};

/* name, what it counts */
#define BROKER_COUNTERS(X)                                              \
    X(turns,       "Turns of the loop; each reads what has come")        \
    X(received,    "Messages read")                                     \
    X(broken,      "Messages that were none of MDP, or out of turn")    \
    X(requests,    "Requests of clients")                               \
    X(answered,    "Requests answered by a worker")                     \
    X(refused,     "Requests answered by the broker itself")            \
    X(resent,      "Requests sent again after their worker died")       \
    X(stray,       "Replies from a worker that does not hold the request") \
    X(undelivered, "Messages dropped: the peer is gone or reads too slowly") \
    X(registered,  "Workers that said READY")                           \
    X(removed,     "Workers taken off the list")

struct broker_counts {
#define X(name, doc) uint64_t name;
    BROKER_COUNTERS(X)
#undef X
};

enum mdp_command {              /* of workers, as MDP/0.2 numbers them */
    MDP_READY = 1,
    MDP_REQUEST,
    MDP_PARTIAL,
    MDP_FINAL,
    MDP_HEARTBEAT,
    MDP_DISCONNECT,
};

struct request;
TAILQ_HEAD(request_list, request);

struct peer {
    struct table_node node;
    TAILQ_ENTRY(peer) by_use;   /* clients: longest silent first */
    struct worker *worker;      /* NULL: a client */
    int64_t heard_us;
    uint32_t requests;          /* of this client, not yet answered */
    uint8_t version;            /* 1 or 2: MDP/0.1, MDP/0.2 */
    bool is_delimited;          /* its messages begin with an empty frame */
    bool is_gone;
    uint8_t id_size;
    unsigned char id[ROUTING_ID_MAX];
};

struct worker {
    TAILQ_ENTRY(worker) all;
    TAILQ_ENTRY(worker) ready;  /* in service->ready while it has credit left */
    TAILQ_ENTRY(worker) suspect;
    struct peer *peer;
    struct service *service;
    struct request_list holds;
    uint32_t held, credit;
    int fd;                     /* of its connection; -1: not known */
    int64_t suspect_until_us;   /* 0: none */
    bool is_ours;               /* READY named a contract */
    bool is_ready;
    bool is_leaving;            /* said DISCONNECT with requests in its hands: gets no more */
};
TAILQ_HEAD(worker_list, worker);

struct asker {
    struct table_node node;
    struct peer *peer;
    uint64_t user_hash;         /* 0: no principal */
    uint64_t bytes;             /* waiting, at all services */
    uint32_t flows;
};

struct flow {
    struct table_node node;
    TAILQ_ENTRY(flow) turn;
    struct asker *asker;
    struct service *service;
    struct request_list waiting;
};
TAILQ_HEAD(flow_list, flow);

struct service {
    struct table_node node;
    TAILQ_ENTRY(service) all, owed;
    bool is_owed;               /* in broker->owed */
    struct worker_list ready;
    struct flow_list flows;
    uint32_t workers;
    bool is_known;              /* has workers, or had one a moment ago: its own bounds */
    uint64_t waiting, waiting_bytes;
    int64_t known_until_us;     /* once without workers */
    uint64_t sent, refused, waited_us;
    size_t name_size;
    char name[SERVICE_NAME_MAX + 1];
};
TAILQ_HEAD(service_list, service);

enum request_state { REQUEST_FREE, REQUEST_NEW, REQUEST_WAITING, REQUEST_HELD, REQUEST_ABANDONED };

struct request {
    TAILQ_ENTRY(request) place; /* in a flow, or in a worker's hands, or free */
    TAILQ_ENTRY(request) due;
    struct request_list *due_in;
    uint32_t index, generation;
    enum request_state state;
    uint32_t msgid;
    struct peer *client;
    struct service *service;
    struct flow *flow;
    struct worker *worker;
    int64_t due_us, deadline_us, arrived_us;
    uint64_t user_hash;
    uint64_t bytes;
    uint8_t sends;
    bool is_partial;            /* the client got a part of the answer */
    struct header_look look;
    uint32_t frame_count;
    zmq_msg_t *frames;          /* `few`, or allocated */
    zmq_msg_t few[BODY_INLINE];
};

/* A message as it came: frames[0] is the routing id. */
struct parcel {
    zmq_msg_t frames[FRAMES_MAX];
    uint32_t count;
    uint64_t bytes;
    bool is_cut;                /* there were more */
    uint32_t at;                /* the next frame to look at */
};

struct broker {
    struct broker_options options;
    char endpoint[128], lock_path[136];
    bool is_bound;
    void *context, *router, *monitor;
    int lock_fd, stop_fd, router_fd, monitor_fd;    /* the last two belong to libzmq */
    unsigned char secret[crypto_shorthash_KEYBYTES];
    char instance[INSTANCE_SIZE];
    int64_t started_wall_ms, now_us;

    struct table peers, services, askers, flows;
    TAILQ_HEAD(peer_list, peer) clients;
    struct worker_list workers, suspects;
    struct service_list service_list, owed;
    uint32_t worker_count;
    uint64_t unknown_waiting, unknown_bytes;    /* for services without workers, all together */

    struct request *chunks[CHUNKS_MAX];
    uint32_t chunk_count;
    struct request_list free_requests;
    struct request_list wheel[WHEEL_SLOTS];
    uint64_t armed;
    int64_t wheel_at;           /* the tick up to which it was turned */
    int64_t heartbeat_at_us;

    bool is_stopping;
    struct text asked;          /* the service that the request being read asks for */
    struct text caller_entry;   /* of a header: key and value, in caller_buffer */
    msgpack_sbuffer caller_buffer, scratch;
    struct parcel parcel;
    struct broker_counts counts;
};

/* ---- broker_socket.c ---- */
bool broker_open(struct broker *self, struct fault *fault);
void broker_close(struct broker *self);
/* Begin a message to that peer: false, and counted, when it is gone or its pipe is full. After true
 * nothing fails; the last frame has `more` false. */
bool broker_begin(struct broker *self, struct peer *peer);
void broker_send_octets(struct broker *self, const void *octets, size_t size, bool more);
void broker_send_frame(struct broker *self, zmq_msg_t *frame, bool more);   /* empty after */
int  broker_ended_fd(struct broker *self);      /* of a connection that ended; -1: none */

/* ---- broker_parcel.c ---- */
bool parcel_receive(struct parcel *self, void *router);     /* false: nothing is there */
void parcel_close(struct parcel *self);
zmq_msg_t *parcel_next(struct parcel *self);                /* NULL: no more */
struct text frame_text(zmq_msg_t *frame);

/* ---- broker_peers.c ---- */
uint64_t broker_hash(const struct broker *self, const void *octets, size_t size);
struct peer *peer_find(struct broker *self, struct text id);
struct peer *peer_add(struct broker *self, struct text id, uint8_t version);    /* a client */
void peer_heard(struct broker *self, struct peer *peer);
void peer_forget(struct broker *self, struct peer *peer);
void peers_forget_silent(struct broker *self);

/* ---- broker_requests.c ---- */
struct request *request_new(struct broker *self);       /* NULL: as many as there may be */
void request_free(struct broker *self, struct request *request);
bool request_take_frames(struct request *self, struct parcel *parcel);
void request_drop_frames(struct request *self);
struct request *request_from_token(struct broker *self, struct text token);
void request_token(const struct request *self, unsigned char out[TOKEN_SIZE]);
void requests_drop(struct broker *self);

/* ---- broker_wheel.c ---- */
void request_arm(struct broker *self, struct request *request, int64_t due_us);
void request_arm_waiting(struct broker *self, struct request *request);
void request_disarm(struct broker *self, struct request *request);
void wheel_turn(struct broker *self);
int64_t wheel_next_us(const struct broker *self);       /* INT64_MAX: nothing is armed */

/* ---- broker_services.c ---- */
bool is_service_name(struct text name);
struct service *service_find(struct broker *self, struct text name);
struct service *service_add(struct broker *self, struct text name);     /* NULL: too many */
void service_gain_worker(struct broker *self, struct service *service);
void service_lose_worker(struct broker *self, struct service *service);
void service_let_go(struct broker *self, struct service *service);  /* unless it is in use */
void services_forget(struct broker *self);

/* ---- broker_queue.c ---- */
bool queue_push(struct broker *self, struct request *request, bool to_front);
void queue_remove(struct broker *self, struct request *request);
struct request *queue_pop(struct broker *self, struct service *service);
/* May it wait? `service` may be NULL: a name nobody asked for before. */
bool queue_has_room(struct broker *self, const struct service *service,
                    const struct request *request, struct fault *fault);

/* ---- broker_client.c ---- */
void client_command(struct broker *self, struct text id, uint8_t version, bool is_delimited);

/* ---- broker_answer.c ---- */
/* Begin a PARTIAL or FINAL (0.1: REPLY); body frames follow. False: the client cannot take it. */
bool answer_begin(struct broker *self, const struct request *request, bool is_final);
void answer_fault(struct broker *self, const struct request *request, const struct fault *fault);
/* Tell the client why, and end the request, which is in no list. */
void request_refuse(struct broker *self, struct request *request, enum fault_kind kind,
                    uint32_t retry_ms, const char *reason);
void request_expire(struct broker *self, struct request *request);  /* what it was armed for */

/* ---- broker_own.c ---- */
bool is_own_name(struct text service);          /* mmi.* and broker */
void answer_own(struct broker *self, struct request *request);

/* ---- broker_workers.c ---- */
void worker_command(struct broker *self, struct text id, uint8_t version, bool is_delimited);
/* Take a request out of its worker's hands. */
void worker_let_go(struct worker *self, struct request *request);
void worker_remove(struct broker *self, struct worker *worker, bool say_so, const char *why);

/* ---- broker_beat.c ---- */
void worker_send_bare(struct broker *self, struct peer *peer, enum mdp_command command);
void workers_beat(struct broker *self);
void workers_suspect(struct broker *self, int fd);      /* of a connection that ended */
void suspects_probe(struct broker *self);

/* ---- broker_dispatch.c ---- */
/* A worker has credit again: hand out what waits, at the end of this turn. So all the answers
 * of a turn are read first, and what follows them goes out together: fewer, larger writes. */
void service_owe(struct broker *self, struct service *service);
void services_dispatch(struct broker *self);
/* False: the worker was gone, and is removed now; the request is in no list. */
bool request_send(struct broker *self, struct request *request, struct worker *worker);

#endif
