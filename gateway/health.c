/* health.c - how every part is, asked each second in the background.
 *
 * A part is ok when it answered its question in time and says so itself. When no broker is there,
 * or none of the parts answers, only the backend is an error: of the others nothing is known.
 */
#include "gateway/health.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "bus/built_in.h"
#include "bus/clock.h"
#include "schemas/json.h"

enum {
    ASK_MS_MAX = 900,
    ROUND_MS = 1000,
    STALE_MS = 3000,            /* an older answer is none */
    PING_ARENA_OCTETS = 65536,
};

enum part_state { PART_UNKNOWN, PART_OK, PART_ERROR };

static const char *const state_names[] = {"unknown", "ok", "error"};

struct question {
    const char *name;
    const struct method *method;
    const char *service;        /* NULL: the method's */
};

/* In the order of the document. Each service name answers a ping; the planner has only the one of
 * its work lane. */
static const struct question questions[] = {
    {"backend",  &method_isekai_ping, "apps"},
    {"database", &method_store_probe, NULL},
    {"planner",  &method_isekai_ping, "planner.work"},
    {"sandbox",  &method_isekai_ping, "sandbox"},
    {"audit",    &method_isekai_ping, "audit"},
};
enum { PARTS = sizeof questions / sizeof *questions };

struct part {
    struct health *home;
    const struct question *question;
    pthread_t thread;
    _Atomic int state;
    _Atomic bool has_broker;
    _Atomic int64_t asked_ms;
};

struct health {
    struct pipe *pipe;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool is_stopping;
    uint32_t started;
    struct part parts[PARTS];
};

static bool says_ok(const struct method *method, struct text packed)
{
    struct ping_reply reply;
    struct fault ignored;

    if (method->reply != &ping_reply_message)
        return true;

    struct arena *arena = arena_new(PING_ARENA_OCTETS);
    bool is_ok = arena && message_decode(method->reply, packed, LENIENT, arena, &reply, NULL,
                                         &ignored) && reply.ok;
    arena_free(arena);
    return is_ok;
}

static void ask_part(struct part *part)
{
    static const char empty_map[] = "\x80";
    struct pipe_reply reply = {.owner_ = NULL};
    struct fault fault = {.kind = FAULT_NONE};
    const struct ask ask = {.method = part->question->method,
                            .service = part->question->service,
                            .deadline_ms = clock_now_ms() + ASK_MS_MAX};
    bool answered = pipe_ask(part->home->pipe, &ask, (struct text){empty_map, 1}, &reply, &fault);
    bool is_ok = answered && says_ok(part->question->method, reply.result);

    atomic_store(&part->has_broker, fault.kind != FAULT_unavailable);
    atomic_store(&part->state, is_ok ? PART_OK : PART_ERROR);
    atomic_store(&part->asked_ms, clock_now_ms());
    pipe_reply_free(&reply);
}

static struct timespec round_end(void)
{
    int64_t end_ms = clock_now_ms() + ROUND_MS;

    return (struct timespec){.tv_sec = end_ms / 1000, .tv_nsec = end_ms % 1000 * 1000000};
}

static void *part_run(void *argument)
{
    struct part *part = argument;
    struct health *self = part->home;

    pthread_mutex_lock(&self->lock);
    while (!self->is_stopping) {
        pthread_mutex_unlock(&self->lock);
        ask_part(part);
        struct timespec end = round_end();
        pthread_mutex_lock(&self->lock);
        if (!self->is_stopping)
            (void) pthread_cond_timedwait(&self->stop, &self->lock, &end);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

struct health *health_new(struct pipe *pipe, struct fault *fault)
{
    struct health *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for health");
        return NULL;
    }
    self->pipe = pipe;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (; self->started < PARTS; self->started++) {
        struct part *part = &self->parts[self->started];

        part->home = self;
        part->question = &questions[self->started];
        if (pthread_create(&part->thread, NULL, part_run, part) != 0) {
            (void) fault_set(fault, FAULT_internal, "no thread for health");
            health_free(self);
            return NULL;
        }
    }
    return self;
}

void health_free(struct health *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->is_stopping = true;
    pthread_cond_broadcast(&self->stop);
    pthread_mutex_unlock(&self->lock);
    for (uint32_t i = 0; i < self->started; i++)
        pthread_join(self->parts[i].thread, NULL);
    pthread_cond_destroy(&self->stop);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static void read_states(struct health *self, enum part_state states[PARTS])
{
    int64_t now_ms = clock_now_ms();
    bool any_answers = false, any_broker = false;

    for (int i = 0; i < PARTS; i++) {
        struct part *part = &self->parts[i];
        bool is_fresh = now_ms - atomic_load(&part->asked_ms) < STALE_MS;

        states[i] = is_fresh ? (enum part_state)atomic_load(&part->state) : PART_UNKNOWN;
        any_answers = any_answers || states[i] == PART_OK;
        any_broker = any_broker || (is_fresh && atomic_load(&part->has_broker));
    }
    if (any_answers && any_broker)
        return;
    for (int i = 0; i < PARTS; i++)
        states[i] = i == 0 ? PART_ERROR : PART_UNKNOWN;
}

bool health_print(struct health *self, char out[HEALTH_JSON_SIZE])
{
    enum part_state states[PARTS];
    char now[JSON_TIME_SIZE];
    bool all_ok = true;
    int size;

    read_states(self, states);
    for (int i = 0; i < PARTS; i++)
        all_ok = all_ok && states[i] == PART_OK;
    json_time(clock_wall_ms(), now);
    size = snprintf(out, HEALTH_JSON_SIZE, "{\"status\":\"%s\",\"services\":{",
                    all_ok ? "ok" : "degraded");
    for (int i = 0; i < PARTS; i++)
        size += snprintf(out + size, HEALTH_JSON_SIZE - (size_t)size, "%s\"%s\":\"%s\"",
                         i > 0 ? "," : "", questions[i].name, state_names[states[i]]);
    (void) snprintf(out + size, HEALTH_JSON_SIZE - (size_t)size, "},\"timestamp\":\"%s\"}", now);
    return all_ok;
}
