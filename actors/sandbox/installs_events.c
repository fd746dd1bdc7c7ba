/* installs_events.c - what was installed goes to the audit log itself: nothing that the store keeps changes
 * by it, and it happened whether the app comes up or not. What is not acknowledged waits in a bounded
 * list, under the same event id.
 */
#include "actors/sandbox/installs_inside.h"

#include <msgpack.h>
#include <stdio.h>
#include <string.h>

#include "actors/sandbox/sandbox.h"
#include "actors/sandbox/utf8.h"
#include "bus/clock.h"

enum { TOLD_PER_TICK = 16 };

/* ---- the list ---- */

static void drop(struct installs *self, size_t at)
{
    self->event_count--;
    memmove(self->events + at, self->events + at + 1, (self->event_count - at) * sizeof *self->events);
}

void installs_note(struct installs *self, const struct install_order *order, enum install_outcome outcome,
                   const struct install_sum *sum, int64_t begun_ms, const struct fault *fault)
{
    struct install_event event = {
        .version = order->version, .outcome = outcome, .sum = *sum, .at_wall_ms = clock_wall_ms(),
        .took_ms = clock_now_ms() - begun_ms,
    };

    uuid_make(event.event_id);
    (void) snprintf(event.app_id, sizeof event.app_id, "%s", order->app_id);
    (void) snprintf(event.user, sizeof event.user, "%s", order->user);
    (void) snprintf(event.request_id, sizeof event.request_id, "%s", order->request_id);
    if (outcome == install_outcome_failed)      /* npm's own words may be in it */
        event.error[utf8_repair(fault->reason, strlen(fault->reason), event.error, sizeof event.error - 1)] = '\0';
    pthread_mutex_lock(&self->lock);
    if (self->event_count == INSTALL_EVENTS_MAX)
        drop(self, 0);
    self->events[self->event_count++] = event;
    pthread_mutex_unlock(&self->lock);
}

bool installs_next_event(struct installs *self, struct install_event *out)
{
    pthread_mutex_lock(&self->lock);
    bool waits = self->event_count > 0;
    if (waits)
        *out = self->events[0];
    pthread_mutex_unlock(&self->lock);
    return waits;
}

void installs_forget_event(struct installs *self, const char *event_id)
{
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->event_count; i++)
        if (strcmp(self->events[i].event_id, event_id) == 0) {
            drop(self, i);
            break;
        }
    pthread_mutex_unlock(&self->lock);
}

/* ---- telling ---- */

/* "" is what was not there. */
static struct text given(const char *text)
{
    return *text ? text_from(text) : (struct text){0};
}

static bool tell(struct call *call, const struct install_event *event, struct fault *fault)
{
    const struct install_report detail = {
        .version = event->version, .outcome = event->outcome, .packages = event->sum.packages,
        .lock = given(event->sum.digest), .took_ms = (uint64_t)event->took_ms,
        .error = given(event->error),
    };
    msgpack_sbuffer packed;
    struct checkpoint ignored;

    msgpack_sbuffer_init(&packed);
    bool told = message_encode(&install_report_message, &detail, &packed, fault);
    const struct audit_event row = {
        .event_id = text_from(event->event_id), .at = event->at_wall_ms,
        .kind = TEXT_OF("dependencies_installed"), .user = given(event->user),
        .app_id = text_from(event->app_id), .request_id = given(event->request_id),
        .detail = {packed.data, packed.size},
    };
    const struct append_request request = {.events = {&row, 1}};
    told = told && call_ask(call, &method_audit_append, &request, &ignored, fault);
    msgpack_sbuffer_destroy(&packed);
    return told;
}

void sandbox_tell_installs(struct sandbox *self, struct call *call)
{
    struct install_event event;
    struct fault fault;

    for (int i = 0; i < TOLD_PER_TICK && installs_next_event(self->installs, &event); i++) {
        if (!tell(call, &event, &fault))
            return;                     /* again with the next tick */
        installs_forget_event(self->installs, event.event_id);
    }
}
