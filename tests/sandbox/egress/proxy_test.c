/* proxy_test - the way out of an app between real sockets: what is granted goes through, nothing else.
 *
 * Method: the proxy in a thread of this process, a server on loopback (which is allowed here), clients
 * on the UNIX socket; the test is the sandbox at the control socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "actors/sandbox/egress/proxy.h"

enum { WAIT_S = 10, CLIENTS = 16, TURNS = 8, PLACES = 24, FLOOD = 64 << 20 };

/* Files that are not there any more. */
static const struct resolver_files exchanged = {.is_on = true, .at = {{.number = 1}}};
static struct proxy *proxy;
static bool is_over;            /* and not by the sandbox's end */
static pthread_t thread;
static int control, proxy_control, listener, server;
static struct sockaddr_un door;
static socklen_t door_size;
static uint16_t port;

static void *run(void *self)
{
    is_over = !proxy_run(self);
    return NULL;
}

static void open_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const struct timeval wait = {WAIT_S, 0};

    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server, 100), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
    port = ntohs(address.sin_port);
}

static void open_door(void)
{
    sa_family_t family = AF_UNIX;

    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&family, sizeof family), 0);
    assert_int_equal(listen(listener, 100), 0);
    door_size = sizeof door;
    assert_int_equal(getsockname(listener, (struct sockaddr *)&door, &door_size), 0);
}

static void begin(int idle_ms, const struct resolver_files *files)
{
    struct proxy_options options = {
        .app_id = "shop", .connections_max = PLACES, .idle_ms = idle_ms, .files = files,
        .hosts = "api.test=127.0.0.1,other.test=127.0.0.1,home.test=10.0.0.1,six.test=::1,bad.test=x y",
    };
    struct fault fault;
    int pair[2];
    const struct timeval wait = {WAIT_S, 0};

    open_server();
    open_door();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    control = pair[0];
    proxy_control = pair[1];
    assert_int_equal(setsockopt(control, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
    assert_true(ranges_read("127.0.0.1/32", &options.allowed, &fault));
    proxy = proxy_new(&options, proxy_control, listener, &fault);
    assert_non_null(proxy);
    assert_int_equal(pthread_create(&thread, NULL, run, proxy), 0);
}

static int make(void **state)
{
    (void) state;
    begin(60000, NULL);
    return 0;
}

static int make_impatient(void **state)
{
    (void) state;
    begin(200, NULL);
    return 0;
}

static int make_outlived(void **state)
{
    (void) state;
    begin(60000, &exchanged);
    return 0;
}

static int drop(void **state)
{
    (void) state;
    if (control >= 0)
        (void) close(control);
    if (proxy) {
        (void) pthread_join(thread, NULL);
        proxy_free(proxy);
    }
    (void) close(proxy_control);
    (void) close(listener);
    (void) close(server);
    return 0;
}

static void grant(const char *host, uint16_t to)
{
    struct egress_grants grants = {.count = host ? 1 : 0};

    if (host)
        (void) snprintf(grants.at[0].host, HOST_SIZE, "%s", host);
    grants.at[0].port = to;
    assert_int_equal(send(control, &grants, sizeof grants, 0), sizeof grants);
}

static int connect_door(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval wait = {WAIT_S, 0};

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0 ||
        connect(fd, (struct sockaddr *)&door, door_size) < 0)
        return -1;
    return fd;
}

/* Who finds no place may be refused, and its connection ended, before it has spoken: the answer tells. */
static int ask(const char *host, uint16_t to)
{
    char head[400];
    int fd = connect_door();
    int size = snprintf(head, sizeof head, "CONNECT %s:%u HTTP/1.1\r\nHost: x\r\n\r\nearly", host, to);

    if (fd >= 0)
        (void) send(fd, head, (size_t)size, MSG_NOSIGNAL);
    return fd;
}

/* All that comes until the other side ends, or `size` octets. */
static size_t take(int fd, char *out, size_t size)
{
    size_t got = 0;
    ssize_t more;

    while (got < size && (more = recv(fd, out + got, size - got, 0)) > 0)
        got += (size_t)more;
    return got;
}

static void expect_answer(int fd, const char *wanted)
{
    char answer[1024] = "";

    (void) take(fd, answer, sizeof answer - 1);
    if (!strstr(answer, wanted))
        fail_msg("'%s' is not in '%s'", wanted, answer);
    (void) close(fd);
}

static void expect_report(const char *host, uint16_t to, enum egress_end end)
{
    struct egress_report report = {.port = 0};

    assert_int_equal(recv(control, &report, sizeof report, 0), sizeof report);
    assert_string_equal(report.host, host);
    assert_int_equal(report.port, to);
    assert_int_equal(report.end, end);
}

static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";

/* A granted connection; its other end in *upstream. */
static int reach(const char *host, int *upstream)
{
    char text[sizeof established] = "";
    int fd = ask(host, port);

    assert_int_equal(take(fd, text, sizeof established - 1), sizeof established - 1);
    assert_string_equal(text, established);
    *upstream = accept(server, NULL, NULL);
    assert_true(*upstream >= 0);
    assert_int_equal(take(*upstream, text, 5), 5);
    assert_memory_equal(text, "early", 5);
    return fd;
}

static void what_is_granted_goes_through(void **state)
{
    char text[8] = "";
    int upstream, fd;

    (void) state;
    grant("*.test", port);
    fd = reach("API.test", &upstream);
    expect_report("api.test", port, EGRESS_CONNECTED);
    assert_int_equal(send(upstream, "down", 4, 0), 4);
    assert_int_equal(take(fd, text, 4), 4);
    assert_memory_equal(text, "down", 4);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);         /* half: the answer still comes */
    assert_int_equal(recv(upstream, text, 1, 0), 0);
    assert_int_equal(send(upstream, "last", 4, 0), 4);
    (void) close(upstream);
    assert_int_equal(take(fd, text, 8), 4);
    assert_memory_equal(text, "last", 4);
    (void) close(fd);
}

static void what_is_not_granted_is_denied_with_what_to_do(void **state)
{
    (void) state;
    grant("api.test", port);
    expect_answer(ask("other.test", port), "X-Egress-Code: EGRESS_DENIED\r\n");
    expect_report("other.test", port, EGRESS_DENIED);
    expect_answer(ask("api.test", 443), "egress to api.test:443 is not granted; grant it with PUT "
                  "/api/apps/shop/egress\n");
    expect_report("api.test", 443, EGRESS_DENIED);
    expect_answer(ask("127.0.0.1", port), "403 Forbidden");     /* another name of the same */
    expect_report("127.0.0.1", port, EGRESS_DENIED);
}

static void a_name_of_a_private_address_is_refused(void **state)
{
    (void) state;
    grant("home.test", port);
    expect_answer(ask("home.test", port), "X-Egress-Code: EGRESS_PRIVATE\r\n");
    expect_report("home.test", port, EGRESS_PRIVATE);
    grant("six.test", port);
    expect_answer(ask("six.test", port), "six.test has no public address");
    expect_report("six.test", port, EGRESS_PRIVATE);
    grant("169.254.169.254", 80);
    expect_answer(ask("169.254.169.254", 80), "X-Egress-Code: EGRESS_PRIVATE\r\n");
    expect_report("169.254.169.254", 80, EGRESS_PRIVATE);
    grant("bad.test", port);
    expect_answer(ask("bad.test", port), "X-Egress-Code: ENOTFOUND\r\n");
    expect_report("bad.test", port, EGRESS_UNRESOLVED);
}

static void who_does_not_listen_is_unreachable(void **state)
{
    (void) state;
    (void) close(server);
    server = -1;
    grant("api.test", port);
    expect_answer(ask("api.test", port), "X-Egress-Code: ECONNREFUSED\r\n");
    expect_report("api.test", port, EGRESS_UNREACHABLE);
}

static void a_grant_taken_back_ends_its_connections(void **state)
{
    char text[8];
    int upstream, fd;

    (void) state;
    grant("api.test", port);
    fd = reach("api.test", &upstream);
    grant(NULL, 0);
    assert_int_equal(recv(fd, text, sizeof text, 0), 0);
    assert_int_equal(recv(upstream, text, sizeof text, 0), 0);
    (void) close(fd);
    (void) close(upstream);
    expect_report("api.test", port, EGRESS_CONNECTED);
    expect_answer(ask("api.test", port), "EGRESS_DENIED");
}

static void broken_heads_are_told(void **state)
{
    int fd = connect_door();

    (void) state;
    grant("api.test", port);
    assert_int_equal(send(fd, "GET http://api.test/ HTTP/1.1\r\n", 31, 0), 31);
    expect_answer(fd, "X-Egress-Code: EGRESS_MALFORMED\r\n");
}

static void connections_are_bounded(void **state)
{
    int fds[PLACES], upstreams[PLACES];

    (void) state;
    grant("api.test", port);
    for (int i = 0; i < PLACES; i++)
        fds[i] = reach("api.test", &upstreams[i]);
    expect_answer(ask("api.test", port), "X-Egress-Code: EGRESS_BUSY\r\n");
    for (int i = 0; i < PLACES; i++) {
        (void) close(fds[i]);
        (void) close(upstreams[i]);
    }
}

static size_t send_until_full(int fd)
{
    static const char octets[65536];
    size_t sent = 0;
    ssize_t more;
    const struct timeval wait = {0, 300000};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait), 0);
    while (sent < FLOOD && (more = send(fd, octets, sizeof octets, MSG_NOSIGNAL)) > 0)
        sent += (size_t)more;
    return sent;
}

static void who_does_not_read_is_not_filled(void **state)
{
    static char octets[65536];
    size_t sent, got = 0;
    ssize_t more;
    int upstream, fd;

    (void) state;
    grant("api.test", port);
    fd = reach("api.test", &upstream);
    sent = send_until_full(fd);
    assert_true(sent < FLOOD);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    while ((more = recv(upstream, octets, sizeof octets, 0)) > 0)
        got += (size_t)more;
    assert_int_equal(got, sent);
    (void) close(fd);
    (void) close(upstream);
}

static void what_does_not_move_ends(void **state)
{
    char text[8];
    int upstream, fd;

    (void) state;
    grant("api.test", port);
    fd = reach("api.test", &upstream);
    assert_int_equal(recv(fd, text, sizeof text, 0), 0);
    assert_int_equal(recv(upstream, text, sizeof text, 0), 0);
    (void) close(fd);
    (void) close(upstream);
}

/* And whoever came is still there for the next. */
static void who_resolves_by_other_files_is_another_proxy(void **state)
{
    int client;

    (void) state;
    grant("api.test", port);
    (void) close(ask("api.test", port));
    (void) pthread_join(thread, NULL);
    proxy_free(proxy);
    proxy = NULL;
    assert_true(is_over);
    client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(client >= 0);
    (void) close(client);
}

static void all_ends_with_the_sandbox(void **state)
{
    char text[8];
    int upstream, fd;

    (void) state;
    grant("api.test", port);
    fd = reach("api.test", &upstream);
    (void) close(control);
    control = -1;
    (void) pthread_join(thread, NULL);
    assert_false(is_over);
    proxy_free(proxy);
    proxy = NULL;
    assert_int_equal(recv(fd, text, sizeof text, 0), 0);
    assert_int_equal(recv(upstream, text, sizeof text, 0), 0);
    (void) close(fd);
    (void) close(upstream);
}

static void *client_thread(void *failures_)
{
    int *failures = failures_;
    char answer[512];

    for (int i = 0; i < TURNS; i++) {
        int fd = ask(i % 2 ? "api.test" : "other.test", port);
        size_t size = fd >= 0 ? take(fd, answer, 12) : 0;
        bool is_right = size == 12 && memcmp(answer, i % 2 ? "HTTP/1.1 200" : "HTTP/1.1 403", 12) == 0;
        *failures += !is_right;
        if (fd >= 0)
            (void) close(fd);
    }
    return NULL;
}

static void many_clients_and_new_grants_at_once(void **state)
{
    struct egress_report report;
    pthread_t clients[CLIENTS];
    int failures[CLIENTS] = {0}, count[EGRESS_UNREACHABLE + 1] = {0};

    (void) state;
    grant("api.test", port);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, client_thread, &failures[i]), 0);
    for (int i = 0; i < CLIENTS * TURNS; i++) {
        grant("api.test", port);
        assert_int_equal(recv(control, &report, sizeof report, 0), sizeof report);
        count[report.end]++;
    }
    for (int i = 0; i < CLIENTS; i++) {
        (void) pthread_join(clients[i], NULL);
        assert_int_equal(failures[i], 0);
    }
    assert_int_equal(count[EGRESS_CONNECTED], CLIENTS * TURNS / 2);
    assert_int_equal(count[EGRESS_DENIED], CLIENTS * TURNS / 2);
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        WITH(what_is_granted_goes_through),
        WITH(what_is_not_granted_is_denied_with_what_to_do),
        WITH(a_name_of_a_private_address_is_refused),
        WITH(who_does_not_listen_is_unreachable),
        WITH(a_grant_taken_back_ends_its_connections),
        WITH(broken_heads_are_told),
        WITH(connections_are_bounded),
        WITH(who_does_not_read_is_not_filled),
        WITH(all_ends_with_the_sandbox),
        WITH(many_clients_and_new_grants_at_once),
        cmocka_unit_test_setup_teardown(what_does_not_move_ends, make_impatient, drop),
        cmocka_unit_test_setup_teardown(who_resolves_by_other_files_is_another_proxy, make_outlived, drop),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
