/* cage_view.c - everything that is in a cage, as arguments of bubblewrap.
 *
 * The order is bubblewrap's order of mounting, and the last lines make what it built itself
 * read-only: its root and /dev are tmpfs that the app's uid owns. Only /app, /data, /tmp and
 * /dev/shm can be written; node finds /node_modules from /app by walking up. There is no shell, no
 * /bin, nothing of /etc, /home, /root, /var or /run.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/cage.h"
#include "actors/sandbox/runtime.h"

static void add(struct cage_arguments *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct cage_arguments *out, const char *format, ...)
{
    size_t room = sizeof out->texts - out->used;
    va_list args;

    va_start(args, format);
    int size = vsnprintf(out->texts + out->used, room, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= room || out->count + 1 >= CAGE_ARGUMENTS_MAX) {
        out->is_full = true;
        return;
    }
    out->at[out->count++] = out->texts + out->used;
    out->at[out->count] = NULL;
    out->used += (size_t)size + 1;
}

static void add_all(struct cage_arguments *out, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(out, "%s", list[i]);
}
#define ADD_ALL(out, list) add_all(out, list, sizeof (list) / sizeof *(list))

static size_t count_words(const char *const *words)
{
    size_t count = 0;

    while (words && words[count])
        count++;
    return count;
}

static void add_words(struct cage_arguments *out, const char *const *words)
{
    add_all(out, words, count_words(words));
}

static const char *const isolation[] = {
    "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
    "--unshare-cgroup", "--hostname", "app", "--new-session", "--die-with-parent", "--as-pid-1",
    "--clearenv",
};

static const char *const environment[][2] = {
    {"HOME", "/app"}, {"DATA_DIR", "/data"}, {"NODE_ENV", "production"}, {"TMPDIR", "/tmp"},
    {"LANG", "C.UTF-8"},
};

/* Libraries, and what distributions keep of node's own modules outside of its program. */
static const char *const shown[] = {
    "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/share/nodejs", "/usr/share/zoneinfo",
    "/lib", "/lib32", "/lib64",
};

static void add_environment(struct cage_arguments *out, const struct cage_spec *spec)
{
    const char *slash = strrchr(spec->host->caged_node, '/');

    for (size_t i = 0; i < sizeof environment / sizeof *environment; i++) {
        add(out, "--setenv");
        add(out, "%s", environment[i][0]);
        add(out, "%s", environment[i][1]);
    }
    add(out, "--setenv");
    add(out, "PATH");
    add(out, "%.*s", (int)(slash - spec->host->caged_node), spec->host->caged_node);
    add(out, "--setenv");
    add(out, "PORT");
    add(out, "%u", spec->port);
    if (spec->entry)
        return;
    add(out, "--setenv");
    add(out, "NODE_OPTIONS");
    add(out, "--require=/isekai/warm.js");
}

static void add_bind(struct cage_arguments *out, const char *verb, const char *from,
                     const char *to)
{
    add(out, "%s", verb);
    add(out, "%s", from);
    add(out, "%s", to);
}

static void add_runtime(struct cage_arguments *out, const struct cage_host *host)
{
    char bundle[PATH_MAX + 16];

    if (!host->runtime->command)
        return;
    add(out, "--size");
    add(out, "%d", RUNTIME_STATE_OCTETS);
    add(out, "--tmpfs");
    add(out, RUNTIME_IN_CAGE);
    add_bind(out, "--ro-bind", host->runsc, RUNTIME_IN_CAGE "/runsc");
    (void) snprintf(bundle, sizeof bundle, "%s/bundle", host->files);
    add_bind(out, "--ro-bind", bundle, RUNTIME_IN_CAGE "/bundle");
}

/* A directory as it is on the host: a link stays a link, what is not there is left out. */
static void add_shown(struct cage_arguments *out, const char *path)
{
    char target[PATH_MAX];
    struct stat about;
    ssize_t size;

    if (lstat(path, &about) < 0)
        return;
    if (!S_ISLNK(about.st_mode)) {
        add_bind(out, "--ro-bind", path, path);
        return;
    }
    size = readlink(path, target, sizeof target - 1);
    if (size <= 0)
        return;
    target[size] = '\0';
    add_bind(out, "--symlink", target, path);
}

static void add_files(struct cage_arguments *out, const struct cage_spec *spec)
{
    char path[PATH_MAX + 16];

    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        add_shown(out, shown[i]);
    if (*spec->host->node_lib)
        add_bind(out, "--ro-bind", spec->host->node_lib, spec->host->caged_lib);
    add_bind(out, "--ro-bind", spec->host->node, spec->host->caged_node);
    (void) snprintf(path, sizeof path, "%s/etc", spec->host->files);
    add_bind(out, "--ro-bind", path, "/etc");
    (void) snprintf(path, sizeof path, "%s/isekai", spec->host->files);
    add_bind(out, "--ro-bind", path, "/isekai");
    if (spec->host->modules)
        add_bind(out, "--ro-bind", spec->host->modules, "/node_modules");
    if (spec->egress_path)
        add_bind(out, "--ro-bind", spec->egress_path, "/isekai/egress.sock");
    add_runtime(out, spec->host);
    add(out, "--proc");
    add(out, "/proc");
    add(out, "--dev");
    add(out, "/dev");
    add(out, "--size");
    add(out, "%d", CAGE_SHM_OCTETS);
    add(out, "--tmpfs");
    add(out, "/dev/shm");
    add(out, "--size");
    add(out, "%d", CAGE_TMP_OCTETS);
    add(out, "--tmpfs");
    add(out, "/tmp");
    add_bind(out, "--bind", spec->app_path, "/app");
    add_bind(out, "--bind", spec->data_path, "/data");
    for (size_t i = 0; i < spec->mount_count; i++)
        add_bind(out, "--ro-bind", spec->mounts[i].from, spec->mounts[i].to);
    add(out, "--chdir");
    add(out, "%s", spec->entry ? "/app" : "/isekai");      /* node notes what is where it begins */
    add(out, "--remount-ro");
    add(out, "/dev");
    add(out, "--remount-ro");
    add(out, "/");
}

/* The app's heap ends before its cgroup does, so that V8 collects instead of being killed. */
static uint64_t heap_mb(uint64_t memory_mb)
{
    return memory_mb - memory_mb / 4;
}

static void add_program(struct cage_arguments *out, const struct cage_spec *spec)
{
    const struct limits *limits = spec->limits;
    bool has_cgroup = spec->group->of && spec->group->of->kind != CGROUP_NONE;
    char entry[ENTRY_IN_CAGE_SIZE];

    add(out, "--");
    add(out, "/isekai/init");
    add(out, "%u", spec->port);
    add(out, "%" PRIu64, limits->start_timeout_ms);
    add(out, "%" PRIu64, limits->open_files);
    add(out, "%" PRIu64, limits->file_mb);
    add(out, "%" PRIu64, limits->pids);
    add(out, "%" PRIu64, has_cgroup ? 0 : limits->memory_mb);
    add(out, "%u", spec->host->landlock);
    add(out, "%zu", count_words(spec->host->runtime->command));
    add_words(out, spec->host->runtime->command);
    if (spec->program) {
        add_words(out, spec->program);
        return;
    }
    add(out, "%s", spec->host->caged_node);
    add(out, "--max-old-space-size=%" PRIu64, heap_mb(limits->memory_mb));
    if (!spec->entry || !spec->entry->is_static) {
        add(out, "--require");
        add(out, "/isekai/egress.js");
    }
    entry_in_cage(spec->entry, entry);
    add(out, "%s", entry);
}

bool cage_arguments(const struct cage_spec *spec, struct cage_arguments *out, struct fault *fault)
{
    out->count = out->used = 0;
    out->is_full = false;
    add(out, "%s", spec->host->bwrap);
    ADD_ALL(out, isolation);
    add_words(out, spec->host->runtime->isolation);
    add_environment(out, spec);
    add_files(out, spec);
    add_program(out, spec);
    return !out->is_full || fault_set(fault, FAULT_internal, "the cage's paths are too long");
}
