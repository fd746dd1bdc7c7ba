/* test_actor.c - the steered actor. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/bus/test_actor.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "bus/built_in.h"
#include "bus/clock.h"

void test_await(sem_t *semaphore)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SOON_MS / 1000;
    while (sem_timedwait(semaphore, &until) != 0)
        assert_int_equal(errno, EINTR);
}

static bool probe(struct call *call, const void *request, void *reply, struct fault *fault)
{
    struct test_actor *self = call_self(call);

    (void)request;
    (void)reply;
    (void)fault;
    atomic_fetch_add(&self->probes, 1);
    return true;
}

static bool list(struct call *call, const void *request_, void *reply_, struct fault *fault)
{
    const struct list_request *request = request_;
    struct list_reply *reply = reply_;

    (void)fault;
    reply->apps.at = arena_take(call_arena(call), 1);
    reply->total = request->limit;
    return true;
}

static bool checkpoint(struct call *call, const void *request, void *reply_, struct fault *fault)
{
    static const char zeros[32];
    struct checkpoint *reply = reply_;

    (void)call;
    (void)request;
    (void)fault;
    reply->root = reply->chain = (struct text){zeros, sizeof zeros};
    reply->at = 1;
    return true;
}

static bool fail_with_details(struct call *call, struct fault *fault)
{
    static const struct violation details[] = {
        {.path = {"files", 5}, .location = {"body", 4}, .msg = {"too odd", 7}},
    };
    static const struct log_line log[] = {
        {.seq = 1, .at = 1, .stream = {"stderr", 6}, .line = {"boom", 4}},
    };
    struct failure *failure = arena_take(call_arena(call), sizeof *failure);

    assert_non_null(failure);
    failure->details.at = details;
    failure->details.count = 1;
    failure->log.at = log;
    failure->log.count = 1;
    call_attach(call, failure);
    fault_set(fault, FAULT_start_failed, "it fell over");
    return fault_retry_after(fault, 1234);
}

static void hold(struct test_actor *self)
{
    sem_post(&self->entered);
    while (sem_wait(&self->gate) != 0)
        continue;
}

static bool ask_audit(struct call *call, struct infer_reply *reply, struct fault *fault)
{
    struct audit_list_request request = {.limit = 50};
    struct audit_list_reply said;

    if (!call_ask(call, &method_audit_list, &request, &said, fault))
        return false;
    reply->confidence = (double)said.next / 100;
    return true;
}

static bool infer(struct call *call, const void *request_, void *reply_, struct fault *fault)
{
    const struct infer_request *request = request_;
    struct infer_reply *reply = reply_;

    reply->suggestions.at = arena_take(call_arena(call), 1);
    if (text_is(request->action, "\xa4" "fail"))
        return fail_with_details(call, fault);
    if (text_is(request->action, "\xa4" "user"))
        return fault_set(fault, FAULT_conflict, "%s%s", call_user(call),
                         call_is_admin(call) ? " (admin)" : "");
    if (text_is(request->action, "\xa3" "ask"))
        return ask_audit(call, reply, fault);
    if (text_is(request->action, "\xa4" "wait"))
        hold(call_self(call));
    return true;
}

static bool delete(struct call *call, const void *request_, void *reply, struct fault *fault)
{
    const struct app_ref *request = request_;

    (void)reply;
    (void)fault;
    if (text_is(request->app_id, "wait"))
        hold(call_self(call));
    call_progress(call, "stopping", NULL);
    call_progress(call, "removing", "all of it");
    return true;
}

/* As the actor `audit`. */
static bool audit_list(struct call *call, const void *request, void *reply_, struct fault *fault)
{
    struct audit_list_reply *reply = reply_;

    (void)request;
    (void)fault;
    reply->entries.at = arena_take(call_arena(call), 1);
    reply->next = strcmp(call_user(call), "ada") == 0 ? 42 : 7;
    return true;
}

static const struct actor_method rows[] = {
    {&method_store_probe, probe},       {&method_store_list, list},
    {&method_audit_checkpoint, checkpoint}, {&method_planner_infer, infer},
    {&method_apps_delete, delete},      {&method_audit_list, audit_list},
};

static void started(struct call *call, void *self_)
{
    struct test_actor *self = self_;

    snprintf(self->instance, sizeof self->instance, "%s", call_instance(call));
    sem_post(&self->started);
}

static void tick(struct call *call, void *self_)
{
    struct test_actor *self = self_;

    (void)call;
    sem_post(&self->ticked);
}

static void stopping(void *self_)
{
    struct test_actor *self = self_;

    atomic_fetch_add(&self->stops, 1);
}

static void *run(void *self_)
{
    struct test_actor *self = self_;
    struct fault fault = {0};

    self->served = actor_run(&self->actor, &self->bus, &fault);
    if (!self->served)
        fprintf(stderr, "actor_run: %s\n", fault.reason);
    return NULL;
}

void test_actor_begin(struct test_actor *self, const char *name, const struct bus_settings *bus,
                      uint32_t work_threads)
{
    memset(self, 0, sizeof *self);
    self->bus = *bus;
    self->actor = (struct actor){
        .name = name, .is_of_node = strcmp(name, "sandbox") == 0, .methods = rows, .method_count = sizeof rows / sizeof *rows, .self = self,
        .threads = {2, work_threads, 1}, .started = started, .stopping = stopping,
        .tick = tick, .tick_ms = 20,
    };
    sem_init(&self->started, 0, 0);
    sem_init(&self->entered, 0, 0);
    sem_init(&self->gate, 0, 0);
    sem_init(&self->ticked, 0, 0);
    assert_int_equal(pthread_create(&self->thread, NULL, run, self), 0);
}

void test_actor_await_started(struct test_actor *self)
{
    test_await(&self->started);
}

void test_actor_drain(struct test_actor *self)
{
    struct fault fault = {0};
    struct bus_client *client = bus_client_new(&self->bus, &fault);
    struct ask ask = test_ask(&method_isekai_drain, self->instance, SOON_MS);
    struct arena *arena = arena_new(65536);
    struct nothing nothing = {0};

    assert_non_null(client);
    if (!bus_client_ask(client, &ask, &nothing, arena, &nothing, &fault))
        fail_msg("drain: %s: %s", fault_name(fault.kind), fault.reason);
    arena_free(arena);
    bus_client_free(client);
}

void test_actor_join(struct test_actor *self)
{
    assert_int_equal(pthread_join(self->thread, NULL), 0);
    assert_true(self->served);
    assert_int_equal(self->stops, 1);
    sem_destroy(&self->started);
    sem_destroy(&self->entered);
    sem_destroy(&self->gate);
    sem_destroy(&self->ticked);
}

struct ask test_ask(const struct method *method, const char *service, uint32_t within_ms)
{
    return (struct ask){
        .method = method, .service = service, .deadline_ms = clock_now_ms() + within_ms,
        .request_id = "test-1",
    };
}

struct text test_action(struct arena *arena, const char *action)
{
    return arena_print(arena, "%c%s", (char)(0xa0 + strlen(action)), action);
}

bool test_infer(struct bus_client *client, const char *action, uint32_t within_ms,
                struct arena *arena, struct infer_reply *reply, struct fault *fault)
{
    struct ask ask = test_ask(&method_planner_infer, "store.work", within_ms);
    struct infer_request request = {.action = test_action(arena, action)};

    return bus_client_ask(client, &ask, &request, arena, reply, fault);
}
