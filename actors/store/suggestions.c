/* suggestions.c - suggestions of an app, until the next ones replace them. */
#include "actors/store/apps.h"

static bool put_one(const struct work *work, const struct suggestions_put *request,
                    const struct suggestion *suggestion, struct fault *fault)
{
    OWNED(buffer) msgpack_sbuffer packed = {0};

    if (!message_encode(&suggestion_message, suggestion, &packed, fault))
        return fault_while(fault, "suggestion");
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_suggestion_insert);
    query_text(&query, request->app_id);
    query_text(&query, suggestion->id);
    query_number(&query, (int64_t)request->version);
    query_octets(&query, buffer_text(&packed));
    return query_run(&query, fault);
}

static bool check_ids(const struct suggestions_put *request, struct fault *fault)
{
    for (uint32_t i = 0; i < request->suggestions.count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (text_equals(request->suggestions.at[i].id, request->suggestions.at[j].id))
                return fault_set(fault, FAULT_malformed, "suggestions[%u].id: given twice", i);
    return true;
}

bool store_suggest(const struct work *work, const struct suggestions_put *request,
                   struct nothing *reply, struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_suggestions_delete);
    struct app_state state;

    (void) reply;
    if (!check_ids(request, fault) || !app_state_need(work, request->app_id, &state, fault))
        return false;
    query_text(&query, request->app_id);
    if (!query_run(&query, fault))
        return false;
    for (uint32_t i = 0; i < request->suggestions.count; i++)
        if (!put_one(work, request, &request->suggestions.at[i], fault))
            return false;
    return true;
}

bool store_suggestion(const struct work *work, const struct apply_request *request,
                      struct suggestion_reply *reply, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_suggestion_get);
    struct suggestion *suggestion = arena_take(work->arena, sizeof *suggestion);
    bool row = false;

    if (!suggestion)
        return work_has_memory(work, fault);
    query_text(&query, request->app_id);
    query_text(&query, request->suggestion_id);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row)
        return fault_set(fault, FAULT_suggestion_not_found, "the app has no such suggestion");
    struct text packed = column_octets(&query, 1, work->arena);
    reply->version = (uint64_t)column_number(&query, 0);
    reply->suggestion = suggestion;
    return work_has_memory(work, fault) &&
           message_decode(&suggestion_message, packed, LENIENT, work->arena, suggestion, NULL,
                          fault);
}
