/* desired.c - what should run on a node, for the sandbox that begins there. */
#include "actors/store/egress.h"
#include "actors/store/runs.h"

enum {
    DESIRED_PAGE_MAX = 100,
    DESIRED_ROW_OCTETS = 1024,
    KNOWN_APPS_MAX = 100000,
    KNOWN_ROW_OCTETS = 16,
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool count_known(const struct work *work, uint64_t *out, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_app_count_all);
    bool row = false;

    if (!query_next(&query, &row, fault))
        return false;
    *out = (uint64_t)column_number(&query, 0);
    return true;
}

static bool read_ids(const struct work *work, struct app_ref *ids, uint64_t count,
                     size_t *octets, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_app_ids);
    bool row = true;

    query_number(&query, (int64_t)count);
    for (uint64_t i = 0; i < count && row; i++) {
        if (!query_next(&query, &row, fault))
            return false;
        ids[i].app_id = column_text(&query, 0, work->arena);
        *octets += ids[i].app_id.size + KNOWN_ROW_OCTETS;
    }
    return work_has_memory(work, fault);
}

/* Every app's id; none when they are more than a message can hold: a list that names only some
 * would be an order to remove the others. known_all tells the two apart. */
static bool read_known(const struct work *work, struct desired_reply *reply,
                       struct fault *fault)
{
    size_t octets = 0, octets_max = smaller(KNOWN_OCTETS_MAX, work->message_octets_max / 4);
    uint64_t count = 0;

    if (!count_known(work, &count, fault))
        return false;
    if (count * KNOWN_ROW_OCTETS > octets_max || count > KNOWN_APPS_MAX)
        return true;
    struct app_ref *ids = arena_take(work->arena, count * sizeof *ids);
    if (!ids)
        return work_has_memory(work, fault);
    if (!read_ids(work, ids, count, &octets, fault))
        return false;
    reply->known_all = octets <= octets_max;
    reply->known.at = ids;
    reply->known.count = reply->known_all ? (uint32_t)count : 0;
    return true;
}

static bool desired_from_row(const struct work *work, struct query *query,
                             struct desired_app *out, struct fault *fault)
{
    struct app_code code;
    struct text files = column_octets(query, RUN_FILES, work->arena);

    if (!run_from_row(work, query, &out->run, fault))
        return false;
    if (!message_decode(&app_code_message, files, LENIENT, work->arena, &code, NULL, fault))
        return fault_while(fault, "files");
    out->app_id = out->run->app_id;
    out->files = code.files;
    return egress_load(work, out->app_id, &out->egress, fault);
}

static bool read_desired(const struct work *work, const struct desired_request *request,
                         struct desired_app *apps, struct desired_reply *reply,
                         struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_run_desired);
    size_t octets = 0, octets_max = smaller(PAGE_OCTETS_MAX, work->message_octets_max / 2);
    bool row = false;

    query_text(&query, request->after.at ? request->after : TEXT_OF(""));
    query_text(&query, request->node);
    query_number(&query, DESIRED_PAGE_MAX + 1);
    while (query_next(&query, &row, fault)) {
        octets += row ? DESIRED_ROW_OCTETS +
                  (size_t)sqlite3_column_bytes(query.statement, RUN_FILES) : 0;
        reply->more = row && (reply->apps.count == DESIRED_PAGE_MAX ||
                              (reply->apps.count > 0 && octets > octets_max));
        if (!row || reply->more)
            return true;
        if (!desired_from_row(work, &query, &apps[reply->apps.count], fault))
            return false;
        reply->apps.count++;
    }
    return false;
}

bool store_desired(const struct work *work, const struct desired_request *request,
                   struct desired_reply *reply, struct fault *fault)
{
    struct desired_app *apps = arena_take(work->arena, DESIRED_PAGE_MAX * sizeof *apps);

    if (!apps)
        return work_has_memory(work, fault);
    reply->apps.at = apps;
    return (request->after.at || read_known(work, reply, fault)) &&
           read_desired(work, request, apps, reply, fault);
}
