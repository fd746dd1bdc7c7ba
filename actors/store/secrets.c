/* secrets.c - the secrets of apps; see secrets.h. */
#include "actors/store/secrets.h"

#include "actors/store/app_keys.h"

/* ---- a change of them ---- */

static bool forget_staged(const struct work *work, struct text app_id, struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_secrets_to_be_delete);

    query_text(&query, app_id);
    return query_run(&query, fault);
}

static bool stage_one(const struct work *work, const struct app_key *key,
                      const struct operation *operation, struct text run_id,
                      const struct secret_change *change, struct fault *fault)
{
    unsigned char sealed[SECRET_VALUE_OCTETS_MAX + SEAL_OCTETS];

    if (change->value.at && !value_seal(key, operation->app_id, change->name, change->value, sealed,
                                        fault))
        return false;
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_secret_to_be_insert);
    query_text(&query, operation->app_id);
    query_text(&query, change->name);
    query_text(&query, run_id);
    query_octets(&query, (struct text){change->value.at ? (char *)sealed : NULL,
                                       change->value.size + SEAL_OCTETS});
    query_number(&query, work->now_ms);
    return query_run(&query, fault);
}

static bool count_to_be(const struct work *work, struct text app_id, struct text run_id,
                        struct fault *fault)
{
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_secret_count);
    bool row = false;

    query_text(&query, app_id);
    query_text(&query, run_id);
    if (!query_next(&query, &row, fault))
        return false;
    return column_number(&query, 0) <= SECRETS_MAX ||
           fault_set(fault, FAULT_too_large, "an app has at most %d secrets; remove some first",
                     SECRETS_MAX);
}

bool secrets_stage(const struct work *work, const struct operation *operation,
                   const struct advance_request *request, struct fault *fault)
{
    OWNED(app_key) struct app_key key;

    if (!forget_staged(work, operation->app_id, fault) ||
        !app_key_need(work, operation->app_id, &key, fault))
        return false;
    for (uint32_t i = 0; i < request->secrets.count; i++)
        if (!stage_one(work, &key, operation, request->run_id, &request->secrets.at[i], fault))
            return false;
    return count_to_be(work, operation->app_id, request->run_id, fault);
}

static bool run_of_app(const struct work *work, enum statement statement, struct text app_id,
                       struct fault *fault)
{
    struct query query = query_of(work->connection, statement);

    query_text(&query, app_id);
    return query_run(&query, fault);
}

bool secrets_settle(const struct work *work, const struct operation *operation, bool is_done,
                    struct fault *fault)
{
    struct text app_id = operation->app_id;

    if (operation->kind != operation_kind_set_secrets &&
        operation->kind != operation_kind_remove_secrets)
        return true;
    if (is_done && (!run_of_app(work, STATEMENT_secrets_serve, app_id, fault) ||
                    !run_of_app(work, STATEMENT_secrets_go, app_id, fault)))
        return false;
    return forget_staged(work, app_id, fault);
}

/* ---- the methods ---- */

bool store_secrets(const struct work *work, const struct app_ref *request,
                   struct secrets_reply *reply, struct fault *fault)
{
    struct secret_info *secrets = arena_take(work->arena, SECRETS_MAX * sizeof *secrets);
    struct app_state state;
    bool row = true;

    if (!secrets || !app_state_need(work, request->app_id, &state, fault))
        return secrets ? false : work_has_memory(work, fault);
    if (!work->is_admin && !text_is(state.owner, work->user))
        return fault_set(fault, FAULT_app_not_found, "no app of that id for this user");
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_secret_list);
    query_text(&query, request->app_id);
    reply->secrets.at = secrets;
    while (reply->secrets.count < SECRETS_MAX && query_next(&query, &row, fault)) {
        if (!row)
            return work_has_memory(work, fault);
        secrets[reply->secrets.count++] = (struct secret_info){
            .name = column_text(&query, 0, work->arena), .set_at = column_number(&query, 1)};
    }
    return reply->secrets.count == SECRETS_MAX && work_has_memory(work, fault);
}

static bool reveal_row(const struct work *work, const struct app_key *key, struct text app_id,
                       struct query *query, struct secret *out, struct fault *fault)
{
    struct text name = column_text(query, 0, work->arena);
    struct text sealed = column_octets(query, 1, work->arena);
    size_t size = sealed.size - SEAL_OCTETS;    /* the table's CHECK: never less */
    unsigned char *value = arena_take(work->arena, size);

    if (!value || !name.at || !sealed.at)
        return work_has_memory(work, fault);
    *out = (struct secret){.name = name, .value = {(char *)value, size}};
    return value_open(key, app_id, name, sealed, value, fault);
}

bool store_reveal(const struct work *work, const struct reveal_request *request,
                  struct reveal_reply *reply, struct fault *fault)
{
    struct secret *secrets = arena_take(work->arena, SECRETS_MAX * sizeof *secrets);
    OWNED(app_key) struct app_key key;
    bool found = false, row = true;

    if (!secrets)
        return work_has_memory(work, fault);
    reply->secrets.at = secrets;
    if (!app_key_load(work, request->app_id, &found, &key, fault))
        return false;
    if (!found)
        return true;
    arena_wipe(work->arena);
    OWNED(query) struct query query = query_of(work->connection, STATEMENT_secret_reveal);
    query_text(&query, request->app_id);
    query_text(&query, request->run_id);
    while (query_next(&query, &row, fault)) {
        if (!row)
            return true;
        if (reply->secrets.count == SECRETS_MAX)
            return fault_set(fault, FAULT_internal, "an app has more than %d secrets", SECRETS_MAX);
        if (!reveal_row(work, &key, request->app_id, &query, &secrets[reply->secrets.count++],
                        fault))
            return false;
    }
    return false;
}
