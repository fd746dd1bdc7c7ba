/* methods.c - the front door of apps: which name calls which function.
 *
 * Every APPS_METHOD(x, ...) in the contract must have an apps_x() here; a missing one does not
 * link, an unlisted one cannot be called.
 */
#include "actors/apps/apps.h"

/* The loop hands over void *, handlers take their own structs. A thunk per method goes between,
 * so that no function pointer is ever cast. */
#define APPS_METHOD(name, scope, lane, retry, request_, reply_, doc)                          \
    static bool name##_thunk(struct call *call, const void *request, void *reply,             \
                             struct fault *fault)                                             \
    {                                                                                         \
        return apps_##name(call, request, reply, fault);                                      \
    }
#include "schemas/contract.def"

const struct actor_method apps_methods[] = {
#define APPS_METHOD(name, scope, lane, retry, request, reply, doc) \
    {&method_apps_##name, name##_thunk},
#include "schemas/contract.def"
};
const size_t apps_method_count = sizeof apps_methods / sizeof *apps_methods;
