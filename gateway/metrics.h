/* metrics.h - what this process counts.
 *
 * Gives:    metrics_print() writes the whole page.
 * Any thread; the counters are atomic.
 */
#ifndef ISEKAI_GATEWAY_METRICS_H
#define ISEKAI_GATEWAY_METRICS_H

#include <stdatomic.h>
#include <stdio.h>

#include "schemas/fault.h"

struct exchange;
struct gateway;

void metrics_count_request(const struct exchange *exchange, const struct fault *fault);
void metrics_print(struct gateway *gateway, FILE *out);

/* How many are under way: counted up, refused beyond the bound, counted down. */
struct metric_bound { _Atomic int32_t now; };
bool metric_enter(struct metric_bound *bound, int32_t most);
void metric_leave(struct metric_bound *bound);
extern struct metric_bound metric_previews, metric_followers, metric_listeners;

#endif
