/* broker_hostile_test - peers that break the protocol, on purpose or by accident.
 *
 * Method: say what no peer should; then the broker must still answer a decent client, nobody
 * else's request may be touched, and every octet of memory must be accounted for (ASan).
 */
#include "tests/bus/mdp_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct bed bed;

static int begin(void **state)
{
    struct broker_options options;

    (void)state;
    bed_options(&options);
    options.message_bytes_max = 200000;
    bed_begin(&bed, &options);
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

static void hear_disconnect(void *worker)
{
    struct heard heard;

    hear_command(worker, &heard);
    assert_int_equal(heard.count, 2);
    assert_frame(&heard, 0, T("MDPW02"));
    assert_frame(&heard, 1, T("\6"));
    heard_drop(&heard);
}

/* ---- clients ---- */

static void test_what_is_no_mdp_is_dropped(void **state)
{
    void *client = peer_dealer(&bed);

    (void)state;
    SAY(client, T(""));
    SAY(client, T(""), T(""));
    SAY(client, T("garbage"));
    SAY(client, T("MDPC03"), T("\1"), T("echo"), T("x"));
    SAY(client, T("MDPC0"), T("\1"), T("echo"), T("x"));
    SAY(client, T("XDPC02"), T("\1"), T("echo"), T("x"));
    SAY(client, T("MDPC02"));
    SAY(client, T("MDPC02"), T(""));
    SAY(client, T("MDPC02"), T("\1"));
    SAY(client, T("MDPC02"), T("\2"), T("echo"), T("x"));
    SAY(client, T("MDPC02"), T("\1\1"), T("echo"), T("x"));
    settle(client);
    assert_int_equal(bed_count(&bed, "broker.broken"), 11);
    peer_close(client);
}

static void test_a_peer_keeps_its_version_and_its_side(void **state)
{
    void *client = peer_dealer(&bed);

    (void)state;
    settle(client);
    SAY(client, T(""), T("MDPC01"), T("mmi.service"), T("x"));
    SAY(client, T("MDPW02"), T("\1"), T("echo"));
    settle(client);
    assert_int_equal(bed_count(&bed, "broker.broken"), 2);
    assert_false(bed_serves(&bed, T("echo")));
    peer_close(client);
}

static void test_bad_requests_are_told_why(void **state)
{
    char name[200], large[150000] = {0};
    void *client = peer_dealer(&bed);

    (void)state;
    memset(name, 'n', sizeof name);
    SAY(client, T("MDPC02"), T("\1"), T("echo"));
    hear_failure(client, 0, "malformed");
    SAY(client, T("MDPC02"), T("\1"), T(""), ASK("\x01"));
    hear_failure(client, 0, "malformed");
    SAY(client, T("MDPC02"), T("\1"), ((struct text){name, sizeof name}), ASK("\x01"));
    hear_failure(client, 0, "malformed");
    SAY(client, T("MDPC02"), T("\1"), T("a\nb"), ASK("\x01"));
    hear_failure(client, 0, "malformed");
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ((struct text){large, sizeof large}),
        ((struct text){large, sizeof large}));
    hear_failure(client, 0, "too_large");
    struct text frames[60];
    for (int i = 0; i < 59; i++)
        frames[i] = i == 0 ? T("MDPC02") : i == 1 ? T("\1") : i == 2 ? T("echo") : T("x");
    frames[59] = (struct text){NULL, 0};
    say_frames(client, frames);
    hear_failure(client, 0, "too_large");
    peer_close(client);
}

/* A frame over the bound: libzmq cuts the connection; others notice nothing. */
static void test_a_huge_frame_cuts_its_own_connection_only(void **state)
{
    static char huge[300000];
    void *client = peer_dealer(&bed), *other = peer_dealer(&bed);

    (void)state;
    settle(other);
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ((struct text){huge, sizeof huge}));
    settle(other);
    peer_close(client);
    peer_close(other);
}

static void test_the_broker_answers_for_itself_only_what_it_knows(void **state)
{
    void *client = peer_dealer(&bed);

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("broker"), T("\x94\x00\x09\xa4none\x91\x80"));
    hear_failure(client, 9, "no_such_method");
    SAY(client, T("MDPC02"), T("\1"), T("broker"), T("\xc1"));
    hear_failure(client, 0, "broken_msgpack");
    SAY(client, T("MDPC02"), T("\1"), T("broker"), T("\x94\x01\x09\xc0\xc0"));
    hear_failure(client, 0, "broken_msgpack");
    SAY(client, T("MDPC02"), T("\1"), T("broker"),
        T("\x94\x00\x09\xac" "isekai.stats\x91\x81\xa1x\x01"));
    hear_failure(client, 9, "malformed");
    peer_close(client);
}

/* ---- workers ---- */

static void test_ready_that_is_refused(void **state)
{
    static const struct { struct text name, words; } rows[] = {
        {T("mmi.service"), {NULL, 0}},
        {T("mmi.anything"), {NULL, 0}},
        {T("broker"), {NULL, 0}},
        {T(""), {NULL, 0}},
        {T("bad\x01name"), {NULL, 0}},
        {T("echo"), T("")},
        {T("echo"), T("garbage")},
        {T("echo"), T("\x81\xa6" "credit\x00")},
        {T("echo"), T("\x81\xa6" "credit\xcd\x04\x01")},
        {T("echo"), T("\x81\xa6" "credit\xa1x")},
        {T("echo"), T("\x82\xa6" "credit\x01\xa8" "contract\xc0")},
        {T("echo"), T("\x81\xa6" "credit\x01 and more")},
        {T("echo"), T("\xdf\xff\xff\xff\xff")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *worker = worker_02(&bed, rows[i].name, rows[i].words);
        hear_disconnect(worker);
        peer_close(worker);
    }
    assert_false(bed_serves(&bed, T("echo")));
    assert_int_equal(bed_count(&bed, "broker.registered"), 0);
}

static void test_words_out_of_turn(void **state)
{
    void *stranger = peer_dealer(&bed), *worker = worker_02(&bed, T("echo"), OURS_1);
    void *numb = worker_02(&bed, T("numb"), OURS_1);

    (void)state;
    SAY(stranger, T("MDPW02"), T("\5"));
    hear_disconnect(stranger);
    SAY(stranger, T("MDPW02"), T("\4"), T("12345678"), T(""), T("x"));
    hear_disconnect(stranger);
    SAY(stranger, T("MDPW02"), T("\1"));
    hear_disconnect(stranger);
    SAY(worker, T("MDPW02"), T("\1"), T("echo"));       /* READY again */
    hear_disconnect(worker);
    SAY(numb, T("MDPW02"), T("\2"), T("echo"));         /* REQUEST is ours to say */
    hear_disconnect(numb);
    assert_false(bed_serves(&bed, T("echo")));
    assert_false(bed_serves(&bed, T("numb")));
    peer_close(stranger);
    peer_close(worker);
    peer_close(numb);
}

/* Only the worker that holds a request may answer it, whatever another one knows. */
static void test_a_stolen_address_is_worth_nothing(void **state)
{
    void *worker = worker_02(&bed, T("echo"), OURS_16), *client = peer_dealer(&bed);
    void *thief = worker_02(&bed, T("other"), OURS_16);
    struct heard request, heard;

    (void)state;
    SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x05"));
    hear_command(worker, &request);
    answer_02(thief, &request, T("forged"));
    SAY(thief, T("MDPW02"), T("\3"), heard_frame(&request, REQUEST_ADDRESS), T(""), T("forged"));
    SAY(thief, T("MDPW02"), T("\4"), T("\xff\xff\xff\xff\x01\0\0\0"), T(""), T("forged"));
    SAY(thief, T("MDPW02"), T("\4"), T("abc"), T(""), T("forged"));
    for (int tries = 0; bed_count(&bed, "broker.stray") < 4; tries++)
        assert_true(tries < 10000);
    answer_02(worker, &request, T("true"));
    hear(client, &heard);
    assert_frame(&heard, FINAL_BODY, T("true"));
    heard_drop(&heard);
    answer_02(worker, &request, T("again"));            /* one answer, not two */
    for (int tries = 0; bed_count(&bed, "broker.stray") < 5; tries++)
        assert_true(tries < 10000);
    settle(client);
    heard_drop(&request);
    peer_close(worker);
    peer_close(thief);
    peer_close(client);
}

static void test_a_broken_answer_ends_its_worker(void **state)
{
    static const struct text none = {NULL, 0};

    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        void *worker = worker_02(&bed, T("echo"), OURS_16), *client = peer_dealer(&bed);
        struct heard request;
        SAY(client, T("MDPC02"), T("\1"), T("echo"), ASK("\x05"));
        hear_command(worker, &request);
        struct text address = heard_frame(&request, REQUEST_ADDRESS);
        SAY(worker, T("MDPW02"), T("\4"), kind == 0 ? none : address,
            kind == 1 ? none : kind == 2 ? T("not empty") : T(""), T("x"));
        hear_disconnect(worker);
        hear_failure(client, 5, "unavailable");
        heard_drop(&request);
        peer_close(worker);
        peer_close(client);
    }
}

/* Two thousand messages made of true and false parts, in every order. */
static void test_random_frames(void **state)
{
    static const struct text parts[] = {
        T("MDPC01"), T("MDPC02"), T("MDPW01"), T("MDPW02"), T(""), T("\1"), T("\2"), T("\3"),
        T("\4"), T("\5"), T("\6"), T("echo"), T("mmi.service"), T("broker"), OURS_1, OURS_16,
        ASK("\x01"), T("\x81\xa5" "retry\xc3"), T("\x94\x00\x01\xab" "isekai.ping\x91\x80"),
        T("\x81\xaatimeLeftMs\x00"), T("\xff\xff\xff\xff\xff\xff\xff\xff"), T("\0\0\0\0\1\0\0\0"),
    };
    enum { PARTS = sizeof parts / sizeof *parts, MESSAGES = 2000, PEERS = 8 };
    void *peers[PEERS], *client = peer_dealer(&bed);

    (void)state;
    srand(7);
    for (int p = 0; p < PEERS; p++)
        peers[p] = peer_dealer(&bed);
    for (int i = 0; i < MESSAGES; i++) {
        struct text frames[9];
        int count = 1 + rand() % 8;
        for (int f = 0; f < count; f++)
            frames[f] = parts[f == 0 ? rand() % 5 : rand() % PARTS];
        frames[count] = (struct text){NULL, 0};
        say_frames(peers[rand() % PEERS], frames);
        if (i % 100 == 0)
            bed_advance_ms(&bed, 997);
    }
    settle(client);
    for (int p = 0; p < PEERS; p++)
        peer_close(peers[p]);
    peer_close(client);
}

/* ---- endpoints ---- */

static void assert_refused(const char *endpoint, enum fault_kind kind, const char *part)
{
    struct broker_options options;
    struct fault fault = {0};

    bed_options(&options);
    options.endpoint = endpoint;
    assert_null(broker_new(&options, &fault));
    assert_int_equal(fault.kind, kind);
    if (!strstr(fault.reason, part))
        fail_msg("'%s' lacks '%s'", fault.reason, part);
}

static void test_endpoints_that_are_refused(void **state)
{
    char longest[200] = "ipc:///tmp/";

    (void)state;
    memset(longest + 11, 'x', 150);
    assert_refused("tcp://127.0.0.1:5555", FAULT_malformed, "CURVE");
    assert_refused("ipc://relative", FAULT_malformed, "absolute");
    assert_refused("ipc://@abstract", FAULT_malformed, "absolute");
    assert_refused("inproc://x", FAULT_malformed, "ipc://");
    assert_refused("ipc:///tmp/a,ipc:///tmp/b", FAULT_malformed, "one endpoint");
    assert_refused(longest, FAULT_malformed, "too long");
    assert_refused("ipc:///nonexistent/broker", FAULT_internal, "/nonexistent/broker");
}

static void test_one_broker_for_an_endpoint(void **state)
{
    void *client = peer_dealer(&bed);
    struct stat about;

    (void)state;
    assert_refused(bed.endpoint, FAULT_conflict, "another broker");
    settle(client);         /* and the first one serves on */
    assert_int_equal(stat(bed.endpoint + 6, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0660);
    peer_close(client);
}

/* What kill -9 leaves: a socket file nobody listens on, and a lock file nobody holds. */
static void test_a_dead_broker_is_no_hindrance(void **state)
{
    char directory[] = "/tmp/isekai-mdp-XXXXXX", endpoint[96], lock[104];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct broker_options options;
    struct fault fault = {0};

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(endpoint, sizeof endpoint, "ipc://%s/broker", directory);
    snprintf(lock, sizeof lock, "%s/broker.lock", directory);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/broker", directory);
    int left = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(left, (struct sockaddr *)&address, sizeof address), 0);
    close(left);
    FILE *file = fopen(lock, "w");
    assert_non_null(file);
    fclose(file);
    bed_options(&options);
    options.endpoint = endpoint;
    struct broker *broker = broker_new(&options, &fault);
    assert_non_null(broker);
    broker_free(broker);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_no_mdp_is_dropped),
        TEST(test_a_peer_keeps_its_version_and_its_side),
        TEST(test_bad_requests_are_told_why),
        TEST(test_a_huge_frame_cuts_its_own_connection_only),
        TEST(test_the_broker_answers_for_itself_only_what_it_knows),
        TEST(test_ready_that_is_refused),
        TEST(test_words_out_of_turn),
        TEST(test_a_stolen_address_is_worth_nothing),
        TEST(test_a_broken_answer_ends_its_worker),
        TEST(test_random_frames),
        cmocka_unit_test(test_endpoints_that_are_refused),
        TEST(test_one_broker_for_an_endpoint),
        cmocka_unit_test(test_a_dead_broker_is_no_hindrance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
