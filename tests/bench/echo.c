/* echo.c - pipelined echo over the broker and over zmq_proxy, to be compared in one run.
 *
 *   echo proxy FRONT BACK               the peer: zmq_proxy between ROUTER and DEALER
 *   echo worker ENDPOINT mdp|plain      answers what it is sent; mdp: READY with credit 16
 *   echo client ENDPOINT mdp|plain N    N requests, 100 under way; prints requests per second
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { PIPELINE = 100, FRAMES_MAX = 8, WORKER_CREDIT = 16 };

static int send_frames(void *socket, const void *const *at, const size_t *sizes, int count)
{
    for (int i = 0; i < count; i++)
        if (zmq_send(socket, at[i], sizes[i], i + 1 < count ? ZMQ_SNDMORE : 0) < 0)
            return -1;
    return 0;
}

static int receive(void *socket, zmq_msg_t frames[FRAMES_MAX])
{
    int count = 0, more = 1;

    while (more && count < FRAMES_MAX) {
        zmq_msg_init(&frames[count]);
        if (zmq_msg_recv(&frames[count], socket, 0) < 0)
            return -1;
        more = zmq_msg_more(&frames[count]);
        count++;
    }
    return count;
}

static void *dial(void *context, const char *endpoint)
{
    void *socket = zmq_socket(context, ZMQ_DEALER);
    int linger = 0;

    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    return zmq_connect(socket, endpoint) == 0 ? socket : NULL;
}

static int run_proxy(void *context, const char *front, const char *back)
{
    void *router = zmq_socket(context, ZMQ_ROUTER);
    void *dealer = zmq_socket(context, ZMQ_DEALER);

    if (zmq_bind(router, front) < 0 || zmq_bind(dealer, back) < 0)
        return 1;
    return zmq_proxy(router, dealer, NULL);
}

static void say_ready(void *socket)
{
    static const unsigned char credit[] = "\x82\xa6" "credit\x10\xa8" "contract\x01";
    const void *at[] = {"MDPW02", "\x01", "bench", credit};
    const size_t sizes[] = {6, 1, 5, sizeof credit - 1};

    (void) send_frames(socket, at, sizes, 4);
}

/* An MDP worker sends back a request as the FINAL of the same client; heartbeats are answered. */
static int run_worker(void *socket, int is_mdp)
{
    zmq_msg_t frames[FRAMES_MAX];

    if (is_mdp)
        say_ready(socket);
    for (;;) {
        int count = receive(socket, frames);
        if (count < 0)
            return 1;
        const char *command = count > 1 ? zmq_msg_data(&frames[1]) : "";
        if (is_mdp && *command == '\x05') {
            const void *at[] = {"MDPW02", "\x05"};
            (void) send_frames(socket, at, (size_t[]){6, 1}, 2);
        } else if (!is_mdp || *command == '\x02') {
            if (is_mdp) {
                zmq_msg_close(&frames[1]);
                zmq_msg_init_size(&frames[1], 1);
                memcpy(zmq_msg_data(&frames[1]), "\x04", 1);
            }
            for (int i = 0; i < count; i++)
                (void) zmq_msg_send(&frames[i], socket, i + 1 < count ? ZMQ_SNDMORE : 0);
            continue;
        }
        for (int i = 0; i < count; i++)
            zmq_msg_close(&frames[i]);
    }
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void ask(void *socket, int is_mdp)
{
    static const unsigned char body[] = "\x94\x00\x01\xaa" "bench.echo\x91\x80";
    const void *at[] = {"MDPC02", "\x01", "bench", body};
    const size_t sizes[] = {6, 1, 5, sizeof body - 1};

    if (is_mdp)
        (void) send_frames(socket, at, sizes, 4);
    else
        (void) send_frames(socket, at + 3, sizes + 3, 1);
}

static int run_client(void *socket, int is_mdp, long count)
{
    zmq_msg_t frames[FRAMES_MAX];
    int limit_ms = 20000;
    long sent = 0;
    double begun = now();

    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms);
    for (long got = 0; got < count; got++) {
        while (sent < count && sent < got + PIPELINE) {
            ask(socket, is_mdp);
            sent++;
        }
        int parts = receive(socket, frames);
        if (parts < 0) {
            fprintf(stderr, "no answer after %ld\n", got);
            return 1;
        }
        for (int i = 0; i < parts; i++)
            zmq_msg_close(&frames[i]);
    }
    printf("%.0f\n", (double)count / (now() - begun));
    return 0;
}

int main(int argc, char **argv)
{
    void *context = zmq_ctx_new();

    if (argc == 4 && strcmp(argv[1], "proxy") == 0)
        return run_proxy(context, argv[2], argv[3]);
    if (argc < 4)
        return 64;
    void *socket = dial(context, argv[2]);
    int is_mdp = strcmp(argv[3], "mdp") == 0;
    if (!socket)
        return 1;
    if (strcmp(argv[1], "worker") == 0)
        return run_worker(socket, is_mdp);
    return argc == 5 ? run_client(socket, is_mdp, strtol(argv[4], NULL, 10)) : 64;
}
