/* install_npm.c - npm in a cage, watched until it ends or must; see install_npm.h. */
#include "actors/sandbox/install_npm.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/disk_measure.h"
#include "actors/sandbox/filter.h"
#include "actors/sandbox/init/protocol.h"
#include "actors/sandbox/runtime.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { PORT = 9000, LOOK_MS = 250, PROXY_GONE_MS = 2000, HEAP_WORD_SIZE = 48 };

struct npm {
    const struct npm_order *order;
    struct npm_said *said;
    struct cage_group group;
    struct cage_process process;
    struct egress egress;
    int listener, filter;
    bool is_over;                   /* the cage is gone */
    struct egress_report refused;   /* the last connection that was; port 0: none */
    bool has_status;
    int status;
    int64_t look_at_ms;
};

/* ---- starting ---- */

static bool open_way_out(struct npm *self, struct fault *fault)
{
    const struct npm_order *order = self->order;
    const struct egress_start how = {.app_id = order->app_id, .uid = order->uid,
                                     .group = &self->group};
    const struct egress_grants grants = {.count = 1, .at = {order->install->grant}};

    if (!egress_open(&self->egress, order->egress, order->name, order->uid, fault) ||
        !egress_start(&self->egress, order->egress, &how, fault))
        return false;
    egress_tell(&self->egress, &grants);
    return true;
}

static size_t write_words(const struct npm_order *order, char heap[HEAP_WORD_SIZE],
                          const char *out[NPM_WORDS_MAX])
{
    size_t count = 0;

    (void) snprintf(heap, HEAP_WORD_SIZE, "--max-old-space-size=%" PRIu64,
                    order->install->limits.memory_mb / 4 * 3);
    out[count++] = order->host->caged_node;
    out[count++] = heap;
    out[count++] = "--require";
    out[count++] = "/isekai/egress.js";
    out[count++] = order->install->caged_npm;
    for (const char *const *word = order->words; *word && count + 1 < NPM_WORDS_MAX; word++)
        out[count++] = *word;
    out[count] = NULL;
    return count;
}

static bool start_cage(struct npm *self, struct fault *fault)
{
    static const struct entry nothing = {.is_static = true};
    const struct npm_order *order = self->order;
    const char *words[NPM_WORDS_MAX];
    char heap[HEAP_WORD_SIZE], egress[2 * PATH_MAX];
    const struct cage_spec spec = {
        .host = order->host, .app_path = order->app_path, .data_path = order->data_path,
        .egress_path = egress, .mounts = order->install->mounts,
        .mount_count = order->install->mount_count, .entry = &nothing, .program = words,
        .limits = &order->install->limits, .port = PORT, .uid = order->uid, .listener = self->listener,
        .filter = self->filter, .group = &self->group,
    };

    (void) write_words(order, heap, words);
    egress_path(&self->egress, order->egress, egress, sizeof egress);
    return cage_start(&spec, &self->process, fault);
}

static bool begin(struct npm *self, struct fault *fault)
{
    const struct npm_order *order = self->order;
    const struct group_limits most = runtime_group_limits(order->host->runtime, &order->install->limits);

    self->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);    /* nobody can reach it */
    if (self->listener < 0)
        return fault_set(fault, FAULT_internal, "socket: %s", strerror(errno));
    return filter_make(&self->filter, fault) &&
           group_make(order->cgroups, order->name, &most, &self->group, fault) &&
           open_way_out(self, fault) && start_cage(self, fault);
}

/* ---- listening ---- */

static void keep(struct npm_said *said, const char *at, size_t size)
{
    size_t over = said->size + size > sizeof said->at ? said->size + size - sizeof said->at : 0;

    if (over > said->size)
        over = said->size;
    memmove(said->at, said->at + over, said->size - over);
    memcpy(said->at + said->size - over, at, size);
    said->size = said->size - over + size;
}

static void hear(struct npm *self, int *fd)
{
    char octets[4096];
    ssize_t size = read(*fd, octets, sizeof octets);

    if (size > 0)
        keep(self->said, octets, (size_t)size);
    else if (size == 0 || (errno != EAGAIN && errno != EINTR))
        fd_drop(fd);
}

static void hear_init(struct npm *self)
{
    struct init_report report;
    ssize_t size = recv(self->process.control, &report, sizeof report, MSG_DONTWAIT);

    if (size == sizeof report && report.kind == INIT_APP_EXITED) {
        self->has_status = true;
        self->status = report.value;
    }
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
        fd_drop(&self->process.control);
}

static void hear_proxy(struct npm *self)
{
    struct egress_report what;

    while (egress_hear(&self->egress, &what))
        if (what.end == EGRESS_DENIED || what.end == EGRESS_PRIVATE)
            self->refused = what;
}

static bool refuse_size(const struct npm *self, struct fault *fault)
{
    return fault_set(fault, FAULT_start_failed, "dependencies: they are more than %" PRIu64 " MB (INSTALL_MB_MAX); "
                     "depend on less", self->order->install->octets_max >> 20);
}

static bool check_disk(const struct npm *self, struct fault *fault)
{
    const struct install_host *install = self->order->install;
    const struct disk_bounds bounds = {install->octets_max, install->files_max, NULL};
    const int dirs[] = {self->order->app, self->order->data};

    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        struct disk_usage usage = {0};
        disk_measure(dirs[i], &bounds, &usage);
        if (usage.octets > bounds.octets_max)
            return refuse_size(self, fault);
        if (disk_is_over(&usage, &bounds))
            return fault_set(fault, FAULT_start_failed, "dependencies: they are more than %" PRIu64
                             " files (INSTALL_FILES_MAX); depend on less", bounds.entries_max);
    }
    return true;
}

static bool may_go_on(struct npm *self, struct fault *fault)
{
    const struct npm_order *order = self->order;
    int64_t now = clock_now_ms();

    if (order->is_unwanted(order->of))
        return fault_set(fault, FAULT_conflict, "another change of the app took over, or we are stopping");
    if (now >= order->caller_deadline_ms)
        return fault_set(fault, FAULT_timed_out, "the dependencies were not installed in time");
    if (now >= order->deadline_ms)
        return fault_set(fault, FAULT_start_failed, "dependencies: they were not installed within %" PRIi64
                         " ms (INSTALL_TIMEOUT_MS); depend on less, or try again",
                         order->install->timeout_ms);
    if (now < self->look_at_ms)
        return true;
    self->look_at_ms = now + LOOK_MS;
    return check_disk(self, fault);
}

static bool watch(struct npm *self, struct fault *fault)
{
    while (!self->is_over) {
        struct pollfd ready[] = {
            {self->process.log[0], POLLIN, 0}, {self->process.log[1], POLLIN, 0},
            {self->process.control, POLLIN, 0}, {self->egress.control, POLLIN, 0},
            {self->process.pidfd, POLLIN, 0},
        };
        if (!may_go_on(self, fault))
            return false;
        (void) poll(ready, sizeof ready / sizeof *ready, LOOK_MS);
        for (int i = 0; i < 2; i++)
            if (ready[i].revents)
                hear(self, &self->process.log[i]);
        if (ready[2].revents)
            hear_init(self);
        if (ready[3].revents)
            hear_proxy(self);
        /* What it said last may still be in the pipes. */
        self->is_over = ready[4].revents && self->process.log[0] < 0 && self->process.log[1] < 0 &&
                        self->process.control < 0;
    }
    return true;
}

/* ---- what came of it ---- */

/* The lines that npm marks as its error, without the mark, one after the other. */
static void name_error(const struct npm_said *said, char *out, size_t size)
{
    static const char *const marks[] = {"npm error ", "npm ERR! "};
    size_t used = 0;

    *out = '\0';
    for (size_t at = 0; at < said->size;) {
        const char *line = said->at + at, *end = memchr(line, '\n', said->size - at);
        size_t length = end ? (size_t)(end - line) : said->size - at;
        at += length + 1;
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
            size_t mark = strlen(marks[i]);
            if (length <= mark || memcmp(line, marks[i], mark) != 0)
                continue;
            int more = snprintf(out + used, size - used, "%s%.*s", used ? "; " : "",
                                (int)(length - mark), line + mark);
            if (more < 0 || (size_t)more >= size - used)
                return;
            used += (size_t)more;
        }
    }
}

static bool refuse_way_out(const struct egress_report *what, struct fault *fault)
{
    if (what->end == EGRESS_PRIVATE)
        return fault_set(fault, FAULT_start_failed, "dependencies: the registry %.80s has an address that is "
                         "not public; if it shall be used, allow that with EGRESS_ALLOW_ADDRESSES",
                         what->host);
    return fault_set(fault, FAULT_start_failed, "dependencies: they ask for %.80s:%u, but only the registry "
                     "is in reach; depend on packages of it alone", what->host, what->port);
}

static bool has_said(const struct npm *self, const char *words)
{
    return memmem(self->said->at, self->said->size, words, strlen(words)) != NULL;
}

/* The kernel ended it, or Node.js itself when its heap was full. */
static bool took_too_much(const struct npm *self)
{
    struct group_usage usage;

    group_read_usage(&self->group, &usage);
    return usage.oom_kills > 0 || has_said(self, "JavaScript heap out of memory");
}

/* One file reached the bound of all; what was cut off there may be gone from the disk again. */
static bool wrote_too_much(const struct npm *self)
{
    return has_said(self, "signal SIGXFSZ") || has_said(self, "EFBIG");
}

static bool judge(const struct npm *self, struct fault *fault)
{
    char error[160];

    if (self->has_status && WIFEXITED(self->status) && WEXITSTATUS(self->status) == 0)
        return check_disk(self, fault);
    if (took_too_much(self))
        return fault_set(fault, FAULT_start_failed, "dependencies: npm took more than %" PRIu64 " MB of memory "
                         "(INSTALL_MEMORY_MB); depend on less", self->order->install->limits.memory_mb);
    if (wrote_too_much(self))
        return refuse_size(self, fault);
    if (!check_disk(self, fault))           /* why npm could not write on */
        return false;
    if (self->refused.port)
        return refuse_way_out(&self->refused, fault);
    name_error(self->said, error, sizeof error);
    return fault_set(fault, FAULT_start_failed, "dependencies: npm failed: %s",
                     *error ? error : "its last lines say why");
}

static void end(struct npm *self)
{
    int64_t deadline_ms = clock_now_ms() + PROXY_GONE_MS;

    while (!egress_stop(&self->egress) && clock_left_ms(deadline_ms) > 0)
        (void) poll(NULL, 0, 1);
    cage_end(&self->process, &self->group);
    egress_close(&self->egress, self->order->egress);
    fd_drop(&self->listener);
    fd_drop(&self->filter);
}

bool npm_run(const struct npm_order *order, struct npm_said *said, struct fault *fault)
{
    struct npm npm = {
        .order = order, .said = said, .group.dirs = {-1, -1, -1, -1}, .listener = -1, .filter = -1,
        .process = {.pidfd = -1, .control = -1, .log = {-1, -1}, .lifeline = -1},
        .egress = EGRESS_NONE,
    };

    said->size = 0;
    bool done = begin(&npm, fault) && watch(&npm, fault) && judge(&npm, fault);
    end(&npm);
    return done;
}
