/* forget.c - delete operations whose idempotency keys are no longer answered. */
#include "actors/store/operations.h"

struct old_operation { struct text operation_id, user; int64_t octets; };

static bool read_old(struct connection *connection, struct arena *arena, int64_t before_ms,
                     struct old_operation *old, size_t *count, struct fault *fault)
{
    OWNED(query) struct query query = query_of(connection, STATEMENT_operation_old);
    bool row = false;

    query_number(&query, before_ms);
    query_number(&query, FORGET_OPERATIONS_MAX);
    while (query_next(&query, &row, fault)) {
        if (!row)
            return !arena_is_exhausted(arena) || fault_set(fault, FAULT_internal, "no memory");
        old[(*count)++] = (struct old_operation){column_text(&query, 0, arena),
                                                 column_text(&query, 1, arena),
                                                 column_number(&query, 2)};
    }
    return false;
}

static bool delete_old(struct connection *connection, const struct old_operation *old,
                       struct fault *fault)
{
    struct query query = query_of(connection, STATEMENT_operation_delete);

    query_text(&query, old->operation_id);
    query_text(&query, old->user);
    return query_run(&query, fault);
}

/* Bounded in octets too: what is deleted is overwritten, and so goes through the WAL. */
bool operations_forget(struct connection *connection, struct arena *arena, int64_t before_ms,
                       bool *more, struct fault *fault)
{
    struct old_operation old[FORGET_OPERATIONS_MAX];
    size_t count = 0, i = 0;
    int64_t octets = 0;

    if (!read_old(connection, arena, before_ms, old, &count, fault))
        return false;
    for (; i < count && (i == 0 || octets + old[i].octets <= FORGET_OCTETS_MAX); i++) {
        if (!delete_old(connection, &old[i], fault))
            return false;
        octets += old[i].octets;
    }
    *more = i < count || count == FORGET_OPERATIONS_MAX;
    return true;
}
