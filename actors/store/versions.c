/* versions.c - an app's files as one value of MessagePack, as they go over the bus. */
#include "actors/store/versions.h"

#include "actors/store/apps.h"

bool version_next(const struct work *work, struct text app_id, int64_t *out,
                  struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_version_last);
    bool row = false;

    query_text(&query, app_id);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row)
        return fault_set(fault, FAULT_app_not_found, "no app of that id");
    *out = column_number(&query, 0) + 1;
    return true;
}

static bool pack(const struct version_content *content, msgpack_sbuffer *files,
                 msgpack_sbuffer *metadata, struct fault *fault)
{
    struct app_code code = {.files = content->files};

    return message_encode(&app_code_message, &code, files, fault) &&
           (!content->metadata ||
            message_encode(&app_metadata_message, content->metadata, metadata, fault));
}

bool version_put(const struct work *work, struct text app_id, int64_t number,
                 const struct version_content *content, struct fault *fault)
{
    OWNED(buffer) msgpack_sbuffer files = {0}, metadata = {0};

    if (!pack(content, &files, &metadata, fault))
        return fault_while(fault, "version %lld", (long long)number);
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_version_put);
    query_text(&query, app_id);
    query_number(&query, number);
    query_text(&query, content->name);
    query_text(&query, content->note);
    query_number(&query, work->now_ms);
    query_octets(&query, buffer_text(&metadata));
    query_octets(&query, buffer_text(&files));
    return query_run(&query, fault);
}

bool version_delete(const struct work *work, struct text app_id, int64_t number,
                    struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_version_delete);

    query_text(&query, app_id);
    query_number(&query, number);
    return query_run(&query, fault);
}

static bool no_version(int64_t number, struct fault *fault)
{
    return fault_set(fault, FAULT_not_found, "the app has no version %lld", (long long)number);
}

bool version_name(const struct work *work, struct text app_id, int64_t number, struct text *out,
                  struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_version_name);
    bool row = false;

    query_text(&query, app_id);
    query_number(&query, number);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row)
        return no_version(number, fault);
    *out = column_text(&query, 0, work->arena);
    return work_has_memory(work, fault);
}

static bool content_from_row(const struct work *work, struct query *query,
                             struct version_content *out, struct fault *fault)
{
    struct text metadata = column_octets(query, 2, work->arena);
    struct text files = column_octets(query, 3, work->arena);
    struct app_metadata *understood = arena_take(work->arena, sizeof *understood);
    struct app_code code;

    out->name = column_text(query, 0, work->arena);
    out->note = column_text(query, 1, work->arena);
    if (!work_has_memory(work, fault))
        return false;
    if (metadata.at && !message_decode(&app_metadata_message, metadata, LENIENT, work->arena,
                                       understood, NULL, fault))
        return fault_while(fault, "metadata");
    if (!message_decode(&app_code_message, files, LENIENT, work->arena, &code, NULL, fault))
        return fault_while(fault, "files");
    out->metadata = metadata.at ? understood : NULL;
    out->files = code.files;
    return true;
}

bool store_version(const struct work *work, const struct version_ref *request,
                   struct version_content *reply, struct fault *fault)
{
    struct app_state state;
    bool row = false;

    if (!app_state_need(work, request->app_id, &state, fault))
        return false;
    int64_t number = request->version ? (int64_t)request->version : state.version;
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_version_get);
    query_text(&query, request->app_id);
    query_number(&query, number);
    if (!query_next(&query, &row, fault))
        return false;
    return row ? content_from_row(work, &query, reply, fault) : no_version(number, fault);
}
