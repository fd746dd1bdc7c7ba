/* place.c - see place.h. */
#include "actors/apps/place.h"

#include "bus/built_in.h"

enum { CHOICES_MAX = 4 };

bool place_choose(struct call *call, struct text *node, struct fault *fault)
{
    const struct nothing nothing = {0};
    struct ping_reply reply;

    /* Each asking is another sandbox's turn; when none is well, the last says why it starts nothing. */
    for (int turns = 0; turns < CHOICES_MAX; turns++) {
        if (!call_ask_within(call, &method_isekai_ping, "sandbox", lane_deadline_ms(LANE_QUICK),
                             &nothing, &reply, fault))
            return false;
        if (reply.ok)
            break;
    }
    *node = reply.node;
    return text_is_node(*node) ||
           fault_set(fault, FAULT_internal, "a sandbox does not say on which host it is");
}

bool place_find(struct call *call, struct text app_id, struct place_reply *out,
                struct fault *fault)
{
    const struct app_ref request = {.app_id = app_id};

    return call_ask(call, &method_store_place, &request, out, fault);
}

bool place_ask(struct call *call, struct text node, const struct method *method,
               uint32_t within_ms, const void *request, void *reply, struct fault *fault)
{
    char name[NODE_NAME_MAX + 1], service[SERVICE_OF_NODE_SIZE];

    if (!node.at)
        return fault_set(fault, FAULT_app_not_found, "the app has run nowhere");
    if (!text_is_node(node) || !text_to_string(node, name, sizeof name))
        return fault_set(fault, FAULT_internal, "the app is on a host without a name");
    service_of_node(method->actor, name, method->lane, service);
    return call_ask_within(call, method, service, within_ms, request, reply, fault);
}
