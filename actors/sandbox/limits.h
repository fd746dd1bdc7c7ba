/* limits.h - what one run may use: the request's wish, the default, and the most there is.
 *
 * Fails as: malformed, when a wish is over its limit.
 */
#ifndef ISEKAI_SANDBOX_LIMITS_H
#define ISEKAI_SANDBOX_LIMITS_H

#include "bus/settings.h"
#include "schemas/message.h"

struct limits {
    uint64_t memory_mb, cpu_percent, timeout_ms;
    uint64_t pids, open_files, file_mb, disk_mb, files;
    uint64_t start_timeout_ms, stop_timeout_ms;
    bool is_wall;               /* timeout_ms counts from the start, not from the last request */
};

/* config may be NULL. */
bool limits_choose(const struct sandbox_settings *settings, const struct run_config *config,
                   struct limits *out, struct fault *fault);

#endif
