/* relay_test - the relay of isekai-init between real sockets, with a clock the test owns.
 *
 * Method: clients on a UNIX socket, an app on a loopback port, and the relay driven turn by turn.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "actors/sandbox/init/relay.h"

enum { TURNS_MAX = 20000, HOLD_MS = 1000 };

static int epoll, unix_listener, app_listener;
static struct sockaddr_un unix_address;
static struct sockaddr_in app_address;
static struct relay *relay;
static int64_t now;

/* A port that is taken but does not listen yet, so that nobody else can listen on it. */
static void bind_app(void)
{
    socklen_t size = sizeof app_address;

    app_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    app_address = (struct sockaddr_in){.sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(app_listener, (struct sockaddr *)&app_address, sizeof app_address), 0);
    assert_int_equal(getsockname(app_listener, (struct sockaddr *)&app_address, &size), 0);
}

static int make(void **state)
{
    socklen_t size = sizeof unix_address;
    sa_family_t family = AF_UNIX;

    (void) state;
    now = 1000;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    unix_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Bound with the family alone the kernel picks an abstract name. */
    assert_int_equal(bind(unix_listener, (struct sockaddr *)&family, sizeof family), 0);
    assert_int_equal(listen(unix_listener, 2000), 0);
    assert_int_equal(getsockname(unix_listener, (struct sockaddr *)&unix_address, &size), 0);
    bind_app();
    relay = relay_new(epoll, HOLD_MS);
    assert_non_null(relay);
    relay_serve(relay, unix_listener, ntohs(app_address.sin_port));
    return 0;
}

static int drop(void **state)
{
    (void) state;
    relay_free(relay);
    (void) close(epoll);
    (void) close(app_listener);
    return 0;
}

/* One turn of the loop; waits at most `ms` of real time for an event. */
static void turn(int ms)
{
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, 64, ms);

    for (int i = 0; i < count; i++)
        relay_handle(relay, events[i].data.ptr, events[i].events, now);
    relay_tick(relay, now);
}

static int client(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    /* An abstract name's length counts; the kernel gave five digits behind the NUL. */
    assert_int_equal(connect(fd, (struct sockaddr *)&unix_address, sizeof(sa_family_t) + 6), 0);
    return fd;
}

static int app_side(void)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        int fd = accept4(app_listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        turn(1);
        now++;
    }
    fail();
    return -1;
}

static void listen_app(void)
{
    assert_int_equal(listen(app_listener, 1000), 0);
}

/* Read until `size` octets or the end came; -1 for a broken connection. */
static ssize_t read_some(int fd, char *out, size_t size)
{
    size_t at = 0;

    for (int i = 0; i < TURNS_MAX && at < size; i++) {
        ssize_t more = recv(fd, out + at, size - at, MSG_DONTWAIT);
        if (more == 0)
            break;
        if (more < 0 && errno != EAGAIN)
            return -1;
        if (more > 0)
            at += (size_t)more;
        else
            turn(1);
    }
    return (ssize_t)at;
}

static void expect(int fd, const char *text)
{
    char got[256];

    assert_int_equal(read_some(fd, got, strlen(text)), strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

static void expect_end(int fd)
{
    char octet;

    for (int i = 0; i < TURNS_MAX; i++) {
        if (recv(fd, &octet, 1, MSG_DONTWAIT) == 0)
            return;
        turn(1);
    }
    fail_msg("no end of file");
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void test_both_ways(void **state)
{
    (void) state;
    listen_app();
    int c = client(), a = app_side();
    say(c, "question");
    expect(a, "question");
    assert_false(relay_is_answered(relay));
    say(a, "answer");
    expect(c, "answer");
    assert_true(relay_is_answered(relay));
    assert_int_equal(relay_octets(relay), 14);
    (void) close(a);
    expect_end(c);
    (void) close(c);
    for (int i = 0; i < TURNS_MAX && !relay_is_idle(relay); i++)
        turn(1);
    assert_true(relay_is_idle(relay));
}

/* An end of file in one direction leaves the other open. */
static void test_half_close(void **state)
{
    (void) state;
    listen_app();
    int c = client(), a = app_side();
    say(c, "all I have");
    assert_int_equal(shutdown(c, SHUT_WR), 0);
    expect(a, "all I have");
    expect_end(a);
    say(a, "thank you");
    expect(c, "thank you");
    assert_false(relay_is_idle(relay));
    (void) close(a);
    expect_end(c);
    (void) close(c);
    turn(1);
    turn(1);
    assert_true(relay_is_idle(relay));
}

static void test_held_until_it_listens(void **state)
{
    (void) state;
    int c1 = client(), c2 = client();
    say(c1, "early");
    for (int i = 0; i < 20; i++) {
        turn(1);
        now += 30;
    }
    assert_false(relay_is_idle(relay));
    listen_app();
    now += RELAY_RETRY_LAST_MS;
    int a1 = app_side(), a2 = app_side();       /* one found out for both */
    expect(a1, "early");
    (void) close(a1);
    (void) close(a2);
    (void) close(c1);
    (void) close(c2);
}

static void test_held_no_longer_than_said(void **state)
{
    (void) state;
    int c = client();
    turn(1);
    now += HOLD_MS - 1;
    turn(1);
    assert_false(relay_is_idle(relay));
    now += 1;
    turn(1);
    expect_end(c);
    turn(1);
    assert_true(relay_is_idle(relay));
    (void) close(c);
}

/* When it tries again, from now: a try is under way until the kernel has refused it. */
static int64_t pause_after_a_try(void)
{
    for (int tries = 0; tries < TURNS_MAX && relay_next_ms(relay) - now > 50; tries++)
        turn(1);
    return relay_next_ms(relay) - now;
}

static void test_retries_slow_down(void **state)
{
    static const struct { int64_t waited_ms, pause_ms; } rows[] = {
        {2, 1}, {60, 1}, {96, 3}, {352, 11}, {832, 25}, {900, 25},
    };

    (void) state;
    int c = client();
    turn(1);
    assert_in_range(pause_after_a_try(), 0, 1);
    int64_t began = now;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        now = began + rows[i].waited_ms;
        turn(0);
        int64_t pause = pause_after_a_try();
        assert_in_range(pause, rows[i].pause_ms - 1, rows[i].pause_ms + 1);
    }
    (void) close(c);
}

/* Neither side can make the relay keep more than its bound: writing stops. */
static void test_slow_reader_stops_the_writer(void **state)
{
    static char piece[65536];
    size_t sent = 0;
    int idle = 0;

    (void) state;
    listen_app();
    int c = client(), a = app_side();
    while (idle < 50 && sent < 64u << 20) {
        ssize_t size = send(c, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += size > 0 ? (size_t)size : 0;
        idle = size > 0 ? 0 : idle + 1;
        turn(0);
    }
    assert_true(sent < 32u << 20);
    /* And it goes on where it stopped, with nothing lost. */
    assert_int_equal(shutdown(c, SHUT_WR), 0);
    size_t got = 0;
    for (int i = 0; i < TURNS_MAX; i++) {
        ssize_t size = recv(a, piece, sizeof piece, MSG_DONTWAIT);
        if (size == 0)
            break;
        got += size > 0 ? (size_t)size : 0;
        turn(0);
    }
    assert_int_equal(got, sent);
    (void) close(a);
    (void) close(c);
}

/* An app may refuse a body before it has come whole: it answers, and closes with octets unread,
 * which breaks the connection. The answer arrives, and the client need not send the rest. */
static void test_an_answer_before_the_whole_request(void **state)
{
    static char piece[65536];
    ssize_t sent = 0;

    (void) state;
    listen_app();
    int c = client(), a = app_side();
    for (int i = 0; i < 200; i++) {
        (void) !send(c, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL);
        turn(0);
    }
    say(a, "413");
    (void) close(a);
    for (int i = 0; i < TURNS_MAX && (sent >= 0 || errno == EAGAIN); i++) {
        sent = send(c, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL);
        turn(0);
    }
    assert_true(sent < 0 && errno != EAGAIN);
    expect(c, "413");
    expect_end(c);
    for (int i = 0; i < TURNS_MAX && !relay_is_idle(relay); i++)
        turn(1);
    assert_true(relay_is_idle(relay));
    (void) close(c);
}

/* The same with an answer that has left the app, of which the client has read nothing yet. */
static void test_a_long_answer_of_an_app_that_hung_up(void **state)
{
    static char answer[400000];
    int unsent = 0;

    (void) state;
    listen_app();
    int c = client(), a = app_side();
    say(c, "never read");
    assert_int_equal(send(a, answer, sizeof answer, MSG_NOSIGNAL), sizeof answer);
    for (int i = 0; i < 50; i++)
        turn(1);
    assert_int_equal(ioctl(a, SIOCOUTQ, &unsent), 0);
    ssize_t left_it = (ssize_t)sizeof answer - unsent;
    (void) close(a);
    for (int i = 0; i < 50; i++)
        turn(0);
    assert_false(relay_is_idle(relay));
    assert_int_equal(read_some(c, answer, sizeof answer), left_it);
    (void) close(c);
}

static void test_client_that_vanishes(void **state)
{
    char octet;

    (void) state;
    listen_app();
    int c = client(), a = app_side();
    say(c, "x");
    expect(a, "x");
    (void) close(c);
    expect_end(a);
    say(a, "nobody");
    for (int i = 0; i < TURNS_MAX && !relay_is_idle(relay); i++)
        turn(1);
    assert_true(relay_is_idle(relay));
    assert_true(recv(a, &octet, 1, MSG_DONTWAIT) <= 0);
    (void) close(a);
}

/* Further ones wait in the backlog and come in when others have left. */
static void test_places_are_bounded(void **state)
{
    static int clients[RELAY_CONNECTIONS_MAX + 10], apps[RELAY_CONNECTIONS_MAX + 10];

    (void) state;
    listen_app();
    for (int i = 0; i < RELAY_CONNECTIONS_MAX + 10; i++)
        clients[i] = client();
    for (int i = 0; i < RELAY_CONNECTIONS_MAX; i++)
        apps[i] = app_side();
    for (int i = 0; i < 50; i++)
        turn(0);
    assert_int_equal(accept4(app_listener, NULL, NULL, SOCK_CLOEXEC), -1);
    for (int i = 0; i < 10; i++) {
        (void) close(clients[i]);
        (void) close(apps[i]);
    }
    for (int i = 0; i < 10; i++)
        (void) close(app_side());
    for (int i = 10; i < RELAY_CONNECTIONS_MAX; i++)
        (void) close(apps[i]);
    for (int i = 10; i < RELAY_CONNECTIONS_MAX + 10; i++)
        (void) close(clients[i]);
}

static void test_refusing_leaves_them_in_the_backlog(void **state)
{
    (void) state;
    listen_app();
    relay_refuse_new(relay);
    int c = client();
    for (int i = 0; i < 20; i++)
        turn(0);
    assert_true(relay_is_idle(relay));
    int taken = accept4(unix_listener, NULL, NULL, SOCK_CLOEXEC);   /* as the next init would */
    assert_true(taken >= 0);
    (void) close(taken);
    (void) close(c);
}

/* The app has ended: its last words still arrive, and nobody is waited for. */
static void test_last_words_are_delivered(void **state)
{
    (void) state;
    listen_app();
    int c1 = client(), a = app_side();
    say(c1, "q");
    expect(a, "q");
    say(a, "last words");
    (void) close(a);
    relay_finish(relay);
    expect(c1, "last words");
    expect_end(c1);
    turn(1);
    assert_true(relay_is_idle(relay));
    (void) close(c1);
}

int main(void)
{
#define RELAY(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        RELAY(test_both_ways),
        RELAY(test_half_close),
        RELAY(test_held_until_it_listens),
        RELAY(test_held_no_longer_than_said),
        RELAY(test_retries_slow_down),
        RELAY(test_slow_reader_stops_the_writer),
        RELAY(test_an_answer_before_the_whole_request),
        RELAY(test_a_long_answer_of_an_app_that_hung_up),
        RELAY(test_client_that_vanishes),
        RELAY(test_places_are_bounded),
        RELAY(test_refusing_leaves_them_in_the_backlog),
        RELAY(test_last_words_are_delivered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
