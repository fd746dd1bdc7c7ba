/* warm.c - cages that are booted before anybody needs them, so that a start is cheap.
 *
 * A warm cage is a cage like any other (cage_view.c says what is in it), of a uid that no app has,
 * whose /app and /data are empty directories of its own. Its node waits in warm.js, which is ours;
 * no line of an app has run in it, and it serves one app, once: a worker takes it, moves its
 * directories into the app's (warm_files.c), and begins the run; only then does isekai-init get the
 * app's socket, and node the name of the entry. What goes wrong on the way costs time, never
 * the start: the run gets a fresh cage, once the warm one is gone, for both have the same data.
 *
 * They are booted one at a time, and only while no start is under way.
 */
#include "actors/sandbox/supervisor_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "actors/sandbox/init/protocol.h"
#include "bus/clock.h"
#include "bus/owned.h"

/* All secrets of an app at once, with what the kernel counts beside them. */
enum { HANDOVER_OCTETS = 200000 };

/* ---- how workers ask ---- */

bool supervisor_take_warm(struct supervisor *self, struct run_plan *plan)
{
    struct request *request = request_new(REQUEST_TAKE_WARM, plan->app_id);
    struct fault ignored;

    if (!request)
        return false;
    request->plan = *plan;
    request_send(self, request);
    bool taken = request_wait(self, request, &ignored);
    if (taken)
        *plan = request->plan;
    request_release(request);
    return taken;
}

void supervisor_drop_warm(struct supervisor *self, uint64_t warm)
{
    struct request *request = warm ? request_new(REQUEST_DROP_WARM, "") : NULL;
    struct fault ignored;

    if (!request)
        return;
    request->plan.warm = warm;
    request_send(self, request);
    (void) request_wait(self, request, &ignored);
    request_release(request);
}

uint64_t supervisor_count_warm(const struct supervisor *self)
{
    return atomic_load(&self->warm_count);
}

/* ---- those there are ---- */

static bool is_warm(const struct cage *cage)
{
    return cage->plan.role == RUN_WARM && cage->state == CAGE_STARTING;
}

static struct cage *find(struct supervisor *self, uint64_t number)
{
    for (struct cage *cage = self->cages; cage; cage = cage->next)
        if (is_warm(cage) && cage->number == number)
            return cage;
    return NULL;
}

static bool is_ready(const struct cage *cage)
{
    return is_warm(cage) && cage->warmth.is_booted && !cage->warmth.is_taken &&
           cage->warmth.handover >= 0;
}

/* What a cage is booted with and cannot be changed later. */
static bool fits(const struct limits *booted, const struct limits *wanted)
{
    return booted->memory_mb == wanted->memory_mb && booted->pids == wanted->pids &&
           booted->open_files == wanted->open_files && booted->file_mb == wanted->file_mb &&
           booted->start_timeout_ms == wanted->start_timeout_ms;
}

void warm_take(struct supervisor *self, struct request *request)
{
    for (struct cage *cage = self->cages; cage; cage = cage->next) {
        if (!is_ready(cage) || !fits(&cage->plan.limits, &request->plan.limits))
            continue;
        cage->warmth.is_taken = true;
        request->plan.warm = cage->number;
        request->plan.uid = cage->plan.uid;
        request_answer(self, request, true);
        return;
    }
    request_answer(self, request, false);
}

void warm_drop(struct supervisor *self, uint64_t number)
{
    struct cage *cage = number ? find(self, number) : NULL;

    if (cage)
        run_move(self, cage, CAGE_LATE);
}

/* ---- booting ---- */

static void pause_for(struct supervisor *self, int64_t now_ms, int64_t pause_ms)
{
    if (self->warm_at_ms < now_ms + pause_ms)
        self->warm_at_ms = now_ms + pause_ms;
}

static void failed(struct supervisor *self)
{
    int64_t pause_ms = WARM_AGAIN_MS;

    for (uint32_t i = 0; i < self->warm_failures && pause_ms < WARM_AGAIN_LAST_MS; i++)
        pause_ms *= 2;
    self->warm_failures++;
    pause_for(self, clock_now_ms(), pause_ms < WARM_AGAIN_LAST_MS ? pause_ms : WARM_AGAIN_LAST_MS);
}

static bool start_process(struct supervisor *self, struct cage *cage, struct fault *fault)
{
    char app[2 * PATH_MAX], data[2 * PATH_MAX], egress[2 * PATH_MAX];
    int pair[2], room = HANDOVER_OCTETS;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fault_set(fault, FAULT_internal, "socketpair: %s", strerror(errno));
    cage->warmth.handover = pair[0];
    (void) setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    const struct cage_spec spec = {
        .host = self->parts.host, .app_path = app, .data_path = data, .egress_path = egress,
        .limits = &cage->plan.limits, .uid = cage->plan.uid, .listener = pair[1],
        .filter = self->filter, .group = &cage->group,
    };
    (void) snprintf(app, sizeof app, "%s/warm/%" PRIu64 "/app", self->parts.workspace->path,
                    cage->number);
    (void) snprintf(data, sizeof data, "%s/warm/%" PRIu64 "/data", self->parts.workspace->path,
                    cage->number);
    egress_path(&cage->egress, self->parts.egress, egress, sizeof egress);
    bool started = cage_start(&spec, &cage->process, fault);
    fd_drop(&pair[1]);
    return started;
}

static void watch(struct supervisor *self, struct cage *cage)
{
    run_watch(self, cage, WATCH_PROCESS, cage->process.pidfd);
    run_watch(self, cage, WATCH_CONTROL, cage->process.control);
    run_watch(self, cage, WATCH_HANDOVER, cage->warmth.handover);
}

static bool boot(struct supervisor *self)
{
    struct cage *cage = run_new(self);
    struct fault ignored;

    if (!cage)
        return false;
    cage->plan.role = RUN_WARM;
    cage->plan.limits = self->parts.warm_limits;
    cage->late_at_ms = clock_now_ms() + WARM_BOOT_MS;
    if (!workspace_make_warm(self->parts.workspace, cage->number, &cage->plan.uid, &ignored)) {
        free(cage);
        return false;
    }
    if (!run_make_group(self, cage, &ignored) ||
        !run_egress_open(self, cage, &ignored) ||
        !start_process(self, cage, &ignored)) {
        egress_close(&cage->egress, self->parts.egress);
        (void) group_remove(&cage->group);
        fd_drop(&cage->warmth.handover);
        workspace_drop_warm(self->parts.workspace, cage->number, cage->plan.uid);
        free(cage);
        return false;
    }
    cage->boosted = false;          /* it has no end before the cage is an app's */
    run_add(self, cage);
    watch(self, cage);
    return true;
}

/* Fewer than there should be? *is_busy: somebody starts, or one is booted already. */
static bool is_short(const struct supervisor *self, bool *is_busy)
{
    uint64_t count = 0;

    *is_busy = false;
    if (self->is_stopping)
        return false;
    for (const struct cage *cage = self->cages; cage; cage = cage->next) {
        if (cage->state != CAGE_STARTING)
            continue;
        count += is_warm(cage) && !cage->warmth.is_taken;
        *is_busy |= !is_warm(cage) || cage->warmth.is_taken || !cage->warmth.is_booted;
    }
    return count < self->parts.warm_cages;
}

void warm_refill(struct supervisor *self, int64_t now_ms)
{
    uint64_t ready = 0;
    bool is_busy;

    for (const struct cage *cage = self->cages; cage; cage = cage->next)
        ready += is_ready(cage);
    atomic_store(&self->warm_count, ready);
    if (!is_short(self, &is_busy))
        return;
    if (is_busy)
        pause_for(self, now_ms, WARM_PAUSE_MS);
    else if (now_ms >= self->warm_at_ms && !boot(self))
        failed(self);
}

int64_t warm_next_ms(const struct supervisor *self)
{
    bool is_busy;

    return is_short(self, &is_busy) && !is_busy ? self->warm_at_ms : INT64_MAX;
}

/* ---- what warm.js says ---- */

void warm_handle(struct cage *cage)
{
    struct warmth *warmth = &cage->warmth;
    char word;
    ssize_t size = recv(warmth->handover, &word, sizeof word, MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size == 1 && word == '.') {
        warmth->is_booted = true;
        if (is_warm(cage))
            cage->late_at_ms = INT64_MAX;
        return;
    }
    if (size == 1 && word == '!' && !warmth->is_given_up)
        warmth->by_ms = 0;
    fd_drop(&warmth->handover);
}

/* ---- giving one to an app ---- */

static bool tell_init(const struct cage *warm, uint16_t port, int listener)
{
    union { struct cmsghdr align; char octets[CMSG_SPACE(sizeof(int))]; } control = {.octets = ""};
    struct init_order order = {INIT_SERVE, port};
    struct iovec piece = {&order, sizeof order};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.octets,
                             .msg_controllen = sizeof control.octets};
    struct cmsghdr *passed = CMSG_FIRSTHDR(&message);

    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(sizeof listener);
    memcpy(CMSG_DATA(passed), &listener, sizeof listener);
    return sendmsg(warm->process.control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof order;
}

/* Ends with two NUL: warm.js does nothing with a message that was cut. What is not told in full is
 * not taken up in time, and so the app gets a fresh cage. */
void warm_tell_node(struct cage *cage)
{
    char entry[ENTRY_IN_CAGE_SIZE], port[16];
    struct iovec pieces[2 + SECRETS_MAX + 1] = {{entry, 0}, {port, 0}};
    struct msghdr message = {.msg_iov = pieces};

    if (!cage->warmth.by_ms || cage->warmth.is_told || cage->warmth.handover < 0)
        return;
    cage->warmth.is_told = true;
    entry_in_cage(&cage->plan.entry, entry);
    pieces[0].iov_len = strlen(entry) + 1;
    pieces[1].iov_len = (size_t)snprintf(port, sizeof port, "PORT=%u", cage->hosted->port) + 1;
    size_t count = 2 + secrets_pieces(cage->plan.secrets, pieces + 2);
    pieces[count] = (struct iovec){(void *)(uintptr_t)"", 1};
    message.msg_iovlen = count + 1;
    (void) sendmsg(cage->warmth.handover, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void) shutdown(cage->warmth.handover, SHUT_WR);
}

static void set_cpu(struct cage *cage)
{
    struct fault ignored;

    cage->boosted = cage->plan.limits.cpu_percent < START_BOOST_PERCENT;
    (void) group_set_cpu(&cage->group,
                         cage->boosted ? START_BOOST_PERCENT : cage->plan.limits.cpu_percent,
                         &ignored);
}

/* What runs in it goes from one to the other, with the number that epoll knows it by. */
static void move_body(struct cage *from, struct cage *to)
{
    to->number = from->number;
    to->process = from->process;
    to->init = from->init;
    to->began = from->began;
    to->group = from->group;
    to->warmth = from->warmth;
    to->egress = from->egress;
    from->process = (struct cage_process){.pidfd = -1, .control = -1, .log = {-1, -1},
                                          .lifeline = -1};
    from->init = from->warmth.handover = -1;
    from->group = (struct cage_group){.of = NULL};
    from->egress = EGRESS_NONE;
    from->number = 0;
    from->warmth.by_ms = 0;
}

bool warm_give(struct supervisor *self, struct cage *cage)
{
    struct cage *warm = cage->plan.warm ? find(self, cage->plan.warm) : NULL;
    int listener = cage->plan.role == RUN_TRIAL ? cage->door.fd : cage->hosted->door.fd;
    struct group_usage usage;

    if (!warm || warm->warmth.handover < 0)
        return false;
    if (!tell_init(warm, cage->hosted->port, listener)) {
        run_move(self, warm, CAGE_LATE);
        return false;
    }
    workspace_drop_warm(self->parts.workspace, warm->number, warm->plan.uid);
    move_body(warm, cage);
    warm->state = CAGE_GONE;
    group_read_usage(&cage->group, &usage);
    cage->warmth.cpu_us = usage.cpu_us;
    cage->warmth.by_ms = clock_now_ms() + WARM_HANDOVER_MS;
    set_cpu(cage);
    run_watch(self, cage, WATCH_OUT, cage->process.log[0]);
    run_watch(self, cage, WATCH_ERR, cage->process.log[1]);
    run_egress_tick(self, cage, clock_now_ms());
    return true;
}

/* ---- and when it fails ---- */

/* What ran in it, as a warm cage of nobody's; NULL: no memory. */
static struct cage *take_body(struct supervisor *self, struct cage *cage)
{
    struct cage *body = run_new(self);
    uint64_t number = body ? body->number : 0;

    if (!body)
        return NULL;
    disk_watch_remove(self->disk, cage->number);
    run_egress_leave(self, cage);
    move_body(cage, body);
    body->plan.role = RUN_WARM;
    run_add(self, body);
    cage->number = number;
    cage->warmth = (struct warmth){.handover = -1};
    cage->began = cage->exited = false;
    probe_drop(&cage->probe);           /* which epoll knows by the old number */
    cage->probe.again_at_ms = clock_now_ms();
    return body;
}

void warm_take_back(struct supervisor *self, struct cage *cage)
{
    struct cage *body = cage->warmth.by_ms ? take_body(self, cage) : NULL;

    if (body)
        run_move(self, body, CAGE_LATE);
}

bool warm_fall_back(struct supervisor *self, struct cage *cage)
{
    struct fault ignored;

    if (!cage->warmth.by_ms || cage->state != CAGE_STARTING)
        return false;
    if (cage->warmth.handover >= 0)
        warm_handle(cage);              /* its last word may still stand there */
    struct cage *body = cage->warmth.by_ms ? take_body(self, cage) : NULL;
    if (!body)
        return false;
    run_move(self, body, CAGE_ENDED);
    app_log_say(&cage->hosted->log, "the warm cage did not take it; it starts in a fresh one");
    if (run_disk_begin(self, cage, &ignored) && run_start_cold(self, cage, &ignored))
        disk_watch_follow(self->disk, cage->number, cage->process.pid);
    else
        run_move(self, cage, CAGE_ENDED);
    return true;
}

void warm_gone(struct supervisor *self, struct cage *cage)
{
    if (!cage->warmth.is_taken && !self->is_stopping)
        failed(self);
    workspace_drop_warm(self->parts.workspace, cage->number, cage->plan.uid);
    sweeper_wake(self->parts.sweeper);
}
