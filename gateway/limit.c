/* limit.c - how many writes an address may send; counted before a body is read.
 *
 * Reads are not limited but for an export: they cost a lookup. Every limited answer tells the state of the window,
 * so that a caller can wait instead of guessing.
 */
#include "gateway/limit.h"

#include "gateway/pipeline.h"

static struct rate_limit limit_of(const struct gateway_settings *settings, enum family family)
{
    switch (family) {
    case FAMILY_apps:
        return (struct rate_limit){(uint32_t)settings->apps_rate_limit,
                                   (uint32_t)settings->apps_rate_window_s};
    case FAMILY_sandbox:
        return (struct rate_limit){(uint32_t)settings->sandbox_rate_limit,
                                   (uint32_t)settings->sandbox_rate_window_s};
    case FAMILY_planner:
        return (struct rate_limit){(uint32_t)settings->planner_rate_limit,
                                   (uint32_t)settings->planner_rate_window_s};
    default:
        return (struct rate_limit){0, 0};
    }
}

bool limit_count(struct exchange *exchange, struct text what, struct rate_limit limit,
                 struct fault *fault)
{
    struct rate_state state = rate_table_count(exchange->gateway->rates, what, &exchange->caller,
                                               limit);
    struct answer *answer = &exchange->answer;

    answer_header(answer, "RateLimit-Policy", "%u;w=%u", limit.count_max, limit.window_s);
    answer_header(answer, "RateLimit-Limit", "%u", limit.count_max);
    answer_header(answer, "RateLimit-Remaining", "%u", state.remaining);
    answer_header(answer, "RateLimit-Reset", "%u", state.reset_s);
    if (!state.is_over)
        return true;
    (void) fault_set(fault, FAULT_too_many, "%u requests in %u seconds", limit.count_max,
                     limit.window_s);
    return fault_retry_after(fault, state.reset_ms);
}

bool limit_by_address(struct exchange *exchange, struct fault *fault)
{
    static const char *const names[FAMILIES] = {"", "apps", "sandbox", "planner"};
    enum family family = exchange->route->rate;

    if (family == FAMILY_none)
        return true;
    return limit_count(exchange, text_from(names[family]),
                       limit_of(&exchange->gateway->settings, family), fault);
}
