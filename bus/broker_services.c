/* broker_services.c - names, and how long they are remembered.
 *
 * A name is known while it has workers and for a minute after; it has bounds of its own. What waits
 * for all other names together is bounded like one service, so that asking for names that
 * nobody serves takes no room from those that somebody does.
 */
#include <stdlib.h>
#include <string.h>

#include "bus/broker_inside.h"

bool is_service_name(struct text name)
{
    if (name.size == 0 || name.size > SERVICE_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (name.at[i] < ' ' || name.at[i] > '~')
            return false;
    return true;
}

static bool has_name(const struct table_node *node, const void *key)
{
    const struct service *service = TABLE_ENTRY(node, struct service);

    return text_equals(*(const struct text *)key,
                       (struct text){service->name, service->name_size});
}

struct service *service_find(struct broker *self, struct text name)
{
    struct table_node *node = table_find(&self->services, broker_hash(self, name.at, name.size),
                                         has_name, &name);

    return node ? TABLE_ENTRY(node, struct service) : NULL;
}

struct service *service_add(struct broker *self, struct text name)
{
    if (self->services.count >= SERVICES_MAX)
        return NULL;
    struct service *service = calloc(1, sizeof *service);
    if (!service)
        return NULL;
    TAILQ_INIT(&service->ready);
    TAILQ_INIT(&service->flows);
    service->name_size = name.size;
    memcpy(service->name, name.at, name.size);
    table_add(&self->services, &service->node, broker_hash(self, name.at, name.size));
    TAILQ_INSERT_TAIL(&self->service_list, service, all);
    return service;
}

void service_gain_worker(struct broker *self, struct service *service)
{
    service->workers++;
    if (service->is_known)
        return;
    service->is_known = true;
    self->unknown_waiting -= service->waiting;
    self->unknown_bytes -= service->waiting_bytes;
}

void service_lose_worker(struct broker *self, struct service *service)
{
    service->workers--;
    service->known_until_us = self->now_us + (int64_t)KNOWN_MS * 1000;
}

void service_let_go(struct broker *self, struct service *service)
{
    if (service->is_known || service->waiting > 0)
        return;
    if (service->is_owed)
        TAILQ_REMOVE(&self->owed, service, owed);
    TAILQ_REMOVE(&self->service_list, service, all);
    table_remove(&self->services, &service->node);
    free(service);
}

static bool is_over(const struct broker *self, const struct service *service)
{
    return service->is_known && service->workers == 0 && service->known_until_us < self->now_us;
}

void services_forget(struct broker *self)
{
    struct service *service, *next;

    for (service = TAILQ_FIRST(&self->service_list); service; service = next) {
        next = TAILQ_NEXT(service, all);
        if (is_over(self, service)) {
            service->is_known = false;
            self->unknown_waiting += service->waiting;
            self->unknown_bytes += service->waiting_bytes;
        }
        service_let_go(self, service);
    }
}
