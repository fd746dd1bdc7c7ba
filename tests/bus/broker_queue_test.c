/* broker_queue_test - what waits: how much of it, whose turn it is, and for how long.
 *
 * Method: a worker with a credit of 1 holds one request, so that all others wait; the broker's
 * clock moves only when a test says so.
 */
#include "tests/bus/mdp_peers.h"

#include <stdlib.h>

static struct bed bed;

static void begin_with(uint64_t messages_max, uint64_t bytes_max, uint64_t caller_max)
{
    struct broker_options options;

    bed_options(&options);
    options.bounds = (struct broker_settings){messages_max, bytes_max, caller_max};
    bed_begin(&bed, &options);
}

static void ask(void *client, struct text service, char msgid, struct text more)
{
    char body[65536 + 32] = "\x94\x00?\xa8" "echo.say\x91\x81\xa1x\xc5";
    size_t head = 18;

    assert_true(more.size <= 65535);
    body[2] = msgid;
    body[head++] = (char)(more.size >> 8);
    body[head++] = (char)more.size;
    memcpy(body + head, more.at, more.size);
    SAY(client, T("MDPC02"), T("\1"), service, ((struct text){body, head + more.size}));
}

/* A worker with a credit of 1, and the request that it holds. */
static void *busy_worker(struct text service, struct heard *held)
{
    void *client = peer_dealer(&bed), *worker = worker_02(&bed, service, OURS_1);

    SAY(client, T("MDPC02"), T("\1"), service,
        T("\x81\xaatimeLeftMs\xce\x05\x00\x00\x00"), T("first"));
    hear_command(worker, held);
    peer_close(client);
    return worker;
}

static uint64_t hear_failure(void *client, uint32_t msgid, const char *name)
{
    struct heard heard;

    hear(client, &heard);
    assert_frame(&heard, 1, T("\3"));
    uint64_t retry_ms = assert_failure(&heard, FINAL_BODY, msgid, name);
    heard_drop(&heard);
    return retry_ms;
}

static void test_messages_of_a_service_are_bounded(void **state)
{
    struct heard held;

    (void)state;
    begin_with(3, 1000000, 1000000);
    void *worker = busy_worker(T("echo"), &held), *client = peer_dealer(&bed);
    for (char i = 1; i <= 4; i++)
        ask(client, T("echo"), i, T(""));
    assert_true(hear_failure(client, 4, "overloaded") > 0);
    settle(client);
    answer_02(worker, &held, T("done"));
    heard_drop(&held);
    hear_command(worker, &held);        /* one is out: there is room again */
    ask(client, T("echo"), 5, T(""));
    settle(client);
    heard_drop(&held);
    peer_close(worker);
    peer_close(client);
    bed_end(&bed);
}

static void test_octets_of_a_service_are_bounded(void **state)
{
    static char large[20000];
    struct heard held;

    (void)state;
    begin_with(1000, 65536, 1000000);
    void *worker = busy_worker(T("echo"), &held);
    void *clients[] = {peer_dealer(&bed), peer_dealer(&bed)};
    for (char i = 1; i <= 3; i++) {
        ask(clients[i % 2], T("echo"), i, ((struct text){large, sizeof large}));
        settle(clients[i % 2]);
    }
    ask(clients[0], T("echo"), 4, ((struct text){large, sizeof large}));
    assert_true(hear_failure(clients[0], 4, "overloaded") > 0);
    ask(clients[0], T("echo"), 5, T("small"));
    settle(clients[0]);
    heard_drop(&held);
    peer_close(worker);
    peer_close(clients[0]);
    peer_close(clients[1]);
    bed_end(&bed);
}

static void test_octets_of_a_caller_are_bounded(void **state)
{
    static char large[40000];
    struct heard held;

    (void)state;
    begin_with(1000, 1000000, 65536);
    void *worker = busy_worker(T("echo"), &held);
    void *greedy = peer_dealer(&bed), *modest = peer_dealer(&bed);
    ask(greedy, T("echo"), 1, ((struct text){large, sizeof large}));
    /* At all services together. */
    ask(greedy, T("other"), 2, ((struct text){large, sizeof large}));
    assert_true(hear_failure(greedy, 2, "overloaded") > 0);
    ask(modest, T("echo"), 3, ((struct text){large, sizeof large}));
    settle(modest);
    heard_drop(&held);
    peer_close(worker);
    peer_close(greedy);
    peer_close(modest);
    bed_end(&bed);
}

static void test_unknown_names_take_no_room_from_known_ones(void **state)
{
    struct text names[] = {T("nobody.a"), T("nobody.b"), T("nobody.c"), T("nobody.d")};
    struct heard held;

    (void)state;
    begin_with(3, 1000000, 1000000);
    void *worker = busy_worker(T("echo"), &held), *client = peer_dealer(&bed);
    for (char i = 1; i <= 4; i++)
        ask(client, names[i - 1], i, T(""));
    (void) hear_failure(client, 4, "overloaded");
    ask(client, names[0], 8, T(""));        /* one that waits already takes as much room */
    (void) hear_failure(client, 8, "overloaded");
    for (char i = 1; i <= 3; i++)
        ask(client, T("echo"), i, T(""));
    settle(client);
    ask(client, T("echo"), 9, T(""));
    (void) hear_failure(client, 9, "overloaded");

    void *late = worker_02(&bed, T("nobody.a"), OURS_1);    /* what waited is served now */
    struct heard heard;
    hear_command(late, &heard);
    heard_drop(&heard);
    ask(client, names[3], 5, T(""));                        /* and has left the common room */
    settle(client);
    heard_drop(&held);
    peer_close(worker);
    peer_close(late);
    peer_close(client);
    bed_end(&bed);
}

/* The last octet of the request that the worker gets next; it is answered. */
static char serve_one(void *worker)
{
    struct heard heard;

    hear_command(worker, &heard);
    struct text body = heard_frame(&heard, heard.count - 1);
    char last = body.at[body.size - 1];
    answer_02(worker, &heard, T("done"));
    heard_drop(&heard);
    return last;
}

static void test_connections_take_turns(void **state)
{
    struct heard held;
    char order[6] = "";

    (void)state;
    begin_with(1000, 1000000, 1000000);
    void *worker = busy_worker(T("echo"), &held);
    void *many = peer_dealer(&bed), *few = peer_dealer(&bed);
    for (int i = 0; i < 4; i++)
        ask(many, T("echo"), 1, T("a"));
    settle(many);
    ask(few, T("echo"), 1, T("b"));
    settle(few);
    answer_02(worker, &held, T("done"));
    for (int i = 0; i < 5; i++)
        order[i] = serve_one(worker);
    assert_string_equal(order, "abaaa");
    heard_drop(&held);
    peer_close(worker);
    peer_close(many);
    peer_close(few);
    bed_end(&bed);
}

static void test_principals_of_one_connection_take_turns(void **state)
{
    struct text ann = T("\x81\xa9" "principal\x82\xa4user\xa3" "ann\xa4role\xa4user");
    struct text ben = T("\x81\xa9" "principal\x82\xa4user\xa3" "ben\xa4role\xa4user");
    struct heard held;
    char order[6] = "";

    (void)state;
    begin_with(1000, 1000000, 1000000);
    void *worker = busy_worker(T("echo"), &held), *gateway = peer_dealer(&bed);
    for (int i = 0; i < 4; i++)
        SAY(gateway, T("MDPC02"), T("\1"), T("echo"), ann, T("a"));
    SAY(gateway, T("MDPC02"), T("\1"), T("echo"), ben, T("b"));
    settle(gateway);
    answer_02(worker, &held, T("done"));
    for (int i = 0; i < 5; i++)
        order[i] = serve_one(worker);
    assert_string_equal(order, "abaaa");
    heard_drop(&held);
    peer_close(worker);
    peer_close(gateway);
    bed_end(&bed);
}

/* ---- time ---- */

static void test_without_worker_it_waits_its_time(void **state)
{
    void *client;

    (void)state;
    begin_with(1000, 1000000, 1000000);
    client = peer_dealer(&bed);
    ask(client, T("nobody"), 3, T(""));
    settle(client);
    bed_advance_ms(&bed, 29000);
    settle(client);                             /* not yet */
    bed_advance_ms(&bed, 1000);
    assert_true(hear_failure(client, 3, "unavailable") > 0);
    peer_close(client);
    bed_end(&bed);
}

static void test_a_worker_in_time_gets_it(void **state)
{
    struct heard heard;

    (void)state;
    begin_with(1000, 1000000, 1000000);
    void *client = peer_dealer(&bed);
    ask(client, T("echo"), 3, T("z"));
    settle(client);
    bed_advance_ms(&bed, 20000);
    void *worker = worker_02(&bed, T("echo"), OURS_1);
    assert_int_equal(serve_one(worker), 'z');
    hear(client, &heard);
    assert_frame(&heard, FINAL_BODY, T("done"));
    heard_drop(&heard);
    peer_close(client);
    peer_close(worker);
    bed_end(&bed);
}

static void ask_within(void *client, struct text time_left, char msgid)
{
    char header[32] = "\x81\xaatimeLeftMs";
    char body[] = "\x94\x00?\xa8" "echo.say\x91\x80";

    memcpy(header + 12, time_left.at, time_left.size);
    body[2] = msgid;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ((struct text){header, 12 + time_left.size}),
        ((struct text){body, sizeof body - 1}));
}

static void test_out_of_time_while_it_waits(void **state)
{
    struct heard held;

    (void)state;
    begin_with(1000, 1000000, 1000000);
    void *worker = busy_worker(T("echo"), &held), *client = peer_dealer(&bed);
    ask_within(client, T("\xcd\x03\xe8"), 4);       /* 1,000 */
    ask_within(client, T("\x00"), 5);
    (void) hear_failure(client, 5, "timed_out");
    bed_advance_ms(&bed, 900);
    SAY(worker, T("MDPW02"), T("\5"));
    settle(client);
    bed_advance_ms(&bed, 200);
    (void) hear_failure(client, 4, "timed_out");
    heard_drop(&held);
    peer_close(worker);
    peer_close(client);
    bed_end(&bed);
}

/* A worker of ours keeps its place; its late answer reaches nobody and gives its credit back. */
static void test_out_of_time_in_the_hands_of_ours(void **state)
{
    struct heard late, heard;

    (void)state;
    begin_with(1000, 1000000, 1000000);
    void *worker = worker_02(&bed, T("echo"), OURS_1), *client = peer_dealer(&bed);
    ask_within(client, T("\xcd\x03\xe8"), 4);
    hear_command(worker, &late);
    bed_advance_ms(&bed, 1100);
    (void) hear_failure(client, 4, "timed_out");
    assert_true(bed_serves(&bed, T("echo")));
    ask_within(client, T("\xcd\x03\xe8"), 6);
    settle(client);
    answer_02(worker, &late, T("late"));
    hear_command(worker, &heard);
    answer_02(worker, &heard, T("in time"));
    heard_drop(&heard);
    hear(client, &heard);
    assert_frame(&heard, FINAL_BODY, T("in time"));
    heard_drop(&heard);
    heard_drop(&late);
    peer_close(worker);
    peer_close(client);
    bed_end(&bed);
}

static void test_out_of_time_in_the_hands_of_a_plain_worker(void **state)
{
    struct heard held, heard;

    (void)state;
    begin_with(1000, 1000000, 1000000);
    void *worker = worker_01(&bed, T("echo")), *client = peer_dealer(&bed);
    ask_within(client, T("\xcd\x03\xe8"), 4);
    hear_command(worker, &held);
    bed_advance_ms(&bed, 1100);
    (void) hear_failure(client, 4, "timed_out");
    hear_command(worker, &heard);
    assert_frame(&heard, 1, T("MDPW01"));
    assert_frame(&heard, 2, T("\5"));               /* DISCONNECT */
    assert_false(bed_serves(&bed, T("echo")));
    heard_drop(&heard);
    heard_drop(&held);
    peer_close(worker);
    peer_close(client);
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_of_a_service_are_bounded),
        cmocka_unit_test(test_octets_of_a_service_are_bounded),
        cmocka_unit_test(test_octets_of_a_caller_are_bounded),
        cmocka_unit_test(test_unknown_names_take_no_room_from_known_ones),
        cmocka_unit_test(test_connections_take_turns),
        cmocka_unit_test(test_principals_of_one_connection_take_turns),
        cmocka_unit_test(test_without_worker_it_waits_its_time),
        cmocka_unit_test(test_a_worker_in_time_gets_it),
        cmocka_unit_test(test_out_of_time_while_it_waits),
        cmocka_unit_test(test_out_of_time_in_the_hands_of_ours),
        cmocka_unit_test(test_out_of_time_in_the_hands_of_a_plain_worker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
