/* logs_follow.h - an app's log as it grows, as server-sent events.
 *
 * Source:   WHATWG HTML, "Server-sent events": id, data, retry, Last-Event-ID.
 * Fails as: malformed (follow is neither true nor false), overloaded (FOLLOWERS_MAX).
 */
#ifndef ISEKAI_GATEWAY_LOGS_FOLLOW_H
#define ISEKAI_GATEWAY_LOGS_FOLLOW_H

#include "schemas/fault.h"
#include "schemas/text.h"

struct exchange;

enum { FOLLOWERS_MAX = 128 };       /* each holds a thread */

/* Read the value of `follow`. */
bool logs_follow_is_asked(struct exchange *exchange, struct text value, struct fault *fault);

/* Stream until the caller is gone, the app is, or the gateway stops. */
bool logs_follow(struct exchange *exchange, struct fault *fault);

#endif
