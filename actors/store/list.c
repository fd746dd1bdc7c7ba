/* list.c - apps in pages, newest first. */
#include "actors/store/apps.h"

enum { ROW_OCTETS = 512 };      /* what a row of a page weighs beside its texts */

/* A page begins behind this app. */
struct place { int64_t created_at; struct text app_id; };

/* The cursor: the last app's creation and id, "1760108400000.id". */
static bool place_read(struct text cursor, struct place *out)
{
    size_t digits = 0;

    out->created_at = 0;
    while (digits < cursor.size && digits < 15 && cursor.at[digits] >= '0' &&
           cursor.at[digits] <= '9')
        out->created_at = out->created_at * 10 + (cursor.at[digits++] - '0');
    if (digits == 0 || digits >= cursor.size || cursor.at[digits] != '.')
        return false;
    out->app_id = (struct text){cursor.at + digits + 1, cursor.size - digits - 1};
    return text_is_app_id(out->app_id);
}

static bool place_from(const struct list_request *request, struct place *out,
                       struct fault *fault)
{
    *out = (struct place){INT64_MAX, TEXT_OF("")};
    return !request->cursor.at || place_read(request->cursor, out) ||
           fault_set(fault, FAULT_malformed, "Invalid cursor");
}

static bool count_apps(const struct work *work, uint64_t *total, struct fault *fault)
{
    OWNED(query) struct query query =
        query_of(work->connection, work->is_admin ? STATEMENT_app_count_all
                                                  : STATEMENT_app_count_owned);
    bool row = false;

    if (!work->is_admin)
        query_string(&query, work->user);
    if (!query_next(&query, &row, fault))
        return false;
    *total = (uint64_t)column_number(&query, 0);
    return true;
}

static size_t row_octets(struct query *query)
{
    size_t octets = ROW_OCTETS;

    for (int column = APP_NAME; column <= APP_FILES; column++)
        if (column == APP_NAME || column == APP_PROMPT || column >= APP_URL)
            octets += (size_t)sqlite3_column_bytes(query->statement, column);
    return octets;
}

/* A page may never be larger than a message; half of one leaves room for everything around it. */
static size_t page_octets_max(const struct work *work)
{
    size_t half = work->message_octets_max / 2;

    return half < PAGE_OCTETS_MAX ? half : PAGE_OCTETS_MAX;
}

/* Fill `apps`; *more tells that there is another row behind the last. */
static bool read_page(const struct work *work, struct query *query, uint64_t limit,
                      struct app *apps, uint32_t *count, bool *more, struct fault *fault)
{
    size_t octets = 0;
    bool row = false;

    while (query_next(query, &row, fault)) {
        octets += row ? row_octets(query) : 0;
        *more = row && (*count == limit || (*count > 0 && octets > page_octets_max(work)));
        if (!row || *more)
            return true;
        if (!app_from_row(work, query, &apps[*count], fault))
            return false;
        (*count)++;
    }
    return false;
}

static struct query page_query(const struct work *work, const struct list_request *request,
                               const struct place *after)
{
    struct query query = query_of(work->connection, work->is_admin ? STATEMENT_app_list_all
                                                                   : STATEMENT_app_list_owned);

    query_number(&query, request->fields == list_fields_full);
    query_number(&query, after->created_at);
    query_text(&query, after->app_id);
    query_number(&query, (int64_t)request->limit + 1);
    query_number(&query, request->cursor.at ? 0 : (int64_t)request->offset);
    if (!work->is_admin)
        query_string(&query, work->user);
    return query;
}

bool store_list(const struct work *work, const struct list_request *request,
                struct list_reply *reply, struct fault *fault)
{
    struct app *apps = arena_take(work->arena, request->limit * sizeof *apps);
    struct place after;
    bool more = false;

    if (!apps)
        return work_has_memory(work, fault);
    if (!place_from(request, &after, fault) || !count_apps(work, &reply->total, fault))
        return false;
    OWNED(query) struct query query = page_query(work, request, &after);
    reply->apps.at = apps;
    if (!read_page(work, &query, request->limit, apps, &reply->apps.count, &more, fault))
        return false;
    if (more) {
        const struct app *last = &apps[reply->apps.count - 1];
        reply->next_cursor = arena_print(work->arena, "%lld.%.*s", (long long)last->created_at,
                                         TEXT_ARGS(last->id));
    }
    return work_has_memory(work, fault);
}
