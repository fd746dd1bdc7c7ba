/* trust.c - who may ask what: the caller is whom the broker saw, the principal whom it speaks for.
 *
 *              caller act_for or admin   a principal is named      else
 *   PUBLIC     yes                       yes                       yes
 *   USER       yes                       yes                       yes, when the caller is known
 *   ADMIN      caller is admin           principal is admin        no
 *   INTERNAL   yes                       as the caller             no
 *
 * A principal counts only from a caller that may speak for others; from anyone else it is
 * refused, never passed over: the sender believes that it counts.
 */
#include "bus/actor_inside.h"

static bool has_scope(struct texts scopes, const char *name)
{
    for (uint32_t i = 0; i < scopes.count; i++)
        if (text_is(scopes.at[i], name))
            return true;
    return false;
}

bool trust_is_trusted(const struct header *header)
{
    return header->caller && has_scope(header->caller->scopes, "act_for");
}

static bool is_admin(const struct header *header)
{
    if (header->principal)
        return text_is(header->principal->role, "admin");
    return header->caller && text_is(header->caller->role, "admin");
}

bool trust_allows(enum scope scope, const struct header *header, struct fault *fault)
{
    bool is_trusted = trust_is_trusted(header);

    if (header->principal && !is_trusted)
        return fault_set(fault, FAULT_forbidden, "this caller may not speak for others");
    switch (scope) {
    case SCOPE_PUBLIC:
        return true;
    case SCOPE_USER:
        return header->caller || fault_set(fault, FAULT_unauthenticated, "nobody asks");
    case SCOPE_ADMIN:
        return is_admin(header) || fault_set(fault, FAULT_forbidden, "only for admins");
    case SCOPE_INTERNAL:
        if (is_trusted || (header->caller && text_is(header->caller->role, "admin")))
            return true;
        return fault_set(fault, FAULT_forbidden, "only for actors");
    }
    return fault_set(fault, FAULT_internal, "a scope that is none");
}
