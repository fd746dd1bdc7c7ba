/* limit.h - count a request against a window and say so in its answer.
 *
 * Fails as: too_many, to be tried again when the window ends.
 */
#ifndef ISEKAI_GATEWAY_LIMIT_H
#define ISEKAI_GATEWAY_LIMIT_H

#include "gateway/rate_table.h"

struct exchange;

bool limit_count(struct exchange *exchange, struct text what, struct rate_limit limit,
                 struct fault *fault);

#endif
