/* tick.c - what the control thread does by itself: forward audit events, forget old operations.
 *
 * This is a loop, so it logs; a state once, not with every beat.
 */
#include "actors/store/operations.h"
#include "actors/store/outbox.h"
#include "bus/clock.h"
#include "bus/log.h"

enum {
    PAGES_PER_TICK_MAX = 20,
    FORGET_EVERY_MS = 60000,
    PAGE_ARENA_OCTETS_MAX = 67108864,   /* the largest event, read and decoded, and room */
    APPEND_WITHIN_MS = 5000,
    FORGET_WITHIN_MS = 5000,
};

static bool read_page(struct store *store, struct arena *arena, int64_t deadline_ms,
                      struct outbox_page *page, struct fault *fault)
{
    struct connection *connection = readers_take(store->readers, deadline_ms, fault);

    if (!connection)
        return false;
    bool done = outbox_page_read(connection, arena, page, fault);
    readers_give(store->readers, connection);
    return done;
}

static bool forget_page(struct connection *connection, void *last, struct fault *fault)
{
    return outbox_page_forget(connection, *(int64_t *)last, fault);
}

/* One page to the log. *sent is the number of events; what is not acknowledged is sent again. */
static bool forward_page(struct call *call, struct store *store, uint32_t *sent,
                         struct arena *arena, struct fault *fault)
{
    struct outbox_page page;
    struct checkpoint reply;

    if (!read_page(store, arena, call_deadline_ms(call), &page, fault))
        return false;
    *sent = page.request.events.count;
    if (*sent == 0)
        return true;
    if (!call_ask_within(call, &method_audit_append, NULL, APPEND_WITHIN_MS, &page.request,
                         &reply, fault))
        return false;
    return writer_do(store->writer, forget_page, &page.last, 0,
                     clock_now_ms() + FORGET_WITHIN_MS, fault);
}

static void note_audit(struct call *call, struct store *store, bool is_away,
                       const struct fault *fault)
{
    if (is_away && !store->audit_is_away)
        log_line(LOG_WARN, call_request_id(call), "outbox_waits fault=%s reason=%s",
                 fault_name(fault->kind), fault->reason);
    if (!is_away && store->audit_is_away)
        log_line(LOG_INFO, call_request_id(call), "outbox_moves");
    store->audit_is_away = is_away;
}

static void forward_outbox(struct call *call, struct store *store)
{
    uint32_t sent = 1;

    for (int i = 0; i < PAGES_PER_TICK_MAX && sent > 0; i++) {
        struct arena *arena = arena_new(PAGE_ARENA_OCTETS_MAX);
        struct fault fault = {0};
        bool done = arena ? forward_page(call, store, &sent, arena, &fault)
                          : fault_set(&fault, FAULT_internal, "no memory");
        arena_free(arena);
        note_audit(call, store, !done, &fault);
        if (!done || call_is_cancelled(call))
            return;
    }
}

struct forgetting { struct arena *arena; int64_t before_ms; bool more; };

static bool forget_some(struct connection *connection, void *forgetting_, struct fault *fault)
{
    struct forgetting *forgetting = forgetting_;

    return operations_forget(connection, forgetting->arena, forgetting->before_ms,
                             &forgetting->more, fault);
}

/* A bounded part with every beat, until none is left; then not for a minute. */
static void forget_operations(struct call *call, struct store *store)
{
    struct forgetting forgetting = {.before_ms = clock_wall_ms() - store->operations_kept_ms};
    struct fault fault = {0};

    if (clock_now_ms() < store->next_forget_ms)
        return;
    forgetting.arena = arena_new(PAGE_ARENA_OCTETS_MAX);
    if (forgetting.arena && !writer_do(store->writer, forget_some, &forgetting, 0,
                                       call_deadline_ms(call), &fault))
        log_line(LOG_WARN, call_request_id(call), "operations_not_forgotten fault=%s reason=%s",
                 fault_name(fault.kind), fault.reason);
    arena_free(forgetting.arena);
    if (!forgetting.more || fault.kind != FAULT_NONE)
        store->next_forget_ms = clock_now_ms() + FORGET_EVERY_MS;
}

void store_tick(struct call *call, void *self)
{
    struct store *store = self;

    forget_operations(call, store);
    forward_outbox(call, store);
}
