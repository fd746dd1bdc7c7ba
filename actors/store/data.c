/* data.c - snapshots of what apps keep in /data: the last of each, sealed by the app's key, so that a host
 * that is lost takes no more of it than was written since.
 */
#include "actors/store/app_keys.h"

bool store_data_put(const struct work *work, const struct data_put_request *request,
                    struct nothing *reply, struct fault *fault)
{
    size_t size = request->archive.size + SEAL_OCTETS;
    unsigned char *sealed = arena_take(work->arena, size);
    OWNED(app_key) struct app_key key;
    struct app_state state;

    (void) reply;
    if (!sealed)
        return work_has_memory(work, fault);
    if (!app_state_need(work, request->app_id, &state, fault) ||
        !app_key_need(work, request->app_id, &key, fault) ||
        !data_seal(&key, request->app_id, request->archive, sealed, fault))
        return false;
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_data_put);
    query_text(&query, request->app_id);
    query_octets(&query, (struct text){(char *)sealed, size});
    query_number(&query, work->now_ms);
    return query_run(&query, fault);
}

bool store_data_get(const struct work *work, const struct app_ref *request,
                    struct data_reply *reply, struct fault *fault)
{
    OWNED(app_key) struct app_key key;
    bool row = false, found = false;
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_data_get);

    query_text(&query, request->app_id);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row)
        return true;
    struct text sealed = column_octets(&query, 0, work->arena);
    size_t size = sealed.size - SEAL_OCTETS;    /* the table's CHECK: never less */
    unsigned char *data = arena_take(work->arena, size);
    if (!sealed.at || !data)
        return work_has_memory(work, fault);
    *reply = (struct data_reply){.archive = {(char *)data, size}, .at = column_number(&query, 1)};
    if (!app_key_load(work, request->app_id, &found, &key, fault))
        return false;
    return found ? data_open(&key, request->app_id, sealed, data, fault)
                 : fault_set(fault, FAULT_internal, "a snapshot without its app's key");
}
