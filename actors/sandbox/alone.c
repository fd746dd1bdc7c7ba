/* alone.c - see alone.h. */
#include "actors/sandbox/alone.h"

#include "bus/built_in.h"
#include "bus/client.h"
#include "bus/clock.h"

enum { ARENA_OCTETS = 65536 };

static bool is_served(struct bus_client *client, const char *service)
{
    struct text status;
    struct fault ignored;

    return bus_client_ask_raw(client, "mmi.service", text_from(service),
                              clock_now_ms() + ALONE_ASK_MS, &status, &ignored) &&
           text_is(status, "200");
}

static bool answers(struct bus_client *client, const char *service)
{
    const struct ask ask = {.method = &method_isekai_ping, .service = service,
                            .deadline_ms = clock_now_ms() + ALONE_ASK_MS};
    const struct nothing nothing = {0};
    struct arena *arena = arena_new(ARENA_OCTETS);
    struct ping_reply reply;
    struct fault ignored;
    bool does = arena && bus_client_ask(client, &ask, &nothing, arena, &reply, &ignored);

    arena_free(arena);
    return does;
}

bool alone_on_node(const struct bus_settings *bus, struct fault *fault)
{
    struct bus_client *client = bus_client_new(bus, fault);
    char service[SERVICE_OF_NODE_SIZE];

    if (!client)
        return false;
    service_of_node("sandbox", bus->isekai_node, LANE_QUICK, service);
    bool is_other = is_served(client, service) && answers(client, service);
    bus_client_free(client);
    return !is_other || fault_set(fault, FAULT_conflict, "another sandbox serves host '%s' on this "
                                  "bus; give each host a name of its own with ISEKAI_NODE",
                                  bus->isekai_node);
}
