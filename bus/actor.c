/* actor.c - the loop around an actor's methods: one thread with all sockets, crews behind it.
 *
 * The loop's thread never runs a handler, so that heartbeats, ping and stats go on whatever the
 * crews do. It hands requests to the crews and brings their answers from the outbox to the
 * sockets; all it decides itself is which lane a request goes to.
 *
 * The end, in this order: leave (brokers send no more), wait for what is under way, tell what
 * still runs to give up, end the crews, close the sockets, and let the actor put itself away.
 */
#include "bus/actor.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/actor_inside.h"
#include "bus/clock.h"
#include "bus/log.h"

enum { ITEMS_MAX = 2 + ENDPOINTS_MAX * (LANES + 1) * REGISTRATION_ITEMS, LINGER_MS = 500 };

/* ---- a request comes ---- */

static struct crew *crew_for(struct loop *self, const struct job *job, struct text method)
{
    const struct actor *actor = self->actor;

    for (size_t i = 0; i < actor->method_count; i++)
        if (text_is(method, actor->methods[i].method->name))
            return &self->crews[actor->methods[i].method->lane];
    return &self->crews[job->registration->lane];
}

void loop_take_job(struct loop *self, struct job *job)
{
    struct text method = job_look(job);
    struct fault fault;

    if (built_in_find(method)) {        /* here and nowhere else: see `healthy` and `counters` */
        if (zmq_msg_size(&job->message) <= BUILT_IN_OCTETS_MAX) {
            serve(self, NULL, job);
            return;
        }
        fault_set(&fault, FAULT_too_large, "more than %d octets", BUILT_IN_OCTETS_MAX);
        serve_refusal(self, job, &fault);
        return;
    }
    if (crew_put(crew_for(self, job, method), job))
        return;
    fault_set(&fault, FAULT_overloaded, "too many requests wait for this lane");
    fault_retry_after(&fault, 1000);
    serve_refusal(self, job, &fault);
}

void loop_drain(struct loop *self)
{
    atomic_store(&self->is_draining, true);
    outbox_wake(&self->outbox);
}

/* ---- one turn ---- */

static void send_answers(struct loop *self)
{
    for (struct answer *next, *answer = outbox_take_all(&self->outbox); answer; answer = next) {
        next = answer->next;
        self->under_way -= answer->is_final;
        registration_send(answer->registration, answer);
        answer_free(answer);
    }
}

/* Wait for a socket, an answer, a signal, or until_ms. True: a signal asks us to end. */
static bool wait_for_work(struct loop *self, int64_t until_ms)
{
    zmq_pollitem_t items[ITEMS_MAX];
    int count = 0;

    items[count++] = (zmq_pollitem_t){.fd = self->signal_fd, .events = ZMQ_POLLIN};
    items[count++] = (zmq_pollitem_t){.fd = self->outbox.wake_fd, .events = ZMQ_POLLIN};
    for (size_t i = 0; i < self->registration_count; i++) {
        int64_t due_ms = registration_due_ms(&self->registrations[i]);
        until_ms = due_ms < until_ms ? due_ms : until_ms;
        count += registration_items(&self->registrations[i], &items[count]);
    }
    zmq_poll(items, count, until_ms == INT64_MAX ? -1 : (long)clock_left_ms(until_ms));
    return items[0].revents & ZMQ_POLLIN;
}

static void turn(struct loop *self)
{
    int64_t now_ms = clock_now_ms();

    for (size_t i = 0; i < self->registration_count; i++)
        registration_turn(&self->registrations[i], now_ms);
    send_answers(self);
}

static void serve_until_stop(struct loop *self)
{
    for (;;) {
        turn(self);     /* may have run isekai.drain, whose wake-up it has taken */
        if (atomic_load(&self->is_draining))
            return;
        if (wait_for_work(self, INT64_MAX))
            atomic_store(&self->is_draining, true);
    }
}

/* ---- the end ---- */

static void cancel_calls(struct loop *self)
{
    uint64_t one = 1;

    atomic_store(&self->is_cancelled, true);
    log_line(LOG_WARN, NULL, "calls_cancelled under_way=%u", self->under_way);
    if (write(self->cancel_fd, &one, sizeof one) < 0)
        log_line(LOG_ERROR, NULL, "cancel_failed");
}

/* The signal's descriptor stays readable: from here on it must not be polled. */
static void drain(struct loop *self)
{
    int64_t now_ms = clock_now_ms();
    int64_t grace_ms = now_ms + DRAIN_GRACE_MS;
    int64_t cancel_ms = now_ms + DRAIN_CANCEL_MS;
    int64_t end_ms = now_ms + DRAIN_MS;
    bool is_told = false;

    log_line(LOG_INFO, NULL, "draining under_way=%u", self->under_way);
    self->signal_fd = -1;
    control_tell_draining(&self->control);
    send_answers(self);
    for (size_t i = 0; i < self->registration_count; i++)
        registration_leave(&self->registrations[i]);
    while (now_ms < end_ms && (self->under_way > 0 || now_ms < grace_ms)) {
        int64_t until_ms = now_ms < grace_ms ? grace_ms : now_ms < cancel_ms ? cancel_ms : end_ms;
        wait_for_work(self, until_ms);
        turn(self);
        now_ms = clock_now_ms();
        if (now_ms >= cancel_ms && !is_told) {
            is_told = true;
            cancel_calls(self);
        }
    }
}

static void close_sockets(struct loop *self)
{
    send_answers(self);
    for (size_t i = 0; i < self->registration_count; i++)
        link_close(&self->registrations[i].link, LINGER_MS);
}

/* End the threads. False: handlers still run, so nothing they use may be freed. */
static bool end_threads(struct loop *self, int64_t deadline_ms, struct fault *fault)
{
    bool ended = true;

    for (int lane = 0; lane < LANES; lane++)
        if (self->crews[lane].thread_count > 0)
            crew_end(&self->crews[lane]);
    for (int lane = 0; lane < LANES; lane++)
        if (self->crews[lane].thread_count > 0)
            ended = crew_has_ended(&self->crews[lane], deadline_ms) && ended;
    if (ended && control_is_idle(&self->control, deadline_ms))
        return true;
    log_line(LOG_ERROR, NULL, "drain_gave_up under_way=%u", self->under_way);
    return fault_set(fault, FAULT_timed_out, "handlers did not end within %d ms", DRAIN_MS);
}

/* ---- the beginning ---- */

static void plan_lanes(struct loop *self)
{
    const struct actor *actor = self->actor;
    uint32_t credit = actor->credit > 0 ? actor->credit : CREDIT_DEFAULT;

    for (size_t i = 0; i < actor->method_count; i++) {
        enum lane lane = actor->methods[i].method->lane;
        self->crews[lane].thread_count = actor->threads[lane] > 0 ? actor->threads[lane] : 1;
    }
    for (int lane = 0; lane < LANES; lane++) {
        struct crew *crew = &self->crews[lane];
        crew->loop = self;
        crew->lane = (enum lane)lane;
        crew->credit = crew->thread_count + credit;
        crew->waiting_max = (crew->credit * (actor->is_of_node ? 2 : 1) + INSTANCE_CREDIT) *
                            (uint32_t)self->endpoints.count;
        snprintf(crew->service, sizeof crew->service, "%s%s", actor->name,
                 lane_suffix((enum lane)lane));
    }
}

static void plan_registration(struct loop *self, const char *service, const char *endpoint,
                              enum lane lane, uint32_t credit)
{
    registration_init(&self->registrations[self->registration_count++], self, service, endpoint,
                      lane, credit);
}

static void plan_crew_registrations(struct loop *self, const struct crew *crew,
                                    const char *endpoint)
{
    char service[SERVICE_SIZE];

    plan_registration(self, crew->service, endpoint, crew->lane, crew->credit);
    if (!self->actor->is_of_node)
        return;
    service_of_node(self->actor->name, self->bus->isekai_node, crew->lane, service);
    plan_registration(self, service, endpoint, crew->lane, crew->credit);
}

static void plan_registrations(struct loop *self)
{
    enum lane first = LANE_QUICK;

    while (first < LANE_LONG && self->crews[first].thread_count == 0)
        first++;
    for (size_t i = 0; i < self->endpoints.count; i++) {
        const char *endpoint = self->endpoints.at[i];
        for (int lane = 0; lane < LANES; lane++)
            if (self->crews[lane].thread_count > 0)
                plan_crew_registrations(self, &self->crews[lane], endpoint);
        plan_registration(self, self->name, endpoint, first, INSTANCE_CREDIT);
    }
}

static void drop_crews(struct loop *self)
{
    for (int lane = 0; lane < LANES; lane++) {
        if (self->crews[lane].thread_count == 0)
            continue;
        crew_end(&self->crews[lane]);
        crew_drop(&self->crews[lane]);
    }
}

static bool begin_crews(struct loop *self, struct fault *fault)
{
    for (int lane = 0; lane < LANES; lane++) {
        if (self->crews[lane].thread_count == 0 || crew_begin(&self->crews[lane], fault))
            continue;
        for (int rest = lane; rest < LANES; rest++)
            self->crews[rest].thread_count = 0;     /* never begun */
        drop_crews(self);
        return false;
    }
    return true;
}

static bool begin_threads(struct loop *self, struct fault *fault)
{
    if (!begin_crews(self, fault))
        return false;
    if (control_begin(&self->control, self, fault))     /* last: its end runs `stopping` */
        return true;
    drop_crews(self);
    return false;
}

static bool loop_init(struct loop *self, const struct actor *actor,
                      const struct bus_settings *bus, struct fault *fault)
{
    self->actor = actor;
    self->bus = bus;
    self->started_at_ms = clock_wall_ms();
    self->signal_fd = self->cancel_fd = self->outbox.wake_fd = -1;
    instance_make(self->instance);
    snprintf(self->name, sizeof self->name, "%s.%s", actor->name, self->instance);
    if (strlen(actor->name) > 48 || actor->method_count == 0)
        return fault_set(fault, FAULT_internal, "'%s' is no actor", actor->name);
    if (actor->is_of_node && !text_is_node(text_from(bus->isekai_node)))
        return fault_set(fault, FAULT_malformed, "ISEKAI_NODE: 1 to %d of a-z, A-Z, 0-9, - and _, and "
                         "not quick, work or long", NODE_NAME_MAX);
    if (!endpoints_read(bus->bus_endpoints, &self->endpoints, fault))
        return false;
    plan_lanes(self);
    plan_registrations(self);
    self->counters = calloc(actor->method_count, sizeof *self->counters);
    if (!self->counters)
        return fault_set(fault, FAULT_internal, "no memory for counters");
    self->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->cancel_fd < 0)
        return fault_set(fault, FAULT_internal, "no descriptor for an actor");
    self->signal_fd = stop_signal_take(fault);
    return self->signal_fd >= 0 && outbox_init(&self->outbox, fault);
}

static void loop_free(struct loop *self, bool has_signal)
{
    if (has_signal)
        stop_signal_give();
    if (self->outbox.wake_fd >= 0)
        outbox_drop(&self->outbox);
    if (self->cancel_fd >= 0)
        close(self->cancel_fd);
    free(self->counters);
    free(self);
}

bool actor_run(const struct actor *actor, const struct bus_settings *bus, struct fault *fault)
{
    struct loop *self = calloc(1, sizeof *self);

    if (!self)
        return fault_set(fault, FAULT_internal, "no memory for an actor");
    if (!loop_init(self, actor, bus, fault) || !begin_threads(self, fault)) {
        loop_free(self, self->signal_fd >= 0);
        return false;
    }
    serve_until_stop(self);
    int64_t deadline_ms = clock_now_ms() + DRAIN_MS;
    drain(self);
    if (!end_threads(self, deadline_ms, fault)) {
        close_sockets(self);
        return false;           /* what runs on still uses the loop: it is left to the process */
    }
    close_sockets(self);
    drop_crews(self);
    control_end(&self->control);
    loop_free(self, true);
    return true;
}
