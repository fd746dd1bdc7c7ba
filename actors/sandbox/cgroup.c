/* cgroup.c - one cage's cgroup: limits, usage, its end; see cgroup.h. */
#include "actors/sandbox/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bus/owned.h"

enum { CPU_PERIOD_US = 100000, FILE_OCTETS_MAX = 16384 };

static bool write_file(int dir, const char *name, const char *value)
{
    OWNED(fd) int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t size = strlen(value);

    return fd >= 0 && write(fd, value, size) == (ssize_t)size;
}

static bool write_count(int dir, const char *name, uint64_t value)
{
    char text[24];

    (void) snprintf(text, sizeof text, "%" PRIu64, value);
    return write_file(dir, name, text);
}

/* The file's text, NUL-terminated; empty when it cannot be read. */
static const char *read_file(int dir, const char *name, char out[FILE_OCTETS_MAX])
{
    OWNED(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t size = fd >= 0 ? read(fd, out, FILE_OCTETS_MAX - 1) : 0;

    out[size > 0 ? size : 0] = '\0';
    return out;
}

static uint64_t read_count(int dir, const char *name)
{
    char text[FILE_OCTETS_MAX];

    return strtoull(read_file(dir, name, text), NULL, 10);
}

/* The number behind `key` in a file of "key number" lines; 0 when it has no such line. */
static uint64_t read_keyed(int dir, const char *name, const char *key)
{
    char text[FILE_OCTETS_MAX];
    size_t size = strlen(key);

    for (const char *line = read_file(dir, name, text); line && *line;) {
        if (strncmp(line, key, size) == 0 && line[size] == ' ')
            return strtoull(line + size + 1, NULL, 10);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return 0;
}

/* ---- making ---- */

static bool refuse(struct fault *fault, const struct cage_group *self, const char *what)
{
    return fault_set(fault, FAULT_internal, "cgroup '%s': %s: %s", self->name, what,
                     strerror(errno));
}

static bool limit_v2(struct cage_group *self, const struct group_limits *limits,
                     struct fault *fault)
{
    int dir = self->dirs[0];

    if (!write_count(dir, "memory.max", limits->memory_bytes))
        return refuse(fault, self, "memory.max");
    (void) write_count(dir, "memory.swap.max", 0);      /* absent without swap accounting */
    if (!write_count(dir, "pids.max", limits->pids))
        return refuse(fault, self, "pids.max");
    return true;
}

static bool limit_v1(struct cage_group *self, const struct group_limits *limits,
                     struct fault *fault)
{
    int memory = self->dirs[PLACE_MEMORY];

    if (!write_count(memory, "memory.limit_in_bytes", limits->memory_bytes))
        return refuse(fault, self, "memory.limit_in_bytes");
    (void) write_count(memory, "memory.memsw.limit_in_bytes", limits->memory_bytes);
    if (!write_count(self->dirs[PLACE_PIDS], "pids.max", limits->pids))
        return refuse(fault, self, "pids.max");
    return true;
}

bool group_set_cpu(struct cage_group *self, uint64_t cpu_percent, struct fault *fault)
{
    uint64_t quota_us = cpu_percent * CPU_PERIOD_US / 100;
    char text[48];

    if (!self->of || self->of->kind == CGROUP_NONE)
        return true;
    if (self->of->kind == CGROUP_V2) {
        (void) snprintf(text, sizeof text, "%" PRIu64 " %d", quota_us, CPU_PERIOD_US);
        return write_file(self->dirs[0], "cpu.max", text) || refuse(fault, self, "cpu.max");
    }
    return (write_count(self->dirs[PLACE_CPU], "cpu.cfs_period_us", CPU_PERIOD_US) &&
            write_count(self->dirs[PLACE_CPU], "cpu.cfs_quota_us", quota_us)) ||
           refuse(fault, self, "cpu.cfs_quota_us");
}

static bool open_dirs(struct cage_group *self, struct fault *fault)
{
    for (int place = 0; place < PLACES; place++) {
        int parent = self->of->dirs[place];
        if (parent < 0)
            continue;
        if (mkdirat(parent, self->name, 0755) < 0 && errno != EEXIST)
            return refuse(fault, self, "mkdir");
        self->dirs[place] = openat(parent, self->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (self->dirs[place] < 0)
            return refuse(fault, self, "open");
    }
    return true;
}

bool group_make(const struct cgroups *of, const char *name, const struct group_limits *limits,
                struct cage_group *out, struct fault *fault)
{
    *out = (struct cage_group){.of = of, .dirs = {-1, -1, -1, -1}};
    (void) snprintf(out->name, sizeof out->name, "%s", name);
    if (of->kind == CGROUP_NONE)
        return true;
    bool made = open_dirs(out, fault) &&
                (of->kind == CGROUP_V2 ? limit_v2(out, limits, fault)
                                       : limit_v1(out, limits, fault)) &&
                group_set_cpu(out, limits->cpu_percent, fault);
    if (!made)
        (void) group_remove(out);
    return made;
}

bool group_doors(const struct cage_group *self, int out[PLACES], size_t *count,
                 struct fault *fault)
{
    bool is_v2 = self->of && self->of->kind == CGROUP_V2;

    *count = 0;
    for (int place = 0; self->of && place < PLACES; place++) {
        if (self->dirs[place] < 0)
            continue;
        int door = is_v2 ? fcntl(self->dirs[place], F_DUPFD_CLOEXEC, 3)
                         : openat(self->dirs[place], "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (door < 0) {
            while (*count > 0)
                (void) close(out[--*count]);
            return refuse(fault, self, "cgroup.procs");
        }
        out[(*count)++] = door;
    }
    return true;
}

/* ---- looking ---- */

void group_read_usage(const struct cage_group *self, struct group_usage *out)
{
    int memory = self->dirs[PLACE_MEMORY], cpu = self->dirs[PLACE_CPU];
    int all = self->dirs[0], account = self->dirs[PLACE_CPUACCT];

    *out = (struct group_usage){0};
    if (!self->of || self->of->kind == CGROUP_NONE || all < 0)
        return;
    if (self->of->kind == CGROUP_V2) {
        *out = (struct group_usage){
            .memory_bytes = read_count(all, "memory.current"),
            .memory_peak_bytes = read_count(all, "memory.peak"),
            .cpu_us = read_keyed(all, "cpu.stat", "usage_usec"),
            .oom_kills = read_keyed(all, "memory.events", "oom_kill"),
            .throttled_count = read_keyed(all, "cpu.stat", "nr_throttled"),
            .throttled_us = read_keyed(all, "cpu.stat", "throttled_usec"),
            .pids_refused = read_keyed(all, "pids.events", "max"),
            .has_cpu = true,
        };
        return;
    }
    *out = (struct group_usage){
        .memory_bytes = read_count(memory, "memory.usage_in_bytes"),
        .memory_peak_bytes = read_count(memory, "memory.max_usage_in_bytes"),
        .cpu_us = account >= 0 ? read_count(account, "cpuacct.usage") / 1000 : 0,
        .oom_kills = read_keyed(memory, "memory.oom_control", "oom_kill"),
        .throttled_count = read_keyed(cpu, "cpu.stat", "nr_throttled"),
        .throttled_us = read_keyed(cpu, "cpu.stat", "throttled_time") / 1000,
        .pids_refused = read_keyed(self->dirs[PLACE_PIDS], "pids.events", "max"),
        .has_cpu = account >= 0,
    };
}

bool group_is_empty(const struct cage_group *self)
{
    char text[FILE_OCTETS_MAX];

    if (!self->of || self->of->kind == CGROUP_NONE || self->dirs[0] < 0)
        return true;
    return *read_file(self->dirs[0], "cgroup.procs", text) == '\0';
}

/* ---- ending ---- */

bool group_kill(const struct cage_group *self)
{
    char text[FILE_OCTETS_MAX];
    char *at = text;

    if (group_is_empty(self))
        return true;
    if (self->of->kind == CGROUP_V2 && write_file(self->dirs[0], "cgroup.kill", "1"))
        return group_is_empty(self);
    (void) write_count(self->dirs[PLACE_PIDS], "pids.max", 0);      /* no more forks meanwhile */
    (void) read_file(self->dirs[PLACE_PIDS], "cgroup.procs", text);
    while (*at) {
        long pid = strtol(at, &at, 10);
        if (pid <= 1)
            break;
        (void) kill((pid_t)pid, SIGKILL);
        while (*at == '\n')
            at++;
    }
    return group_is_empty(self);
}

bool group_remove(struct cage_group *self)
{
    bool gone = true;

    for (int place = 0; self->of && place < PLACES; place++) {
        if (self->of->dirs[place] < 0)
            continue;
        if (unlinkat(self->of->dirs[place], self->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            gone = false;
    }
    if (!gone)
        return false;
    for (int place = 0; self->of && place < PLACES; place++)
        fd_drop(&self->dirs[place]);
    self->of = NULL;
    return true;
}
