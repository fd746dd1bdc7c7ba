/* broker_mdp_test - what goes over the wire between clients, broker and workers of both versions.
 *
 * Method: raw sockets send the frames that rfc.zeromq.org 7 and 18 write down, and every frame
 * that comes back is compared.
 */
#include "tests/bus/mdp_peers.h"

#include <string.h>

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

static void test_guide_client_and_worker(void **state)
{
    void *client = peer_req(&bed), *worker = worker_01(&bed, T("echo"));
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC01"), T("echo"), T("Hello"), T("world"));
    hear_command(worker, &heard);
    assert_int_equal(heard.count, 7);
    assert_frame(&heard, 0, T(""));
    assert_frame(&heard, 1, T("MDPW01"));
    assert_frame(&heard, 2, T("\2"));
    assert_frame(&heard, 4, T(""));
    assert_frame(&heard, 5, T("Hello"));
    assert_frame(&heard, 6, T("world"));
    answer_01(worker, &heard, T("good day"));
    heard_drop(&heard);
    hear(client, &heard);
    assert_int_equal(heard.count, 3);
    assert_frame(&heard, 0, T("MDPC01"));
    assert_frame(&heard, 1, T("echo"));
    assert_frame(&heard, 2, T("good day"));
    heard_drop(&heard);
    peer_close(client);
    peer_close(worker);
}

static void test_02_client_and_worker_with_partials(void **state)
{
    void *client = peer_dealer(&bed), *worker = worker_02(&bed, T("echo"), (struct text){NULL, 0});
    struct heard request, heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), T("Hello"));
    hear_command(worker, &request);
    assert_int_equal(request.count, 5);
    assert_frame(&request, 0, T("MDPW02"));
    assert_frame(&request, 1, T("\2"));
    assert_frame(&request, 3, T(""));
    assert_frame(&request, 4, T("Hello"));
    SAY(worker, T("MDPW02"), T("\3"), heard_frame(&request, REQUEST_ADDRESS), T(""), T("half"));
    answer_02(worker, &request, T("whole"));
    heard_drop(&request);
    hear(client, &heard);
    assert_int_equal(heard.count, 4);
    assert_frame(&heard, 0, T("MDPC02"));
    assert_frame(&heard, 1, T("\2"));
    assert_frame(&heard, 2, T("echo"));
    assert_frame(&heard, 3, T("half"));
    heard_drop(&heard);
    hear(client, &heard);
    assert_frame(&heard, 1, T("\3"));
    assert_frame(&heard, 3, T("whole"));
    heard_drop(&heard);
    peer_close(client);
    peer_close(worker);
}

static void test_01_client_and_02_worker(void **state)
{
    void *client = peer_req(&bed), *worker = worker_02(&bed, T("echo"), (struct text){NULL, 0});
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC01"), T("echo"), T("Hello"));
    hear_command(worker, &heard);
    assert_frame(&heard, 0, T("MDPW02"));
    assert_frame(&heard, REQUEST_BODY, T("Hello"));
    SAY(worker, T("MDPW02"), T("\3"), heard_frame(&heard, REQUEST_ADDRESS), T(""), T("half"));
    answer_02(worker, &heard, T("whole"));
    heard_drop(&heard);
    hear(client, &heard);               /* a PARTIAL is nothing that 0.1 knows */
    assert_frame(&heard, 2, T("whole"));
    heard_drop(&heard);
    peer_close(client);
    peer_close(worker);
}

static void test_02_client_and_01_worker(void **state)
{
    void *client = peer_dealer(&bed), *worker = worker_01(&bed, T("echo"));
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), T("Hello"));
    hear_command(worker, &heard);
    assert_frame(&heard, 1, T("MDPW01"));
    answer_01(worker, &heard, T("good day"));
    heard_drop(&heard);
    hear(client, &heard);
    assert_frame(&heard, 0, T("MDPC02"));
    assert_frame(&heard, 1, T("\3"));
    assert_frame(&heard, FINAL_BODY, T("good day"));
    heard_drop(&heard);
    peer_close(client);
    peer_close(worker);
}

/* The Guide's asynchronous client is a DEALER that sends the empty frame itself. */
static void test_dealer_with_delimiter(void **state)
{
    void *client = peer_dealer(&bed), *worker = worker_01(&bed, T("echo"));
    struct heard heard;

    (void)state;
    SAY(client, T(""), T("MDPC01"), T("echo"), T("Hello"));
    hear_command(worker, &heard);
    answer_01(worker, &heard, T("good day"));
    heard_drop(&heard);
    hear(client, &heard);
    assert_int_equal(heard.count, 4);
    assert_frame(&heard, 0, T(""));
    assert_frame(&heard, 1, T("MDPC01"));
    assert_frame(&heard, 3, T("good day"));
    heard_drop(&heard);
    peer_close(client);
    peer_close(worker);
}

static void assert_mmi(void *client, struct text name, struct text body, struct text status)
{
    struct heard heard;

    SAY(client, T("MDPC01"), name, body);
    hear(client, &heard);
    assert_frame(&heard, 1, name);
    assert_frame(&heard, 2, status);
    heard_drop(&heard);
}

static void test_mmi(void **state)
{
    void *client = peer_req(&bed), *asker = peer_dealer(&bed);
    struct heard request;

    (void)state;
    assert_mmi(client, T("mmi.service"), T("echo"), T("404"));
    void *worker = worker_02(&bed, T("echo"), (struct text){NULL, 0});
    SAY(asker, T("MDPC02"), T("\1"), T("echo"), T("Hello"));
    hear_command(worker, &request);
    assert_mmi(client, T("mmi.service"), T("echo"), T("200"));      /* busy counts */
    assert_mmi(client, T("mmi.service"), T("broker"), T("200"));
    assert_mmi(client, T("mmi.discover"), T("echo"), T("501"));
    assert_mmi(client, T("mmi."), T("echo"), T("501"));
    heard_drop(&request);
    peer_close(client);
    peer_close(asker);
    peer_close(worker);
}

/* Four requests of one client lie in one worker's hands at once, and each answer finds its own. */
static void test_credit(void **state)
{
    void *client = peer_dealer(&bed), *worker = worker_02(&bed, T("echo"),
        T("\x82\xa6" "credit\x03\xa8" "contract\x01"));
    struct heard requests[3], heard;

    (void)state;
    for (char i = 'a'; i < 'f'; i++)
        SAY(client, T("MDPC02"), T("\1"), T("echo"), ((struct text){&i, 1}));
    for (int i = 0; i < 3; i++)
        hear_command(worker, &requests[i]);
    settle(client);
    assert_int_equal(bed_count(&bed, "echo"), 3);   /* the fourth waits for credit */
    for (int i = 2; i >= 0; i--) {                  /* answered the other way round */
        struct text body = heard_frame(&requests[i], requests[i].count - 1);
        assert_int_equal(*body.at, 'a' + i);
        answer_02(worker, &requests[i], body);
        hear(client, &heard);
        assert_frame(&heard, FINAL_BODY, body);
        heard_drop(&heard);
        heard_drop(&requests[i]);
    }
    hear_command(worker, &heard);
    assert_int_equal(*heard_frame(&heard, heard.count - 1).at, 'd');
    heard_drop(&heard);
    peer_close(client);
    peer_close(worker);
}

static void read_header(const struct heard *request, struct arena *arena, struct header *out)
{
    struct fault fault = {0};

    if (!header_read(heard_frame(request, REQUEST_BODY), arena, out, &fault))
        fail_msg("%s", fault.reason);
}

static void assert_local(const struct header *header)
{
    assert_non_null(header->caller);
    assert_true(text_is(header->caller->name, "local"));
    assert_true(text_is(header->caller->role, "admin"));
    assert_true(text_is(header->caller->via, "ipc"));
    assert_int_equal(header->caller->scopes.count, 1);
    assert_true(text_is(header->caller->scopes.at[0], "act_for"));
}

static void test_a_worker_of_ours_gets_a_header(void **state)
{
    void *client = peer_dealer(&bed), *worker = worker_02(&bed, T("echo"), OURS_16);
    struct arena *arena = arena_new(65536);
    struct header header;
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x07"));
    hear_command(worker, &heard);
    assert_int_equal(heard.count, 6);
    read_header(&heard, arena, &header);
    assert_local(&header);
    assert_int_equal(header.time_left_ms, 30000);
    assert_frame(&heard, 5, ASK("\x07"));
    heard_drop(&heard);
    arena_free(arena);
    peer_close(client);
    peer_close(worker);
}

/* A client cannot say who it is; and what it waited is taken off its time. */
static void test_header_is_rewritten(void **state)
{
    void *client = peer_dealer(&bed);
    struct arena *arena = arena_new(65536);
    struct header header;
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"),
        T("\x85\xa9" "requestId\xa3" "r-1" "\xa6" "caller\x83\xa4name\xa4root\xa4role\xa5" "admin"
          "\xa3via\xa5" "curve" "\xaa" "timeLeftMs\xcd\x27\x10" "\xa6" "future\x93\x01\x02\x03"
          "\xa9" "principal\x82\xa4user\xa3" "ann\xa4role\xa4user"),
        ASK("\x07"));
    settle(client);
    bed_advance_ms(&bed, 4000);
    void *worker = worker_02(&bed, T("echo"), OURS_16);
    hear_command(worker, &heard);
    assert_int_equal(heard.count, 6);
    read_header(&heard, arena, &header);
    assert_local(&header);
    assert_int_equal(header.time_left_ms, 6000);
    assert_true(text_is(header.request_id, "r-1"));
    assert_non_null(header.principal);
    assert_true(text_is(header.principal->user, "ann"));
    heard_drop(&heard);
    arena_free(arena);
    peer_close(client);
    peer_close(worker);
}

static void test_a_foreign_worker_gets_the_frames_untouched(void **state)
{
    void *client = peer_dealer(&bed), *worker = worker_02(&bed, T("echo"), (struct text){NULL, 0});
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), T("\x81\xa6" "caller\xc0"), ASK("\x07"));
    hear_command(worker, &heard);
    assert_int_equal(heard.count, 6);
    assert_frame(&heard, 4, T("\x81\xa6" "caller\xc0"));
    assert_frame(&heard, 5, ASK("\x07"));
    heard_drop(&heard);
    peer_close(client);
    peer_close(worker);
}

/* What is no header stays where it was, behind the broker's own: the actor refuses it. */
static void test_what_is_no_header_is_not_repaired(void **state)
{
    void *client = peer_dealer(&bed), *worker = worker_02(&bed, T("echo"), OURS_16);
    struct arena *arena = arena_new(65536);
    struct header header;
    struct heard heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), T("\x82\xa6" "caller"), ASK("\x07"));
    hear_command(worker, &heard);
    assert_int_equal(heard.count, 7);
    read_header(&heard, arena, &header);
    assert_local(&header);
    assert_frame(&heard, 5, T("\x82\xa6" "caller"));
    heard_drop(&heard);
    arena_free(arena);
    peer_close(client);
    peer_close(worker);
}

static void test_ten_thousand_through(void **state)
{
    enum { REQUESTS = 10000, UNDER_WAY = 100 };
    void *client = peer_dealer(&bed), *worker = worker_02(&bed, T("echo"), OURS_16);
    struct heard heard;
    uint32_t sent = 0, got = 0;

    (void)state;
    while (got < REQUESTS) {
        for (; sent < REQUESTS && sent < got + UNDER_WAY; sent++)
            SAY(client, T("MDPC02"), T("\1"), T("echo"),
                ((struct text){(char *)&sent, sizeof sent}));
        zmq_pollitem_t items[] = {{worker, 0, ZMQ_POLLIN, 0}, {client, 0, ZMQ_POLLIN, 0}};
        assert_true(zmq_poll(items, 2, 10000) > 0);
        if (items[0].revents) {
            hear(worker, &heard);
            if (heard.count > REQUEST_BODY)
                answer_02(worker, &heard, heard_frame(&heard, REQUEST_BODY + 1));
            heard_drop(&heard);
        }
        if (items[1].revents) {
            hear(client, &heard);
            assert_frame(&heard, FINAL_BODY, (struct text){(char *)&got, sizeof got});
            heard_drop(&heard);
            got++;
        }
    }
    assert_int_equal(bed_count(&bed, "broker.answered"), REQUESTS);
    assert_int_equal(bed_count(&bed, "broker.undelivered"), 0);
    peer_close(client);
    peer_close(worker);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_guide_client_and_worker),
        TEST(test_02_client_and_worker_with_partials),
        TEST(test_01_client_and_02_worker),
        TEST(test_02_client_and_01_worker),
        TEST(test_dealer_with_delimiter),
        TEST(test_mmi),
        TEST(test_credit),
        TEST(test_a_worker_of_ours_gets_a_header),
        TEST(test_header_is_rewritten),
        TEST(test_a_foreign_worker_gets_the_frames_untouched),
        TEST(test_what_is_no_header_is_not_repaired),
        TEST(test_ten_thousand_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
