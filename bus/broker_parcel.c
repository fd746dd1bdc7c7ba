/* broker_parcel.c - one message as the ROUTER gives it, all its frames or none. */
#include "bus/broker_inside.h"

static void receive_rest_into_nothing(void *router)
{
    int more = 1;

    while (more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        more = zmq_msg_recv(&frame, router, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&frame);
        zmq_msg_close(&frame);
    }
}

bool parcel_receive(struct parcel *self, void *router)
{
    bool more = true;

    self->count = self->at = 0;
    self->bytes = 0;
    self->is_cut = false;
    while (more && self->count < FRAMES_MAX) {
        zmq_msg_t *frame = &self->frames[self->count];
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, router, ZMQ_DONTWAIT) < 0)
            break;
        self->count++;
        self->bytes += zmq_msg_size(frame);
        more = zmq_msg_more(frame);
    }
    if (more && self->count == FRAMES_MAX) {
        self->is_cut = true;
        receive_rest_into_nothing(router);
    }
    return self->count > 0;
}

void parcel_close(struct parcel *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        zmq_msg_close(&self->frames[i]);
    self->count = 0;
}

zmq_msg_t *parcel_next(struct parcel *self)
{
    return self->at < self->count ? &self->frames[self->at++] : NULL;
}

struct text frame_text(zmq_msg_t *frame)
{
    return (struct text){zmq_msg_data(frame), zmq_msg_size(frame)};
}
