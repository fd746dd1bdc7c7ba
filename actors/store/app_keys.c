/* app_keys.c - the row of an app's key; see app_keys.h. */
#include "actors/store/app_keys.h"

bool app_key_load(const struct work *work, struct text app_id, bool *found, struct app_key *out,
                  struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_app_key_get);

    query_text(&query, app_id);
    return query_next(&query, found, fault) &&
           (!*found || app_key_open(work->keys, app_id, column_octets(&query, 0, work->arena), out,
                                    fault));
}

static bool app_key_insert(const struct work *work, struct text app_id, struct app_key *out,
                           struct fault *fault)
{
    unsigned char sealed[KEY_SEALED_OCTETS];

    if (!app_key_make(work->keys, app_id, out, sealed, fault))
        return false;
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_app_key_insert);
    query_text(&query, app_id);
    query_octets(&query, (struct text){(char *)sealed, sizeof sealed});
    return query_run(&query, fault);
}

bool app_key_need(const struct work *work, struct text app_id, struct app_key *out,
                  struct fault *fault)
{
    bool found = false;

    return app_key_load(work, app_id, &found, out, fault) &&
           (found || app_key_insert(work, app_id, out, fault));
}
