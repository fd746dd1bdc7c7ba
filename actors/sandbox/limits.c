/* limits.c - what one run may use; see limits.h. */
#include "actors/sandbox/limits.h"

#include <inttypes.h>
#include <string.h>

static bool choose(uint64_t wish, uint64_t fallback, uint64_t most, const char *name,
                   uint64_t *out, struct fault *fault)
{
    if (wish > most)
        return fault_set(fault, FAULT_malformed, "config.%s: at most %" PRIu64 " here", name, most);
    *out = wish ? wish : fallback < most ? fallback : most;
    return true;
}

/* A file larger than the disk is no promise. */
static bool bound_files(struct limits *out)
{
    if (out->file_mb > out->disk_mb)
        out->file_mb = out->disk_mb;
    return true;
}

bool limits_choose(const struct sandbox_settings *settings, const struct run_config *config,
                   struct limits *out, struct fault *fault)
{
    static const struct run_config nothing;
    const struct run_config *wish = config ? config : &nothing;

    *out = (struct limits){
        .start_timeout_ms = settings->start_timeout_ms,
        .stop_timeout_ms = settings->stop_timeout_ms,
        .is_wall = strcmp(settings->execution_timeout_mode, "wall") == 0,
    };
    return choose(wish->memory_mb, settings->max_memory_mb, settings->max_memory_mb_limit,
                  "memoryMb", &out->memory_mb, fault) &&
           choose(wish->cpu_percent, settings->max_cpu_percent, settings->max_cpu_percent_limit,
                  "cpuPercent", &out->cpu_percent, fault) &&
           choose(wish->timeout_ms, settings->execution_timeout_ms,
                  settings->execution_timeout_ms_limit, "timeoutMs", &out->timeout_ms, fault) &&
           choose(wish->pids, settings->max_pids, settings->max_pids_limit, "pids", &out->pids,
                  fault) &&
           choose(wish->open_files, settings->max_open_files, settings->max_open_files_limit,
                  "openFiles", &out->open_files, fault) &&
           choose(wish->file_mb, settings->max_file_mb, settings->max_file_mb_limit, "fileMb",
                  &out->file_mb, fault) &&
           choose(wish->disk_mb, settings->max_disk_mb, settings->max_disk_mb_limit, "diskMb",
                  &out->disk_mb, fault) &&
           choose(wish->max_files, settings->max_files, settings->max_files_limit, "maxFiles",
                  &out->files, fault) &&
           bound_files(out);
}
