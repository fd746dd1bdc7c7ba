/* methods.c - the audit actor's front door: which name calls which function.
 *
 * Every row AUDIT_METHOD(x, ...) of the contract must have an audit_x() here; a missing one does
 * not link, an unlisted one cannot be called.
 */
#include "actors/audit/audit.h"
#include "bus/clock.h"

static bool fill_checkpoint(struct call *call, struct log_point point, struct checkpoint *reply,
                            struct fault *fault)
{
    struct arena *arena = call_arena(call);

    reply->size = point.size;
    reply->root = arena_text(arena, (struct text){(const char *)point.root.at, HASH_SIZE});
    reply->chain = arena_text(arena, (struct text){(const char *)point.chain.at, HASH_SIZE});
    reply->at = clock_wall_ms();
    return !arena_is_exhausted(arena) || fault_set(fault, FAULT_internal, "out of memory");
}

bool audit_append(struct call *call, const struct append_request *request,
                  struct checkpoint *reply, struct fault *fault)
{
    const struct audit *audit = call_self(call);
    struct log_point point;

    if (!writer_append(audit->writer, request->events.at, request->events.count,
                       call_deadline_ms(call), &point, fault))
        return false;
    return fill_checkpoint(call, point, reply, fault);
}

bool audit_list(struct call *call, const struct audit_list_request *request,
                struct audit_list_reply *reply, struct fault *fault)
{
    const struct audit *audit = call_self(call);

    return audit_list_entries(audit->log, request, call_deadline_ms(call), call_arena(call), reply,
                              fault);
}

bool audit_checkpoint(struct call *call, const struct nothing *request, struct checkpoint *reply,
                      struct fault *fault)
{
    const struct audit *audit = call_self(call);

    (void)request;
    return fill_checkpoint(call, audit_log_point(audit->log), reply, fault);
}

/* The loop hands over void pointers, handlers take their own structs: one thunk each between. */
#define AUDIT_METHOD(name, scope, lane, retry, request_, reply_, doc)                         \
    static bool name##_thunk(struct call *call, const void *request, void *reply,             \
                             struct fault *fault)                                             \
    {                                                                                         \
        return audit_##name(call, request, reply, fault);                                     \
    }
#include "schemas/contract.def"

const struct actor_method audit_methods[] = {
#define AUDIT_METHOD(name, scope, lane, retry, request, reply, doc) \
    {&method_audit_##name, name##_thunk},
#include "schemas/contract.def"
};
const size_t audit_method_count = sizeof audit_methods / sizeof *audit_methods;
