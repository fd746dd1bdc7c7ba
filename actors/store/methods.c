/* methods.c - the store's front door: which name calls which function, and where it runs.
 *
 * Every STORE_METHOD in the contract must have a row in `access` and a store_NAME(); a missing one
 * does not link, an unlisted one cannot be called.
 */
#include "actors/store/store.h"
#include "bus/clock.h"

/* READS run on this thread in a reader's snapshot, WRITES in the writer's transaction. */
enum access { READS, WRITES };

enum {
    access_get = READS,
    access_list = READS,
    access_find = READS,
    access_place = READS,
    access_version = READS,
    access_begin = WRITES,
    access_advance = WRITES,
    access_finish = WRITES,
    access_claim = WRITES,
    access_ended = WRITES,
    access_runs = READS,
    access_desired = READS,
    access_route = READS,
    access_suggest = WRITES,
    access_suggestion = READS,
    access_probe = WRITES,
    access_secrets = READS,
    access_reveal = READS,
    access_data_put = WRITES,
    access_data_get = READS,
    access_egress = READS,
    access_egress_grant = WRITES,
    access_egress_revoke = WRITES,
};

typedef bool method_body(const struct work *work, const void *request, void *reply,
                         struct fault *fault);

struct errand {
    struct work work;
    method_body *run;
    const void *request;
    void *reply;
    size_t reply_size;
};

/* A closure may run twice, so the reply begins empty each time. */
static bool run_errand(struct connection *connection, void *errand_, struct fault *fault)
{
    struct errand *errand = errand_;

    errand->work.connection = connection;
    errand->work.now_ms = clock_wall_ms();
    memset(errand->reply, 0, errand->reply_size);
    return errand->run(&errand->work, errand->request, errand->reply, fault);
}

static bool run_reading(struct store *store, struct errand *errand, int64_t deadline_ms,
                        struct fault *fault)
{
    struct connection *connection = readers_take(store->readers, deadline_ms, fault);

    if (!connection)
        return false;
    bool done = run_errand(connection, errand, fault);
    readers_give(store->readers, connection);
    return done;
}

static bool run_method(struct call *call, enum access access, struct errand *errand,
                       struct fault *fault)
{
    struct store *store = call_self(call);
    int64_t deadline_ms = call_deadline_ms(call);

    errand->work = (struct work){
        .arena = call_arena(call),
        .keys = &store->keys,
        .user = call_user(call),
        .is_admin = call_is_admin(call),
        .request_id = call_request_id(call),
        .message_octets_max = store->message_octets_max,
    };
    return access == READS ? run_reading(store, errand, deadline_ms, fault)
                           : writer_do(store->writer, run_errand, errand,
                                       call_packed(call).size, deadline_ms, fault);
}

/* The bus hands over void *, methods take their own structs. A thunk per method goes between,
 * so that no function pointer is ever cast. */
#define STORE_METHOD(name, scope, lane, retry, request_, reply_, doc)                       \
    static bool name##_body(const struct work *work, const void *request, void *reply,      \
                            struct fault *fault)                                            \
    {                                                                                       \
        return store_##name(work, request, reply, fault);                                   \
    }                                                                                       \
    static bool name##_thunk(struct call *call, const void *request, void *reply,           \
                             struct fault *fault)                                           \
    {                                                                                       \
        struct errand errand = {.run = name##_body, .request = request, .reply = reply,     \
                                .reply_size = sizeof(struct reply_)};                       \
        return run_method(call, (enum access)access_##name, &errand, fault);                \
    }
#include "schemas/contract.def"

const struct actor_method store_methods[] = {
#define STORE_METHOD(name, scope, lane, retry, request, reply, doc) \
    {&method_store_##name, name##_thunk},
#include "schemas/contract.def"
};
const size_t store_method_count = sizeof store_methods / sizeof *store_methods;
