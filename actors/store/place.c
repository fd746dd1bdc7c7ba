/* place.c - which host an app is on: the first it was to run on, where its data is.
 *
 * It is written down before a sandbox hears of the app, so that whoever has to find the app's process
 * knows whom to ask; an app is on one host, so no two can run it.
 */
#include "actors/store/apps.h"

bool place_load(const struct work *work, struct text app_id, struct place_reply *out,
                struct text *owner, struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_app_place);
    bool row = false;

    query_text(&query, app_id);
    if (!query_next(&query, &row, fault))
        return false;
    if (!row)
        return fault_set(fault, FAULT_app_not_found, "no app of that id");
    *owner = column_text(&query, 0, work->arena);
    *out = (struct place_reply){
        .status = (enum app_status)column_choice(&query, 1, &app_status_choices),
        .version = (uint64_t)column_number(&query, 2),
        .node = column_text(&query, 3, work->arena),
    };
    return work_has_memory(work, fault);
}

bool store_place(const struct work *work, const struct app_ref *request, struct place_reply *reply,
                 struct fault *fault)
{
    struct text owner = {0};

    if (!place_load(work, request->app_id, reply, &owner, fault))
        return false;
    return app_may_be_seen(work, owner) ||
           fault_set(fault, FAULT_app_not_found, "no app of that id for this user");
}

bool place_put(const struct work *work, struct text app_id, struct text node, struct fault *fault)
{
    struct place_reply place;
    struct text owner = {0};

    if (!place_load(work, app_id, &place, &owner, fault))
        return false;
    if (place.node.at && !text_equals(place.node, node))
        return fault_set(fault, FAULT_conflict, "the app is on host '%.*s'", TEXT_ARGS(place.node));
    struct query query = query_of(work->connection, STATEMENT_app_place_put);
    query_text(&query, app_id);
    query_text(&query, node);
    return query_run(&query, fault);
}
