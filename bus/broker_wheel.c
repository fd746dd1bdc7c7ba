/* broker_wheel.c - every request's next time, in slots of 10 ms that come round every 5 s.
 *
 * To arm and to disarm cost the same whatever is under way; a time further off than one turn
 * is looked at once each turn.
 */
#include "bus/broker_inside.h"

/* A name without workers is refused a little before the caller itself would give up. */
enum { EARLY_US_MAX = 250000, EARLY_PART = 8 };

void request_arm(struct broker *self, struct request *request, int64_t due_us)
{
    int64_t tick = due_us / WHEEL_TICK_US + 1;

    request_disarm(self, request);
    if (tick <= self->wheel_at)
        tick = self->wheel_at + 1;
    request->due_us = due_us;
    request->due_in = &self->wheel[tick % WHEEL_SLOTS];
    TAILQ_INSERT_TAIL(request->due_in, request, due);
    self->armed++;
}

void request_arm_waiting(struct broker *self, struct request *request)
{
    int64_t early_us = (request->deadline_us - request->arrived_us) / EARLY_PART;

    if (early_us > EARLY_US_MAX)
        early_us = EARLY_US_MAX;
    request_arm(self, request, request->deadline_us - early_us);
}

void request_disarm(struct broker *self, struct request *request)
{
    if (!request->due_in)
        return;
    TAILQ_REMOVE(request->due_in, request, due);
    request->due_in = NULL;
    self->armed--;
}

/* Move what is due from that slot to `due`. */
static void collect(struct broker *self, struct request_list *slot, struct request_list *due)
{
    struct request *request, *next;

    for (request = TAILQ_FIRST(slot); request; request = next) {
        next = TAILQ_NEXT(request, due);
        if (request->due_us > self->now_us)
            continue;
        TAILQ_REMOVE(slot, request, due);
        TAILQ_INSERT_TAIL(due, request, due);
        request->due_in = due;
    }
}

void wheel_turn(struct broker *self)
{
    struct request_list due = TAILQ_HEAD_INITIALIZER(due);
    int64_t now_tick = self->now_us / WHEEL_TICK_US, from = self->wheel_at + 1;
    struct request *request;

    if (now_tick - from >= WHEEL_SLOTS)
        from = now_tick - WHEEL_SLOTS + 1;
    if (self->armed > 0)
        for (int64_t tick = from; tick <= now_tick; tick++)
            collect(self, &self->wheel[tick % WHEEL_SLOTS], &due);
    if (now_tick > self->wheel_at)
        self->wheel_at = now_tick;
    /* One may take others of this list with it, so always begin at its head. */
    while ((request = TAILQ_FIRST(&due)) != NULL) {
        request_disarm(self, request);
        request_expire(self, request);
    }
}

int64_t wheel_next_us(const struct broker *self)
{
    if (self->armed == 0)
        return INT64_MAX;
    for (int64_t tick = self->wheel_at + 1; tick <= self->wheel_at + WHEEL_SLOTS; tick++)
        if (!TAILQ_EMPTY(&self->wheel[tick % WHEEL_SLOTS]))
            return tick * WHEEL_TICK_US;
    return INT64_MAX;
}
