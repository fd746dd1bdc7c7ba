/* fake_broker.c - frames by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/bus/fake_broker.h"

#include "bus/clock.h"

void fake_begin(struct fake_broker *self, const char *endpoint)
{
    int zero = 0;

    *self = (struct fake_broker){.context = zmq_ctx_new()};
    self->router = zmq_socket(self->context, ZMQ_ROUTER);
    zmq_setsockopt(self->router, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_bind(self->router, endpoint), 0);
}

void fake_end(struct fake_broker *self)
{
    frames_clear(&self->message);
    zmq_close(self->router);
    zmq_ctx_term(self->context);
}

static bool receive(struct fake_broker *self, int64_t until_ms)
{
    frames_clear(&self->message);
    while (!frames_receive(self->router, &self->message)) {
        zmq_pollitem_t item = {.socket = self->router, .events = ZMQ_POLLIN};
        int64_t left_ms = clock_left_ms(until_ms);
        if (left_ms == 0)
            return false;
        zmq_poll(&item, 1, (long)left_ms);
    }
    return true;
}

static bool is_command(const struct fake_broker *self, const char *protocol, char command)
{
    struct text said = frames_text(&self->message, 2);

    return text_is(frames_text(&self->message, 1), protocol) && said.size == 1 &&
           said.at[0] == command;
}

void fake_await(struct fake_broker *self, const char *protocol, char command)
{
    int64_t until_ms = clock_now_ms() + SOON_MS;

    do
        assert_true(receive(self, until_ms));
    while (!is_command(self, protocol, command));
}

void fake_await_ready(struct fake_broker *self, const char *service, char peer[8], size_t *size)
{
    do
        fake_await(self, "MDPW02", 1);
    while (!text_is(fake_frame(self, 0), service));
    struct text from = fake_peer(self);
    assert_true(from.size <= 8);
    memcpy(peer, from.at, from.size);
    *size = from.size;
}

bool fake_hears_nothing(struct fake_broker *self, uint32_t within_ms)
{
    int64_t until_ms = clock_now_ms() + within_ms;

    while (receive(self, until_ms))
        if (!is_command(self, "MDPW02", 5))
            return false;
    return true;
}

void fake_send(struct fake_broker *self, struct text peer, const char *protocol, char command,
               const struct text *texts, size_t count)
{
    struct frames frames = {.count = 0};

    frames_add_text(&frames, peer);
    frames_add_text(&frames, text_from(protocol));
    frames_add_text(&frames, (struct text){&command, 1});
    for (size_t i = 0; i < count; i++)
        if (texts[i].at)
            frames_add_text(&frames, texts[i]);
    assert_true(frames_send(self->router, &frames));
}

struct text fake_peer(const struct fake_broker *self)
{
    return frames_text(&self->message, 0);
}

struct text fake_frame(const struct fake_broker *self, size_t index)
{
    return frames_text(&self->message, 3 + index);
}
