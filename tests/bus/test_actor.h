/* test_actor.h - an actor with rows of the real contract and handlers that a test steers.
 *
 *   store.probe        quick, internal    nothing
 *   store.list         quick, user        total is the limit asked for
 *   audit.checkpoint   quick, admin
 *   planner.infer      work, user         does what its action says:
 *       "echo"    nothing        "wait"  holds its thread until the gate opens
 *       "fail"    a fault with details    "ask"   asks audit.list, gives its `next` as confidence
 *       "user"    conflict, with call_user() as the reason
 *   apps.delete        long, user, once   tells progress twice; of app "wait" as above
 */
#ifndef ISEKAI_TESTS_BUS_TEST_ACTOR_H
#define ISEKAI_TESTS_BUS_TEST_ACTOR_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "bus/actor.h"
#include "tests/bus/bus_of_test.h"

struct test_actor {
    struct actor actor;
    struct bus_settings bus;
    pthread_t thread;
    sem_t started, entered, gate, ticked;
    _Atomic unsigned probes, stops;
    bool served;                /* what actor_run() gave; read after test_actor_join() */
    char instance[100];         /* the name on the bus; read after started */
};

/* Begin actor_run() on a thread of its own; returns at once. One named sandbox is its host's own. */
void test_actor_begin(struct test_actor *self, const char *name, const struct bus_settings *bus,
                      uint32_t work_threads);
void test_actor_await_started(struct test_actor *self);
void test_actor_drain(struct test_actor *self);         /* asks isekai.drain */
void test_actor_join(struct test_actor *self);          /* drained: forget it */
void test_await(sem_t *semaphore);

/* Ask planner.infer of the test actor with that action. */
bool test_infer(struct bus_client *client, const char *action, uint32_t within_ms,
                struct arena *arena, struct infer_reply *reply, struct fault *fault);
struct ask test_ask(const struct method *method, const char *service, uint32_t within_ms);
struct text test_action(struct arena *arena, const char *action);   /* as MessagePack */

#endif
