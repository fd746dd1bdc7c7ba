/* outbox.c - keep audit events until they are acknowledged. */
#include "actors/store/outbox.h"

static bool put_one(const struct work *work, const struct audit_event *event,
                    struct fault *fault)
{
    OWNED(buffer) msgpack_sbuffer packed = {0};

    if (!message_encode(&audit_event_message, event, &packed, fault))
        return fault_while(fault, "audit event");
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_outbox_insert);
    query_text(&query, event->event_id);
    query_octets(&query, buffer_text(&packed));
    return query_run(&query, fault);
}

bool outbox_add(const struct work *work, const struct audit_event *events, uint32_t count,
                struct fault *fault)
{
    for (uint32_t i = 0; i < count; i++)
        if (!put_one(work, &events[i], fault))
            return false;
    return true;
}

static bool event_from_row(struct query *query, struct arena *arena, struct audit_event *out,
                           struct fault *fault)
{
    struct text packed = column_octets(query, 1, arena);

    if (!packed.at)
        return fault_set(fault, FAULT_internal, "no memory for the outbox");
    return message_decode(&audit_event_message, packed, LENIENT, arena, out, NULL, fault);
}

bool outbox_page_read(struct connection *connection, struct arena *arena, struct outbox_page *out,
                 struct fault *fault)
{
    OWNED(query) struct query query = query_of(connection, STATEMENT_outbox_get);
    struct audit_event *events = arena_take(arena, OUTBOX_PAGE_EVENTS_MAX * sizeof *events);
    size_t octets = 0;
    bool row = false;

    *out = (struct outbox_page){.request.events.at = events};
    if (!events)
        return fault_set(fault, FAULT_internal, "no memory for the outbox");
    query_number(&query, OUTBOX_PAGE_EVENTS_MAX);
    while (query_next(&query, &row, fault)) {
        uint32_t *count = &out->request.events.count;
        octets += row ? (size_t)sqlite3_column_bytes(query.statement, 1) : 0;
        if (!row || (*count > 0 && octets > OUTBOX_PAGE_OCTETS_MAX))
            return true;
        if (!event_from_row(&query, arena, &events[*count], fault))
            return false;
        out->last = column_number(&query, 0);
        (*count)++;
    }
    return false;
}

bool outbox_page_forget(struct connection *connection, int64_t last, struct fault *fault)
{
    struct query query = query_of(connection, STATEMENT_outbox_delete);

    query_number(&query, last);
    return query_run(&query, fault);
}
