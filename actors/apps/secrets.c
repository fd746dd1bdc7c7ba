/* secrets.c - the secrets of an app: names are listed, values go in and never come out.
 *
 * A change of them is an operation like any other. The store keeps what will be beside what is, for
 * the one run that this change starts; so a running app that does not answer with the new secrets goes
 * on with the old ones. Neither the operation nor its audit event holds more than names.
 */
#include <sodium.h>

#include "actors/apps/change.h"

/* What the platform, or the programs below the app, read from the environment. A name that ends with *
 * stands for all that begin so. */
static const char *const reserved[] = {
    "PORT", "DATA_DIR", "HOME", "PATH", "PWD", "TMPDIR", "LANG", "LC_*", "NODE_*", "LD_*", "GLIBC_*",
    "MALLOC_*", "UV_*", "OPENSSL_*", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "ISEKAI_*",
};

/* ---- refusals ---- */

static const char *reserved_as(struct text name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        size_t size = strlen(reserved[i]);
        bool is_prefix = reserved[i][size - 1] == '*';
        struct text start = {name.at, is_prefix && name.size > size - 1 ? size - 1 : name.size};
        if (text_equals(start, (struct text){reserved[i], size - is_prefix}))
            return reserved[i];
    }
    return NULL;
}

static bool came_before(const struct secrets_set_request *in, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (text_equals(in->secrets.at[i].name, in->secrets.at[index].name))
            return true;
    return false;
}

/* Every name that is refused, not only the first. */
static void look_at_names(struct arena *arena, const struct secrets_set_request *in,
                          struct violation *details, uint32_t *count, bool *is_reserved)
{
    for (uint32_t i = 0; i < in->secrets.count; i++) {
        const char *as = reserved_as(in->secrets.at[i].name);
        if (!as && !came_before(in, i))
            continue;
        *is_reserved = *is_reserved || as;
        details[(*count)++] = (struct violation){
            .path = arena_print(arena, "secrets[%u].name", i),
            .location = TEXT_OF("body"),
            .msg = as ? arena_print(arena, "%s is set by the platform", as)
                      : TEXT_OF("A secret's name is given twice"),
        };
    }
}

static bool check_names(struct call *call, const struct secrets_set_request *in,
                        struct fault *fault)
{
    struct arena *arena = call_arena(call);
    struct failure *failure = arena_take(arena, sizeof *failure);
    struct violation *details = arena_take(arena, SECRETS_MAX * sizeof *details);
    uint32_t count = 0;
    bool is_reserved = false;

    if (!failure || !details)
        return fault_set(fault, FAULT_internal, "no memory for a refusal");
    look_at_names(arena, in, details, &count, &is_reserved);
    if (arena_is_exhausted(arena))
        return fault_set(fault, FAULT_internal, "no memory for a refusal");
    if (count == 0)
        return true;
    failure->details.at = details;
    failure->details.count = count;
    call_attach(call, failure);
    return fault_set(fault, is_reserved ? FAULT_reserved_name : FAULT_malformed, "%.*s: %.*s",
                     TEXT_ARGS(details[0].path), TEXT_ARGS(details[0].msg));
}

/* ---- the change ---- */

/* A running app answers with the new secrets, or goes on with the old ones; any other finds them when
 * it is started. */
static bool make_change(struct change *change, const struct secret_change *secrets, uint32_t count,
                        struct fault *fault)
{
    const struct stored_app *before = change->before;
    struct files files = before->app->code ? before->app->code->files : (struct files){0};
    struct finish_request finish = {.status = app_status_absent};
    struct run_state state;
    struct run run;

    if (!change_store_secrets(change, secrets, count, fault))
        return change_fail(change, (struct finish_request){0}, fault);
    if (before->app->status == app_status_running) {
        if (!change_run(change, before->app->version, files, before->run ? before->run->config : NULL,
                        &run, &state, fault))
            return change_fail(change, (struct finish_request){0}, fault);
        finish = (struct finish_request){.status = app_status_running,
                                         .desire = app_desire_running, .run = &run};
    }
    return change_finish(change, finish, fault);
}

static bool list(struct call *call, struct text app_id, struct secrets_reply *out,
                 struct fault *fault)
{
    const struct app_ref request = {.app_id = app_id};

    return call_ask(call, &method_store_secrets, &request, out, fault);
}

bool apps_secrets(struct call *call, const struct app_ref *in, struct secrets_reply *out,
                  struct fault *fault)
{
    return list(call, in->app_id, out, fault);
}

/* The values lie in the request itself, which is this call's. */
static void wipe_values(const struct secrets_set_request *in)
{
    for (uint32_t i = 0; i < in->secrets.count; i++)
        sodium_memzero((char *)(uintptr_t)in->secrets.at[i].value.at, in->secrets.at[i].value.size);
}

static bool set(const struct secrets_set_request *in, struct change *change, struct fault *fault)
{
    struct secret_change secrets[SECRETS_MAX];
    struct text names[SECRETS_MAX];

    if (change->replayed)
        return true;
    for (uint32_t i = 0; i < in->secrets.count; i++) {
        secrets[i] = (struct secret_change){.name = in->secrets.at[i].name,
                                            .value = in->secrets.at[i].value};
        names[i] = in->secrets.at[i].name;
    }
    change->secrets = (struct texts){names, in->secrets.count};
    return make_change(change, secrets, in->secrets.count, fault);
}

bool apps_secrets_set(struct call *call, const struct secrets_set_request *in,
                      struct secrets_reply *out, struct fault *fault)
{
    const struct change_start start = {.kind = operation_kind_set_secrets, .app_id = in->app_id};
    struct change change;

    if (!check_names(call, in, fault))
        return false;
    bool done = change_begin(&change, call, &start, fault) && set(in, &change, fault);
    wipe_values(in);
    return done && list(call, in->app_id, out, fault);
}

/* The one that is named, or all. */
static bool remove_some(struct change *change, struct text name, struct fault *fault)
{
    struct secret_change secrets[SECRETS_MAX];
    struct text names[SECRETS_MAX];
    struct secrets_reply there = {0};
    uint32_t count = 0;

    if (!list(change->call, change->app_id, &there, fault))
        return change_fail(change, (struct finish_request){0}, fault);
    for (uint32_t i = 0; i < there.secrets.count; i++) {
        if (name.at && !text_equals(name, there.secrets.at[i].name))
            continue;
        secrets[count] = (struct secret_change){.name = there.secrets.at[i].name};
        names[count++] = there.secrets.at[i].name;
    }
    if (name.at && count == 0) {
        (void) fault_set(fault, FAULT_secret_not_found, "no secret of that name");
        return change_fail(change, (struct finish_request){0}, fault);
    }
    change->secrets = (struct texts){names, count};
    return count == 0 ? change_finish(change, (struct finish_request){0}, fault)
                      : make_change(change, secrets, count, fault);
}

bool apps_secrets_remove(struct call *call, const struct secrets_remove_request *in,
                         struct nothing *out, struct fault *fault)
{
    const struct change_start start = {.kind = operation_kind_remove_secrets,
                                       .app_id = in->app_id};
    struct change change;

    *out = (struct nothing){0};
    return change_begin(&change, call, &start, fault) &&
           (change.replayed || remove_some(&change, in->name, fault));
}
