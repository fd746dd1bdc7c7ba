/* built_in.h - the methods that every service name answers, by its loop, not by a handler.
 *
 * They have no service of their own: who asks names one (`apps`, `apps.long`,
 * `apps.0123456789abcdef`) in struct ask or call_ask_within(). ping and info are for anyone, stats
 * and drain for admins. Constant; any thread.
 */
#ifndef ISEKAI_BUS_BUILT_IN_H
#define ISEKAI_BUS_BUILT_IN_H

#include "schemas/method.h"

extern const struct method method_isekai_ping;      /* nothing -> ping_reply */
extern const struct method method_isekai_info;      /* nothing -> info_reply */
extern const struct method method_isekai_stats;     /* nothing -> stats_reply */
extern const struct method method_isekai_drain;     /* nothing -> nothing */

#endif
