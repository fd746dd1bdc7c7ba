/* store.h - what all parts of the store share: the methods, and what they work with.
 *
 * A method is a function of one connection: in a reader's snapshot, or in the writer's
 * transaction (methods.c says which). It does not know the bus.
 *
 * Borrows:  the request lives in the call; what a reply points to lives in work->arena.
 * Units:    now_ms is milliseconds since 1970 UTC.
 * Fails as: statements.h, and what each method says below.
 */
#ifndef ISEKAI_ACTORS_STORE_STORE_H
#define ISEKAI_ACTORS_STORE_STORE_H

#include "actors/store/keys.h"
#include "actors/store/readers.h"
#include "actors/store/writer.h"
#include "bus/actor.h"

enum {
    PAGE_OCTETS_MAX = 8388608,          /* of a list, and of apps that should run */
    KNOWN_OCTETS_MAX = 4194304,         /* of the ids beside them */
    RUNS_KEPT_MAX = 20,                 /* per app */
    RUN_RECORDS_KEPT_MAX = 100,         /* per app */
    OUTBOX_PAGE_EVENTS_MAX = 100,
    OUTBOX_PAGE_OCTETS_MAX = 1048576,
    FORGET_OPERATIONS_MAX = 100,        /* in one write */
    FORGET_OCTETS_MAX = 4194304,
};

struct work {
    struct connection *connection;
    struct arena *arena;
    const struct keys *keys;
    const char *user;           /* who asks */
    bool is_admin;
    const char *request_id;
    int64_t now_ms;
    size_t message_octets_max;
};

/* bool store_get(const struct work *work, const struct app_ref *request, struct app *reply,
 *                struct fault *fault); and so on for every row. */
#define STORE_METHOD(name, scope, lane, retry, request_, reply_, doc)              \
    bool store_##name(const struct work *work, const struct request_ *request,     \
                      struct reply_ *reply, struct fault *fault);
#include "schemas/contract.def"

/* The running store. */
struct store {
    struct database database;
    struct writer *writer;
    struct readers *readers;
    struct keys keys;
    int64_t operations_kept_ms;
    size_t message_octets_max;
    int64_t next_forget_ms;         /* the control thread's, as is all below */
    bool audit_is_away;
};

bool store_open(struct store *store, const char *directory, const struct store_settings *settings,
                const struct bus_settings *bus, struct fault *fault);
void store_close(struct store *store);

/* On the control thread: forward the outbox, forget old operations. */
void store_tick(struct call *call, void *self);
bool store_is_healthy(void *self, char level[200]);

extern const struct actor_method store_methods[];
extern const size_t store_method_count;

/* False, with internal, when the arena gave out less than was asked for. */
bool work_has_memory(const struct work *work, struct fault *fault);

/* msgpack_sbuffer closes itself: OWNED(buffer) msgpack_sbuffer packed = {0}; */
static inline void buffer_drop(msgpack_sbuffer *buffer)
{
    msgpack_sbuffer_destroy(buffer);
}

static inline struct text buffer_text(const msgpack_sbuffer *buffer)
{
    return (struct text){buffer->data, buffer->size};
}

#endif
