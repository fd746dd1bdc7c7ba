/* brokers.c - which broker is there. */
#include "bus/brokers.h"

#include "bus/clock.h"

bool brokers_open(struct brokers *self, const struct bus_settings *bus, struct fault *fault)
{
    *self = (struct brokers){.message_bytes_max = bus->bus_message_bytes_max};
    bool opened = endpoints_read(bus->bus_endpoints, &self->endpoints, fault);
    for (size_t i = 0; opened && i < self->endpoints.count; i++)
        opened = link_open(&self->links[i], self->endpoints.at[i], self->message_bytes_max, fault);
    if (!opened)
        brokers_close(self);
    return opened;
}

void brokers_close(struct brokers *self)
{
    for (size_t i = 0; i < self->endpoints.count; i++)
        link_close(&self->links[i], 0);
}

struct link *brokers_connected(struct brokers *self)
{
    for (size_t i = 0; i < self->endpoints.count; i++)
        link_update(&self->links[i]);
    for (size_t i = 0; i < self->endpoints.count; i++) {
        size_t index = (self->preferred + i) % self->endpoints.count;
        if (self->links[index].connected) {
            self->preferred = index;
            return &self->links[index];
        }
    }
    return NULL;
}

bool stop_is_asked(const zmq_pollitem_t *item, struct fault *fault)
{
    if (item->fd < 0 || !(item->revents & ZMQ_POLLIN))
        return false;
    fault_set(fault, FAULT_interrupted, "the service is stopping");
    return true;
}

/* Wait until a monitor has something to say; false when the caller must stop. */
static bool wait_for_news(struct brokers *self, int64_t left_ms, int stop_fd, struct fault *fault)
{
    zmq_pollitem_t items[ENDPOINTS_MAX + 1] = {{.fd = stop_fd, .events = ZMQ_POLLIN}};
    int first = stop_fd >= 0 ? 0 : 1, count = 1;

    for (size_t i = 0; i < self->endpoints.count; i++)
        if (self->links[i].monitor)
            items[count++] = (zmq_pollitem_t){.socket = self->links[i].monitor,
                                              .events = ZMQ_POLLIN};
    zmq_poll(items + first, count - first, (long)left_ms);
    return !stop_is_asked(&items[0], fault);
}

struct link *brokers_find(struct brokers *self, int64_t deadline_ms, int stop_fd,
                          struct fault *fault)
{
    int64_t until_ms = clock_now_ms() + LINK_CONNECT_MS;
    struct link *link;

    if (until_ms > deadline_ms)
        until_ms = deadline_ms;
    while (!(link = brokers_connected(self))) {
        int64_t left_ms = clock_left_ms(until_ms);
        if (left_ms == 0) {
            fault_set(fault, FAULT_unavailable, "no broker answers at %s",
                      self->endpoints.at[self->preferred]);
            fault_retry_after(fault, LINK_CONNECT_MS);
            return NULL;
        }
        if (!wait_for_news(self, left_ms, stop_fd, fault))
            return NULL;
    }
    return link;
}

void brokers_turn(struct brokers *self)
{
    self->preferred = (self->preferred + 1) % self->endpoints.count;
}

void brokers_renew(struct brokers *self, size_t index)
{
    struct fault ignored;

    link_close(&self->links[index], 0);
    link_open(&self->links[index], self->endpoints.at[index], self->message_bytes_max, &ignored);
}
