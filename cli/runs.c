/* runs.c - how an app's runs went: a line each, and what its limits did not give. */
#include "cli/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/session.h"
#include "schemas/json.h"

static void print_hit(const char *name, uint64_t count)
{
    if (count > 0)
        printf("    %s %" PRIu64 "\n", name, count);
}

static void print_hits(const struct run_hits *hits)
{
    print_hit("held back for CPU, ms:", hits->cpu_throttled_ms);
    print_hit("processes refused:", hits->pids_refused);
    print_hit("ended for its disk:", hits->disk_refused);
    print_hit("connections out denied:", hits->egress_denied);
    print_hit("octets of log dropped:", hits->log_bytes_dropped);
    for (uint32_t i = 0; i < hits->syscalls_refused.count; i++)
        printf("    %.*s refused: %" PRIu64 "\n", TEXT_ARGS(hits->syscalls_refused.at[i].name),
               hits->syscalls_refused.at[i].count);
}

static void print_end(const struct run_end *end)
{
    char ended[JSON_TIME_SIZE];

    json_time(end->ended_at, ended);
    printf("%s  %s", ended, choice_name(&end_reason_choices, (int)end->reason));
    if (end->reason == end_reason_exit)
        printf(" %" PRIu64, end->exit_code);
    if (end->reason == end_reason_signal)
        printf(" %" PRIu64, end->signal);
    printf("  %.2f s CPU, %" PRIu64 " MB\n", end->cpu_seconds, end->peak_memory_bytes >> 20);
    if (end->hits)
        print_hits(end->hits);
}

int command_runs(int argc, char **argv)
{
    struct session session;
    struct runs_reply reply;
    int code;

    if (!session_open(&session, "ID", "Print how an app's runs went, newest first.", argc, argv,
                      &code))
        return code;
    const struct runs_request request = {.app_id = text_from(session.word), .limit = 20};
    if (session_ask(&session, &method_store_runs, NULL, 5000, &request, &reply)) {
        for (uint32_t i = 0; i < reply.runs.count; i++) {
            const struct run_record *run = &reply.runs.at[i];
            char started[JSON_TIME_SIZE];

            json_time(run->started_at, started);
            printf("v%-3" PRIu64 "  %s  ", run->version, started);
            if (run->end)
                print_end(run->end);
            else
                printf("runs\n");
        }
        code = EXIT_SUCCESS;
    }
    session_close(&session);
    return code;
}
