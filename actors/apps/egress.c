/* egress.c - what an app may reach: the store keeps it and checks the owner, the sandbox makes it so.
 *
 * The store is asked first. When the sandbox does not answer then, the caller hears of it and asks again;
 * a sandbox that comes back reads what the store says.
 */
#include "actors/apps/place.h"

/* An app that has run nowhere tried nothing, and begins with what the store says. */
static bool ask_sandbox(struct call *call, struct text app_id, const struct method *method,
                        const void *request, void *reply, struct fault *fault)
{
    struct place_reply place;

    return place_find(call, app_id, &place, fault) &&
           (!place.node.at || place_ask(call, place.node, method, lane_deadline_ms(method->lane),
                                        request, reply, fault));
}

static bool answer(struct call *call, struct text app_id, const struct egress_list *list,
                   struct egress_reply *out, struct fault *fault)
{
    const struct app_ref request = {.app_id = app_id};
    struct egress_attempts tried = {.others = 0};

    if (!ask_sandbox(call, app_id, &method_sandbox_tried, &request, &tried, fault))
        return false;
    out->grants.at = list->grants.at;
    out->grants.count = list->grants.count;
    out->attempts.at = tried.attempts.at;
    out->attempts.count = tried.attempts.count;
    out->others = tried.others;
    return true;
}

bool apps_egress(struct call *call, const struct app_ref *in, struct egress_reply *out,
                 struct fault *fault)
{
    struct egress_list list;

    return call_ask(call, &method_store_egress, in, &list, fault) &&
           answer(call, in->app_id, &list, out, fault);
}

static bool change(struct call *call, const struct method *method, const struct egress_request *in,
                   struct egress_reply *out, struct fault *fault)
{
    struct egress_list list;
    struct nothing done;

    if (!call_ask(call, method, in, &list, fault))
        return false;
    const struct allow_request allow = {.app_id = in->app_id, .egress = &list};
    return ask_sandbox(call, in->app_id, &method_sandbox_allow, &allow, &done, fault) &&
           answer(call, in->app_id, &list, out, fault);
}

bool apps_egress_grant(struct call *call, const struct egress_request *in,
                       struct egress_reply *out, struct fault *fault)
{
    return change(call, &method_store_egress_grant, in, out, fault);
}

bool apps_egress_revoke(struct call *call, const struct egress_request *in,
                        struct egress_reply *out, struct fault *fault)
{
    return change(call, &method_store_egress_revoke, in, out, fault);
}
