/* mdp_peers.c - a broker under a clock of the test's own, and raw MDP peers. */
#include "tests/bus/mdp_peers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bus/clock.h"
#include "bus/log.h"

enum { PATIENCE_MS = 10000 };

static _Atomic int64_t test_now_us = 1000000000;
static int open_sockets;

static int64_t read_test_clock(void)
{
    return atomic_load(&test_now_us);
}

void bed_options(struct broker_options *out)
{
    *out = (struct broker_options){
        .bounds = {.queue_messages_max = 1000, .queue_bytes_max = 67108864,
                   .caller_bytes_max = 16777216},
        .message_bytes_max = 16777216,
    };
}

static void *run_broker(void *self_)
{
    struct bed *self = self_;
    struct fault fault = {0};

    self->served = broker_run(self->broker, &fault);
    return NULL;
}

void bed_begin(struct bed *self, const struct broker_options *options)
{
    struct fault fault = {0};

    log_begin("test", LOG_ERROR);
    clock_set_source_for_test(read_test_clock);
    *self = (struct bed){.served = false};
    open_sockets = 0;
    if (options)
        self->options = *options;
    else
        bed_options(&self->options);
    snprintf(self->directory, sizeof self->directory, "/tmp/isekai-mdp-XXXXXX");
    assert_non_null(mkdtemp(self->directory));
    snprintf(self->endpoint, sizeof self->endpoint, "ipc://%s/broker", self->directory);
    self->options.endpoint = self->endpoint;
    self->broker = broker_new(&self->options, &fault);
    if (!self->broker)
        fail_msg("broker: %s", fault.reason);
    assert_int_equal(pthread_create(&self->thread, NULL, run_broker, self), 0);
    self->context = zmq_ctx_new();
    assert_non_null(self->context);
}

void bed_end(struct bed *self)
{
    broker_stop(self->broker);
    pthread_join(self->thread, NULL);
    assert_true(self->served);
    broker_free(self->broker);
    if (open_sockets == 0)
        zmq_ctx_term(self->context);
    clock_set_source_for_test(NULL);
    /* Socket and lock are gone, so the directory is empty. */
    assert_int_equal(rmdir(self->directory), 0);
}

/* ---- sockets ---- */

static void *peer(void *context, int type, struct bed *self)
{
    void *socket = zmq_socket(context, type);
    int linger_ms = 0, patience_ms = PATIENCE_MS, hwm = 100000;

    assert_non_null(socket);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &patience_ms, sizeof patience_ms);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    assert_int_equal(zmq_connect(socket, self->endpoint), 0);
    open_sockets++;
    return socket;
}

void *peer_dealer(struct bed *self)
{
    return peer(self->context, ZMQ_DEALER, self);
}

void *peer_req(struct bed *self)
{
    return peer(self->context, ZMQ_REQ, self);
}

void peer_close(void *socket)
{
    assert_int_equal(zmq_close(socket), 0);
    open_sockets--;
}

void say_frames(void *socket, const struct text *frames)
{
    for (; frames->at; frames++)
        assert_true(zmq_send(socket, frames->at, frames->size,
                             frames[1].at ? ZMQ_SNDMORE : 0) >= 0);
}

void hear(void *socket, struct heard *out)
{
    bool more = true;

    for (out->count = 0; more; out->count++) {
        assert_true(out->count < HEARD_FRAMES_MAX);
        zmq_msg_t *frame = &out->frames[out->count];
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, socket, 0) < 0)
            fail_msg("nothing heard: %s", zmq_strerror(errno));
        more = zmq_msg_more(frame);
    }
}

static bool is_heartbeat(const struct heard *heard)
{
    uint32_t at = heard_frame(heard, 0).size == 0 ? 1 : 0;

    if (heard->count != at + 2)
        return false;
    struct text protocol = heard_frame(heard, at), command = heard_frame(heard, at + 1);
    return (text_is(protocol, "MDPW02") && text_is(command, "\5")) ||
           (text_is(protocol, "MDPW01") && text_is(command, "\4"));
}

void hear_command(void *socket, struct heard *out)
{
    for (;;) {
        hear(socket, out);
        if (!is_heartbeat(out))
            return;
        heard_drop(out);
    }
}

void settle(void *client)
{
    struct heard heard;

    SAY(client, T("MDPC02"), T("\1"), T("mmi.none"), T("x"));
    hear(client, &heard);
    assert_frame(&heard, 2, T("mmi.none"));
    assert_frame(&heard, FINAL_BODY, T("501"));
    heard_drop(&heard);
}

struct text heard_frame(const struct heard *heard, uint32_t index)
{
    zmq_msg_t *frame = (zmq_msg_t *)(uintptr_t)&heard->frames[index];

    if (index >= heard->count)
        return (struct text){NULL, 0};
    return (struct text){zmq_msg_data(frame), zmq_msg_size(frame)};
}

void heard_drop(struct heard *heard)
{
    for (uint32_t i = 0; i < heard->count; i++)
        zmq_msg_close(&heard->frames[i]);
    heard->count = 0;
}

void assert_frame(const struct heard *heard, uint32_t index, struct text expected)
{
    struct text frame = heard_frame(heard, index);

    assert_non_null(frame.at);
    assert_int_equal(frame.size, expected.size);
    assert_memory_equal(frame.at, expected.at, expected.size);
}

uint64_t assert_failure(const struct heard *heard, uint32_t index, uint32_t msgid, const char *name)
{
    struct envelope envelope;
    struct failure failure;
    struct fault fault = {0};
    struct arena *arena = arena_new(65536);

    if (!envelope_read(heard_frame(heard, index), &envelope, &fault))
        fail_msg("%s", fault.reason);
    assert_int_equal(envelope.kind, ENVELOPE_ANSWER);
    assert_int_equal(envelope.msgid, msgid);
    assert_non_null(envelope.error.at);
    assert_true(message_decode(&failure_message, envelope.error, STRICT, arena, &failure, NULL,
                               &fault));
    if (!text_is(failure.name, name))
        fail_msg("'%.*s' (%.*s), not '%s'", TEXT_ARGS(failure.name), TEXT_ARGS(failure.reason),
                 name);
    arena_free(arena);
    return failure.retry_ms;
}

/* ---- workers ---- */

void *worker_02(struct bed *self, struct text service, struct text words)
{
    void *socket = peer_dealer(self);

    if (words.at)
        SAY(socket, T("MDPW02"), T("\1"), service, words);
    else
        SAY(socket, T("MDPW02"), T("\1"), service);
    return socket;
}

void *worker_01(struct bed *self, struct text service)
{
    void *socket = peer_dealer(self);

    SAY(socket, T(""), T("MDPW01"), T("\1"), service);
    return socket;
}

void answer_02(void *socket, const struct heard *request, struct text body)
{
    SAY(socket, T("MDPW02"), T("\4"), heard_frame(request, REQUEST_ADDRESS), T(""), body);
}

void answer_01(void *socket, const struct heard *request, struct text body)
{
    struct text address = heard_frame(request, REQUEST_ADDRESS + 1);

    SAY(socket, T(""), T("MDPW01"), T("\3"), address, T(""), body);
}

/* ---- the broker's own words ---- */

static void ask_broker(struct bed *self, const char *method, struct heard *out)
{
    void *socket = peer_dealer(self);
    msgpack_sbuffer body;

    msgpack_sbuffer_init(&body);
    assert_true(envelope_write_request(1, method, (struct text){NULL, 0}, &body));
    SAY(socket, T("MDPC02"), T("\1"), T("broker"), ((struct text){body.data, body.size}));
    msgpack_sbuffer_destroy(&body);
    hear(socket, out);
    peer_close(socket);
}

bool bed_serves(struct bed *self, struct text service)
{
    void *socket = peer_dealer(self);
    struct heard heard;

    SAY(socket, T("MDPC02"), T("\1"), T("mmi.service"), service);
    hear(socket, &heard);
    bool is_served = text_is(heard_frame(&heard, FINAL_BODY), "200");
    heard_drop(&heard);
    peer_close(socket);
    return is_served;
}

void bed_await_service(struct bed *self, struct text service, bool is_served)
{
    struct timespec begun, now;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (bed_serves(self, service) != is_served) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        assert_true((now.tv_sec - begun.tv_sec) * 1000 < PATIENCE_MS);
    }
}

uint64_t bed_count(struct bed *self, const char *row)
{
    struct arena *arena = arena_new(1048576);
    struct envelope envelope;
    struct stats_reply reply;
    struct fault fault = {0};
    struct heard heard;
    uint64_t count = UINT64_MAX;

    ask_broker(self, "isekai.stats", &heard);
    assert_true(envelope_read(heard_frame(&heard, FINAL_BODY), &envelope, &fault));
    if (!message_decode(&stats_reply_message, envelope.result, STRICT, arena, &reply, NULL, &fault))
        fail_msg("%s", fault.reason);
    for (uint32_t i = 0; i < reply.methods.count; i++)
        if (text_is(reply.methods.at[i].name, row))
            count = reply.methods.at[i].calls;
    heard_drop(&heard);
    arena_free(arena);
    return count;
}

/* A turn reads the clock before it begins: the next but one is over when it has acted upon it. */
void bed_advance_ms(struct bed *self, int64_t ms)
{
    atomic_fetch_add(&test_now_us, ms * 1000);
    uint64_t turn = bed_count(self, "broker.turns");
    for (int tries = 0; bed_count(self, "broker.turns") < turn + 2; tries++)
        assert_true(tries < 10000);
}
