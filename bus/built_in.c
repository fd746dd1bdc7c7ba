/* built_in.c - what every service name answers, whatever the actor: ping, info, stats, drain. */
#include "bus/built_in.h"

#include "bus/actor_inside.h"

static bool ping(struct call *call, const void *request, void *reply_, struct fault *fault)
{
    const struct actor *actor = call->loop->actor;
    struct ping_reply *reply = reply_;
    char level[200] = "";

    (void)request;
    reply->actor = text_from(actor->name);
    reply->instance = text_from(call->loop->instance);
    if (actor->is_of_node)
        reply->node = text_from(call->loop->bus->isekai_node);
    reply->ok = !atomic_load(&call->loop->is_draining);
    if (actor->healthy && !actor->healthy(actor->self, level))
        reply->ok = false;
    level[sizeof level - 1] = '\0';
    if (level[0])
        reply->level = arena_text(call->arena, text_from(level));
    return !level[0] || reply->level.at || fault_set(fault, FAULT_internal, "no memory");
}

static bool info(struct call *call, const void *request, void *reply_, struct fault *fault)
{
    const struct actor *actor = call->loop->actor;
    struct info_reply *reply = reply_;
    struct method_info *rows = arena_take(call->arena, (actor->method_count + 1) * sizeof *rows);

    (void)request;
    if (!rows)
        return fault_set(fault, FAULT_internal, "no memory");
    for (size_t i = 0; i < actor->method_count; i++) {
        const struct method *method = actor->methods[i].method;
        rows[i].name = text_from(method->name);
        rows[i].service = text_from(method->service);
        rows[i].scope = text_from(scope_name(method->scope));
        rows[i].doc = text_from(method->doc);
    }
    reply->actor = text_from(actor->name);
    reply->instance = text_from(call->loop->instance);
    reply->version = TEXT_OF(ISEKAI_VERSION);
    reply->started_at = call->loop->started_at_ms;
    reply->methods.at = rows;
    reply->methods.count = (uint32_t)actor->method_count;
    return true;
}

static uint32_t fill_lanes(struct loop *loop, struct lane_stats *rows)
{
    uint32_t count = 0;

    for (int lane = 0; lane < LANES; lane++) {
        struct crew *crew = &loop->crews[lane];
        if (crew->thread_count == 0)
            continue;
        struct lane_stats *row = &rows[count++];
        row->service = text_from(crew->service);
        row->threads = crew->thread_count;
        crew_stats(crew, &row->working, &row->waiting);
    }
    return count;
}

static bool stats(struct call *call, const void *request, void *reply_, struct fault *fault)
{
    struct loop *loop = call->loop;
    const struct actor *actor = loop->actor;
    struct stats_reply *reply = reply_;
    struct method_stats *rows = arena_take(call->arena, (actor->method_count + 1) * sizeof *rows);
    struct lane_stats *lanes = arena_take(call->arena, LANES * sizeof *lanes);
    struct count_of *counters = arena_take(call->arena, ACTOR_COUNTERS_MAX * sizeof *counters);

    (void)request;
    if (!rows || !lanes || !counters)
        return fault_set(fault, FAULT_internal, "no memory");
    for (size_t i = 0; i < actor->method_count; i++) {
        rows[i].name = text_from(actor->methods[i].method->name);
        rows[i].calls = atomic_load(&loop->counters[i].calls);
        rows[i].failures = atomic_load(&loop->counters[i].failures);
        rows[i].busy_us = atomic_load(&loop->counters[i].busy_us);
    }
    reply->actor = text_from(actor->name);
    reply->instance = text_from(loop->instance);
    reply->methods.at = rows;
    reply->methods.count = (uint32_t)actor->method_count;
    reply->lanes.at = lanes;
    reply->lanes.count = fill_lanes(loop, lanes);
    reply->counters.at = counters;
    reply->counters.count = actor->counters ? actor->counters(actor->self, call->arena, counters)
                                            : 0;
    return true;
}

static bool drain(struct call *call, const void *request, void *reply, struct fault *fault)
{
    (void)request;
    (void)reply;
    (void)fault;
    loop_drain(call->loop);
    return true;
}

const struct method method_isekai_ping = {
    "isekai", "isekai.ping", "", SCOPE_PUBLIC, LANE_QUICK, AGAIN,
    &nothing_message, &ping_reply_message, "Is this instance alive and able to work?",
};
const struct method method_isekai_info = {
    "isekai", "isekai.info", "", SCOPE_PUBLIC, LANE_QUICK, AGAIN,
    &nothing_message, &info_reply_message, "What this instance is and answers.",
};
const struct method method_isekai_stats = {
    "isekai", "isekai.stats", "", SCOPE_ADMIN, LANE_QUICK, AGAIN,
    &nothing_message, &stats_reply_message, "Counters of this instance.",
};
const struct method method_isekai_drain = {
    "isekai", "isekai.drain", "", SCOPE_ADMIN, LANE_QUICK, ONCE,
    &nothing_message, &nothing_message, "Take nothing new, end what is under way, then end.",
};

static const struct actor_method rows[] = {
    {&method_isekai_ping, ping},
    {&method_isekai_info, info},
    {&method_isekai_stats, stats},
    {&method_isekai_drain, drain},
};

const struct actor_method *built_in_find(struct text name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (text_is(name, rows[i].method->name))
            return &rows[i];
    return NULL;
}
