/* metrics.c - what this process counts, and the page that says it.
 *
 * Source: Prometheus text exposition format 0.0.4.
 */
#include "gateway/metrics.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bus/built_in.h"
#include "bus/clock.h"
#include "gateway/pipeline.h"

enum {
    ROW_NONE = ROUTES_MAX,      /* no route, or broken HTTP */
    ROW_PREVIEW,
    ROWS,
    CLASSES = 5,                /* 1xx..5xx */
    BOUNDS = 9,
    SANDBOX_ASK_MS = 900,
    SANDBOX_ASKS_MAX = 4,       /* at once, so that few wait for a dead one; pages beyond do without */
    SANDBOX_ARENA_OCTETS = 65536,
};

/* Upper bounds of the histogram, in microseconds. */
static const int64_t bounds_us[BOUNDS] = {1000,   5000,    20000,   100000,  500000,
                                          2000000, 10000000, 60000000, 300000000};

static _Atomic uint64_t requests[ROWS][CLASSES];
static _Atomic uint64_t below[ROWS][BOUNDS + 1];
static _Atomic uint64_t sum_us[ROWS];
static _Atomic uint64_t refusals[FAULT_KINDS];
struct metric_bound metric_previews, metric_followers, metric_listeners;
static struct metric_bound sandbox_asks;

bool metric_enter(struct metric_bound *bound, int32_t most)
{
    if (atomic_fetch_add(&bound->now, 1) < most)
        return true;
    metric_leave(bound);
    return false;
}

void metric_leave(struct metric_bound *bound)
{
    atomic_fetch_sub(&bound->now, 1);
}

static int row_of(const struct exchange *exchange)
{
    if (exchange->is_preview)
        return ROW_PREVIEW;
    return exchange->route ? (int)(exchange->route - routes) : ROW_NONE;
}

void metrics_count_request(const struct exchange *exchange, const struct fault *fault)
{
    int row = row_of(exchange), class = exchange->answer.status / 100 - 1, bound = 0;
    int64_t took_us = clock_now_us() - exchange->began_us;

    if (class >= 0 && class < CLASSES)
        atomic_fetch_add(&requests[row][class], 1);
    while (bound < BOUNDS && took_us > bounds_us[bound])
        bound++;
    atomic_fetch_add(&below[row][bound], 1);
    atomic_fetch_add(&sum_us[row], (uint64_t)took_us);
    if (fault->kind != FAULT_NONE)
        atomic_fetch_add(&refusals[fault->kind], 1);
}

static void print_row_labels(int row, FILE *out)
{
    if (row == ROW_PREVIEW)
        fprintf(out, "route=\"preview\",verb=\"any\"");
    else if (row == ROW_NONE)
        fprintf(out, "route=\"none\",verb=\"any\"");
    else
        fprintf(out, "route=\"%s\",verb=\"%s\"", routes[row].path, verb_name(routes[row].verb));
}

static bool has_row(int row)
{
    return row < (int)route_count || row >= ROW_NONE;
}

static void print_requests(const char *name, FILE *out)
{
    for (int row = 0; row < ROWS; row++) {
        for (int class = 0; class < CLASSES; class++) {
            uint64_t count = atomic_load(&requests[row][class]);

            if (count == 0)
                continue;
            fprintf(out, "%s{", name);
            print_row_labels(row, out);
            fprintf(out, ",status=\"%dxx\"} %" PRIu64 "\n", class + 1, count);
        }
    }
}

static void print_histogram(const char *name, int row, FILE *out)
{
    uint64_t total = 0;

    for (int bound = 0; bound <= BOUNDS; bound++) {
        total += atomic_load(&below[row][bound]);
        fprintf(out, "%s_bucket{", name);
        print_row_labels(row, out);
        if (bound < BOUNDS)
            fprintf(out, ",le=\"%g\"} %" PRIu64 "\n", (double)bounds_us[bound] / 1e6, total);
        else
            fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n", total);
    }
    fprintf(out, "%s_sum{", name);
    print_row_labels(row, out);
    fprintf(out, "} %.6f\n%s_count{", (double)atomic_load(&sum_us[row]) / 1e6, name);
    print_row_labels(row, out);
    fprintf(out, "} %" PRIu64 "\n", total);
}

static void print_seconds(const char *name, FILE *out)
{
    for (int row = 0; row < ROWS; row++)
        if (has_row(row))
            print_histogram(name, row, out);
}

static void print_refusals(const char *name, FILE *out)
{
    for (int kind = 1; kind < FAULT_KINDS; kind++)
        fprintf(out, "%s{fault=\"%s\"} %" PRIu64 "\n", name, fault_name((enum fault_kind)kind),
                atomic_load(&refusals[kind]));
}

/* ---- what a sandbox counts ---- */

static bool ask_sandbox(struct gateway *gateway, struct arena *arena, struct stats_reply *out)
{
    static const char empty_map[] = "\x80";
    struct pipe_reply reply = {.owner_ = NULL};
    struct fault ignored;
    const struct ask ask = {.method = &method_isekai_stats, .service = "sandbox",
                            .deadline_ms = clock_now_ms() + SANDBOX_ASK_MS};
    bool is_told = pipe_ask(gateway->pipe, &ask, (struct text){empty_map, 1}, &reply, &ignored);

    /* The texts stay in the reply: copied, for it goes. */
    is_told = is_told && message_decode(&stats_reply_message, arena_text(arena, reply.result),
                                        LENIENT, arena, out, NULL, &ignored);
    pipe_reply_free(&reply);
    return is_told;
}

/* Of counter "runs_ended.oom" the row isekai_sandbox_runs_ended_total has a line kind="oom". */
static void print_sandbox(const struct stats_reply *stats, const char *name, FILE *out)
{
    static const char before[] = "isekai_sandbox_", after[] = "_total";
    const char *part = name + sizeof before - 1, *total = strstr(part, after);
    size_t size = total ? (size_t)(total - part) : strlen(part);

    for (uint32_t i = 0; i < stats->counters.count; i++) {
        const struct count_of *counter = &stats->counters.at[i];
        if (counter->name.size <= size + 1 || memcmp(counter->name.at, part, size) != 0 ||
            counter->name.at[size] != '.')
            continue;
        fprintf(out, "%s{instance=\"%.*s\",kind=\"%.*s\"} %" PRIu64 "\n", name,
                TEXT_ARGS(stats->instance), (int)(counter->name.size - size - 1),
                counter->name.at + size + 1, counter->count);
    }
}

static void print_one(struct gateway *gateway, const char *name, FILE *out)
{
    int64_t value = 0;

    if (strcmp(name, "isekai_http_connections") == 0)
        value = http_server_connections(gateway->server);
    else if (strcmp(name, "isekai_http_body_octets") == 0)
        value = atomic_load(&gateway->body_octets);
    else if (strcmp(name, "isekai_previews_under_way") == 0)
        value = atomic_load(&metric_previews.now);
    else if (strcmp(name, "isekai_log_followers") == 0)
        value = atomic_load(&metric_followers.now);
    else if (strcmp(name, "isekai_preview_listeners") == 0)
        value = atomic_load(&metric_listeners.now);
    fprintf(out, "%s %" PRId64 "\n", name, value);
}

void metrics_print(struct gateway *gateway, FILE *out)
{
    struct arena *arena = arena_new(SANDBOX_ARENA_OCTETS);
    struct stats_reply stats = {.counters.count = 0};

    if (arena && metric_enter(&sandbox_asks, SANDBOX_ASKS_MAX)) {
        if (!ask_sandbox(gateway, arena, &stats))
            stats.counters.count = 0;
        metric_leave(&sandbox_asks);
    }
#define PRINT_sandbox(name) print_sandbox(&stats, #name, out);
#define PRINT_requests(name) print_requests(#name, out);
#define PRINT_seconds(name) print_seconds(#name, out);
#define PRINT_refusals(name) print_refusals(#name, out);
#define PRINT_one(name) print_one(gateway, #name, out);
#define METRIC(name, type, labels, help)                                    \
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", #name, help, #name, #type); \
    PRINT_##labels(name)
#include "gateway/metrics.def"
    arena_free(arena);
}
