/* broker_death_test - workers that fall silent, leave, freeze or die, and what becomes of the
 * requests in their hands.
 *
 * Method: a worker dies by the end of its connection, or as a process that is stopped. Waiting
 * is for the event, never for a time.
 */
#include "tests/bus/mdp_peers.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

extern char **environ;

static struct bed bed;

static int begin(void **state)
{
    (void)state;
    bed_begin(&bed, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    bed_end(&bed);
    return 0;
}

static void hear_failure(void *client, uint32_t msgid, const char *name)
{
    struct heard heard;

    hear(client, &heard);
    assert_frame(&heard, 1, T("\3"));
    (void) assert_failure(&heard, FINAL_BODY, msgid, name);
    heard_drop(&heard);
}

/* ---- heartbeats ---- */

static void test_a_silent_idle_worker_is_removed(void **state)
{
    void *worker = worker_02(&bed, T("echo"), OURS_1);
    struct heard heard;

    (void)state;
    bed_await_service(&bed, T("echo"), true);
    bed_advance_ms(&bed, 5000);
    assert_true(bed_serves(&bed, T("echo")));
    bed_advance_ms(&bed, 5000);
    assert_false(bed_serves(&bed, T("echo")));
    SAY(worker, T("MDPW02"), T("\5"));      /* it lives after all: told to begin anew */
    hear_command(worker, &heard);
    assert_int_equal(heard.count, 2);
    assert_frame(&heard, 1, T("\6"));
    heard_drop(&heard);
    peer_close(worker);
}

/* Until the broker has read one message more than our own questions. */
static void await_one_more(uint64_t before)
{
    for (uint64_t asked = 1; bed_count(&bed, "broker.received") < before + asked + 1; asked++)
        assert_true(asked < 10000);
}

static void test_heartbeats_keep_it(void **state)
{
    void *worker = worker_01(&bed, T("echo"));

    (void)state;
    bed_await_service(&bed, T("echo"), true);
    for (int i = 0; i < 4; i++) {
        bed_advance_ms(&bed, 4000);
        uint64_t before = bed_count(&bed, "broker.received");
        SAY(worker, T(""), T("MDPW01"), T("\4"));
        await_one_more(before);
    }
    assert_true(bed_serves(&bed, T("echo")));
    peer_close(worker);
}

static void hear_beat(void *worker, uint32_t at, struct text protocol, struct text command)
{
    struct heard heard;

    hear(worker, &heard);
    assert_int_equal(heard.count, at + 2);
    assert_frame(&heard, at, protocol);
    assert_frame(&heard, at + 1, command);
    heard_drop(&heard);
}

static void test_idle_and_busy_workers_get_heartbeats(void **state)
{
    void *idle = worker_01(&bed, T("idle"));
    void *busy = worker_02(&bed, T("busy"), (struct text){NULL, 0});
    void *client = peer_dealer(&bed);
    struct heard held;

    (void)state;
    bed_await_service(&bed, T("idle"), true);
    SAY(client, T("MDPC02"), T("\1"), T("busy"), ASK("\x01"));
    hear_command(busy, &held);
    for (int i = 0; i < 2; i++) {
        bed_advance_ms(&bed, 2500);
        hear_beat(idle, 1, T("MDPW01"), T("\4"));
        hear_beat(busy, 0, T("MDPW02"), T("\5"));
    }
    heard_drop(&held);
    peer_close(idle);
    peer_close(busy);
    peer_close(client);
}

/* A Guide-style worker has one thread: while it works it cannot beat. */
static void test_a_silent_busy_worker_stays(void **state)
{
    void *worker = worker_01(&bed, T("echo")), *client = peer_dealer(&bed);
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x01"));
    hear_command(worker, &heard);
    for (int i = 0; i < 4; i++)
        bed_advance_ms(&bed, 5000);
    assert_true(bed_serves(&bed, T("echo")));
    answer_01(worker, &heard, T("at last"));
    heard_drop(&heard);
    hear(client, &heard);
    assert_frame(&heard, FINAL_BODY, T("at last"));
    heard_drop(&heard);
    peer_close(worker);
    peer_close(client);
}

/* ---- the end of a connection ---- */

static void test_an_idle_worker_that_closes_is_gone(void **state)
{
    void *worker = worker_02(&bed, T("echo"), OURS_16);

    (void)state;
    bed_await_service(&bed, T("echo"), true);
    peer_close(worker);
    bed_await_service(&bed, T("echo"), false);
}

static void test_its_request_ends_unavailable(void **state)
{
    void *worker = worker_02(&bed, T("echo"), OURS_16), *client = peer_dealer(&bed);
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x05"));
    hear_command(worker, &heard);
    heard_drop(&heard);
    peer_close(worker);
    hear_failure(client, 5, "unavailable");
    peer_close(client);
}

#define RETRY T("\x82\xa5" "retry\xc3\xaatimeLeftMs\xcd\x27\x10")

static void test_one_that_may_is_sent_again(void **state)
{
    void *client = peer_dealer(&bed);
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), RETRY, ASK("\x05"));
    for (int i = 0; i < 2; i++) {
        void *worker = worker_02(&bed, T("echo"), OURS_16);
        hear_command(worker, &heard);
        assert_frame(&heard, 5, ASK("\x05"));
        heard_drop(&heard);
        peer_close(worker);
    }
    void *worker = worker_02(&bed, T("echo"), OURS_16);
    hear_command(worker, &heard);
    assert_frame(&heard, 5, ASK("\x05"));
    answer_02(worker, &heard, T("third time lucky"));
    heard_drop(&heard);
    hear(client, &heard);
    assert_frame(&heard, FINAL_BODY, T("third time lucky"));
    heard_drop(&heard);
    assert_int_equal(bed_count(&bed, "broker.resent"), 2);
    peer_close(worker);
    peer_close(client);
}

static void test_but_not_for_ever(void **state)
{
    void *client = peer_dealer(&bed);
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), RETRY, ASK("\x05"));
    for (int i = 0; i < 3; i++) {
        void *worker = worker_02(&bed, T("echo"), OURS_16);
        hear_command(worker, &heard);
        heard_drop(&heard);
        peer_close(worker);
    }
    hear_failure(client, 5, "unavailable");
    peer_close(client);
}

static void test_and_not_after_a_partial(void **state)
{
    void *worker = worker_02(&bed, T("echo"), OURS_16), *client = peer_dealer(&bed);
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), RETRY, ASK("\x05"));
    hear_command(worker, &heard);
    SAY(worker, T("MDPW02"), T("\3"), heard_frame(&heard, REQUEST_ADDRESS), T(""), T("half"));
    heard_drop(&heard);
    hear(client, &heard);
    assert_frame(&heard, FINAL_BODY, T("half"));
    heard_drop(&heard);
    peer_close(worker);
    hear_failure(client, 5, "unavailable");
    peer_close(client);
}

/* The other worker of the service gets what the dead one held, in the old order. */
static void test_the_living_take_over(void **state)
{
    void *dying = worker_02(&bed, T("echo"), OURS_16), *client = peer_dealer(&bed);
    struct heard heard;

    (void)state;
    for (char i = 1; i < 4; i++) {
        char body[] = "\x94\x00?\xa8" "echo.say\x91\x80";
        body[2] = i;
        SAY(client, T("MDPC02"), T("\1"), T("echo"), RETRY, ((struct text){body, sizeof body - 1}));
        hear_command(dying, &heard);
        heard_drop(&heard);
    }
    void *living = worker_02(&bed, T("echo"), OURS_16);
    bed_await_service(&bed, T("echo"), true);
    peer_close(dying);
    for (char i = 1; i < 4; i++) {
        hear_command(living, &heard);
        assert_int_equal(heard_frame(&heard, 5).at[2], i);
        answer_02(living, &heard, T("done"));
        heard_drop(&heard);
        hear(client, &heard);
        heard_drop(&heard);
    }
    peer_close(living);
    peer_close(client);
}

/* ---- leaving ---- */

static void test_a_plain_worker_leaves(void **state)
{
    void *worker = worker_02(&bed, T("echo"), (struct text){NULL, 0}), *client = peer_dealer(&bed);
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x05"));
    hear_command(worker, &heard);
    SAY(worker, T("MDPW02"), T("\6"));
    hear_failure(client, 5, "unavailable");
    assert_false(bed_serves(&bed, T("echo")));
    heard_drop(&heard);
    peer_close(worker);
    peer_close(client);
}

/* A worker of ours drains: no more requests, but what it holds still counts. */
static void test_one_of_ours_drains(void **state)
{
    void *worker = worker_02(&bed, T("echo"), OURS_16), *client = peer_dealer(&bed);
    struct heard held, heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x05"));
    hear_command(worker, &held);
    SAY(worker, T("MDPW02"), T("\6"));
    bed_await_service(&bed, T("echo"), false);
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x06"));
    settle(client);
    answer_02(worker, &held, T("the last one"));
    hear(client, &heard);
    assert_frame(&heard, FINAL_BODY, T("the last one"));
    heard_drop(&heard);
    void *next = worker_02(&bed, T("echo"), OURS_16);
    hear_command(next, &heard);             /* the sixth went to nobody in between */
    assert_frame(&heard, 5, ASK("\x06"));
    heard_drop(&heard);
    heard_drop(&held);
    peer_close(worker);
    peer_close(next);
    peer_close(client);
}

/* ---- a process that freezes: only the heartbeats below MDP can tell ---- */

static int freeze_as_worker(const char *endpoint)
{
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
    const struct text frames[] = {T("MDPW02"), T("\1"), T("echo"), OURS_16, {NULL, 0}};
    struct heard heard;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (zmq_connect(socket, endpoint) < 0)
        return 1;
    say_frames(socket, frames);
    hear_command(socket, &heard);
    raise(SIGSTOP);
    return 1;
}

static void test_a_frozen_worker_is_found_out(void **state)
{
    struct broker_options options;
    struct heard heard;
    pid_t pid;

    (void)state;
    bed_end(&bed);
    bed_options(&options);
    options.heartbeat_ms = 100;
    options.silence_ms = 300;
    bed_begin(&bed, &options);
    char *argv[] = {"frozen", bed.endpoint, NULL};
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    void *client = peer_dealer(&bed);
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x05"));
    hear(client, &heard);
    (void) assert_failure(&heard, FINAL_BODY, 5, "unavailable");
    heard_drop(&heard);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    peer_close(client);
}

/* ---- the broker itself ends ---- */

static void test_the_broker_says_good_bye(void **state)
{
    void *worker = worker_02(&bed, T("echo"), OURS_1), *client = peer_dealer(&bed);
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x01"));
    hear_command(worker, &heard);
    heard_drop(&heard);
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x02"));
    SAY(client, T("MDPC02"), T("\1"), T("nobody"), ASK("\x03"));
    settle(client);
    broker_stop(bed.broker);
    hear_failure(client, 1, "unavailable");
    hear_failure(client, 2, "unavailable");
    hear_failure(client, 3, "unavailable");
    hear_command(worker, &heard);
    assert_frame(&heard, 1, T("\6"));
    heard_drop(&heard);
    peer_close(worker);
    peer_close(client);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_a_silent_idle_worker_is_removed),
        TEST(test_heartbeats_keep_it),
        TEST(test_idle_and_busy_workers_get_heartbeats),
        TEST(test_a_silent_busy_worker_stays),
        TEST(test_an_idle_worker_that_closes_is_gone),
        TEST(test_its_request_ends_unavailable),
        TEST(test_one_that_may_is_sent_again),
        TEST(test_but_not_for_ever),
        TEST(test_and_not_after_a_partial),
        TEST(test_the_living_take_over),
        TEST(test_a_plain_worker_leaves),
        TEST(test_one_of_ours_drains),
        TEST(test_a_frozen_worker_is_found_out),
        TEST(test_the_broker_says_good_bye),
    };

    if (argc == 2)
        return freeze_as_worker(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
