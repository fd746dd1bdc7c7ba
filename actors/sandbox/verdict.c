/* verdict.c - why a run ended, from what was seen of it; see verdict.h. */
#include "actors/sandbox/verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* V8 aborts when its heap is full, which is less than the cgroup allows. */
static bool is_out_of_memory(const struct end_facts *facts)
{
    uint64_t limit = facts->limits->memory_mb << 20;

    if (facts->oom_kills > 0)
        return true;
    return facts->exited && WIFSIGNALED(facts->status) && WTERMSIG(facts->status) == SIGABRT &&
           facts->memory_peak_bytes >= limit - limit / 4;
}

static void for_its_disk(const struct end_facts *facts, struct verdict *out)
{
    out->end.reason = end_reason_signal;
    out->end.signal = SIGKILL;
    if (facts->disk->is_hidden)
        (void) snprintf(out->text, sizeof out->text, "made files that cannot be counted: deeper "
                        "than %d directories, shut to their owner, or held open too often",
                        DISK_DEPTH_MAX);
    else if (facts->disk->entries > facts->limits->files)
        (void) snprintf(out->text, sizeof out->text, "made more than its %" PRIu64 " files and "
                        "directories (config.maxFiles)", facts->limits->files);
    else
        (void) snprintf(out->text, sizeof out->text, "used more disk than its %" PRIu64 " MB "
                        "(config.diskMb)", facts->limits->disk_mb);
}

static void by_itself(const struct end_facts *facts, struct verdict *out)
{
    out->status = app_status_error;
    if (facts->disk) {
        for_its_disk(facts, out);
    } else if (is_out_of_memory(facts)) {
        out->end.reason = end_reason_oom;
        (void) snprintf(out->text, sizeof out->text, "used more memory than its %" PRIu64 " MB",
                        facts->limits->memory_mb);
    } else if (facts->exited && WIFEXITED(facts->status)) {
        out->end.reason = end_reason_exit;
        out->end.exit_code = (uint64_t)WEXITSTATUS(facts->status);
        out->status = out->end.exit_code == 0 ? app_status_stopped : app_status_error;
        (void) snprintf(out->text, sizeof out->text, "exited with code %d",
                        WEXITSTATUS(facts->status));
    } else {
        int signal = facts->exited ? WTERMSIG(facts->status) : SIGKILL;
        const char *name = sigabbrev_np(signal);
        out->end.reason = end_reason_signal;
        out->end.signal = (uint64_t)signal;
        (void) snprintf(out->text, sizeof out->text, "was ended by signal %d (SIG%s)", signal,
                        name ? name : "?");
    }
}

/* The cause of a start that failed is its text; its reason is that it failed. */
static void before_answer(const struct end_facts *facts, struct verdict *out)
{
    char cause[VERDICT_TEXT_SIZE - 30];

    if (!facts->began) {
        out->is_our_failure = true;
        (void) snprintf(out->text, sizeof out->text, "its cage could not be built");
    } else if (facts->asked == end_reason_start_failed) {
        (void) snprintf(out->text, sizeof out->text,
                        "did not answer HTTP on port %u (PORT) within %" PRIu64 " ms", facts->port,
                        facts->limits->start_timeout_ms);
    } else {
        by_itself(facts, out);
        (void) snprintf(cause, sizeof cause, "%.*s", (int)sizeof cause - 1, out->text);
        (void) snprintf(out->text, sizeof out->text, "%s before it answered", cause);
    }
    out->end.reason = end_reason_start_failed;
    out->status = app_status_error;
}

void verdict_of(const struct end_facts *facts, struct verdict *out)
{
    *out = (struct verdict){.end.reason = facts->asked};
    switch (facts->asked) {
    case end_reason_evicted:
        out->status = app_status_sleeping;
        return;
    case end_reason_stopped:
    case end_reason_wall:
        out->status = app_status_stopped;
        return;
    default:
        if (facts->answered)
            by_itself(facts, out);
        else
            before_answer(facts, out);
    }
}
