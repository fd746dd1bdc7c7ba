/* install_host.c - npm, the registry and the bounds of installs; see install_host.h. */
#include "actors/sandbox/install_host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/reach.h"
#include "actors/sandbox/tree.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { CA_OCTETS_MAX = 4 << 20, PIECE_OCTETS = 65536, ASK_NODE_MS = 20000 };

/* ---- the registry ---- */

static bool refuse_registry(struct fault *fault)
{
    return fault_set(fault, FAULT_malformed, "SANDBOX_REGISTRY is http:// or https://, a host, maybe a port "
                     "and a path ending in '/', without user or query; or off");
}

static bool read_port(struct text text, uint16_t fallback, uint16_t *out)
{
    unsigned long port = 0;

    *out = fallback;
    if (text.size == 0)
        return true;
    if (text.at[0] != ':' || text.size < 2 || text.size > 6)
        return false;
    for (size_t i = 1; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        port = port * 10 + (unsigned long)(text.at[i] - '0');
    }
    *out = (uint16_t)port;
    return port >= 1 && port <= 65535;
}

static bool is_path(const char *path)
{
    size_t size = strlen(path);

    for (size_t i = 0; i < size; i++)
        if (path[i] <= ' ' || path[i] == 0x7f || strchr("?#@\\\"'", path[i]))
            return false;
    return path[size - 1] == '/';
}

bool install_read_registry(struct install_host *out, const char *registry, struct fault *fault)
{
    bool is_https = strncmp(registry, "https://", 8) == 0;
    const char *host = registry + (is_https ? 8 : 7);

    out->is_on = strcmp(registry, "off") != 0;
    out->registry = registry;
    if (!out->is_on)
        return true;
    if (!is_https && strncmp(registry, "http://", 7) != 0)
        return refuse_registry(fault);
    size_t authority = strcspn(host, "/"), name = strcspn(host, ":/");
    struct text port = {host + name, authority - name};
    if (host[authority] != '/' || !is_path(host + authority) ||
        !host_read((struct text){host, name}, out->grant.host) ||
        !read_port(port, is_https ? 443 : 80, &out->grant.port))
        return refuse_registry(fault);
    (void) snprintf(out->origin, sizeof out->origin, "%.*s/", (int)(host + authority - registry),
                    registry);
    return true;
}

/* ---- npm ---- */

static bool is_file(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

/* What a name in PATH leads to; a script that starts npm in another way cannot be used. */
static bool is_npm(const char *path, char out[PATH_MAX])
{
    static const char end[] = "/bin/npm-cli.js";

    if (!realpath(path, out) || !is_file(out))
        return false;
    size_t size = strlen(out);
    return size >= sizeof end && strcmp(out + size - (sizeof end - 1), end) == 0;
}

static bool find_npm(char out[PATH_MAX])
{
    const char *list = getenv("PATH");
    char path[PATH_MAX];

    for (const char *at = list ? list : "/usr/bin:/bin"; *at;) {
        size_t size = strcspn(at, ":");
        int length = snprintf(path, sizeof path, "%.*s/npm", (int)size, at);
        if (*at == '/' && length < (int)sizeof path && is_npm(path, out))
            return true;
        at += size + (at[size] == ':');
    }
    return false;
}

/* The reason why there is none is kept: an app that needs an install is told. */
static bool choose_npm(struct install_host *out, const char *set, bool for_others,
                       struct fault *fault)
{
    struct fault why;

    if (*set && !is_npm(set, out->npm))
        return fault_set(fault, FAULT_not_found, "SANDBOX_NPM_PATH '%s' leads to no bin/npm-cli.js",
                         set);
    if (!*set && !find_npm(out->npm))
        (void) snprintf(out->why_not, sizeof out->why_not, "npm is not in PATH; install it with: "
                        "apt-get install npm, or set SANDBOX_NPM_PATH");
    else if (for_others && !reach_check(out->npm, &why))
        (void) snprintf(out->why_not, sizeof out->why_not, "%.199s", why.reason);
    return true;
}

static void add_mount(struct install_host *out, const char *from, const char *to)
{
    out->mounts[out->mount_count++] = (struct cage_mount){from, to};
}

/* Below /usr npm is in every cage already; one from elsewhere is put beside it. */
static void place_npm(struct install_host *out)
{
    bool is_shown = strncmp(out->npm, "/usr/lib/", 9) == 0 ||
                    strncmp(out->npm, "/usr/share/nodejs/", 18) == 0;
    char *cut = out->npm;
    char npmrc[PATH_MAX + 16];

    if (is_shown)
        (void) snprintf(out->caged_npm, sizeof out->caged_npm, "%s", out->npm);
    else
        (void) snprintf(out->caged_npm, sizeof out->caged_npm, "/opt/npm/bin/npm-cli.js");
    for (int i = 0; i < 2 && (cut = strrchr(out->npm, '/')); i++)
        *cut = '\0';
    if (!is_shown)
        add_mount(out, out->npm, "/opt/npm");
    (void) snprintf(npmrc, sizeof npmrc, "%s/npmrc", out->npm);
    (void) snprintf(out->hidden, sizeof out->hidden, "%s/npmrc", is_shown ? out->npm : "/opt/npm");
    if (is_file(npmrc))
        add_mount(out, out->empty, out->hidden);
}

/* ---- files ---- */

static bool put(const char *path, int from, struct fault *fault)
{
    char piece[PIECE_OCTETS];
    ssize_t size = 0;
    size_t all = 0;

    (void) unlink(path);
    OWNED(fd) int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
    if (to < 0 || fchmod(to, 0444) < 0)
        return tree_fault(fault, path);
    while (from >= 0 && (size = read(from, piece, sizeof piece)) > 0) {
        all += (size_t)size;
        if (all > CA_OCTETS_MAX)
            return fault_set(fault, FAULT_malformed, "SANDBOX_REGISTRY_CA_FILE has more than %d octets",
                             CA_OCTETS_MAX);
        if (write(to, piece, (size_t)size) != size)
            return tree_fault(fault, path);
    }
    return size == 0 || tree_fault(fault, "read SANDBOX_REGISTRY_CA_FILE");
}

static bool put_files(struct install_host *out, const char *files, const char *ca,
                      struct fault *fault)
{
    OWNED(fd) int from = *ca ? open(ca, O_RDONLY | O_CLOEXEC) : -1;

    if (*ca && from < 0)
        return fault_set(fault, FAULT_not_found, "SANDBOX_REGISTRY_CA_FILE '%s': %s", ca,
                         strerror(errno));
    (void) snprintf(out->empty, sizeof out->empty, "%s/npmrc", files);
    (void) snprintf(out->ca, sizeof out->ca, "%s/registry.pem", files);
    if (!put(out->empty, -1, fault))
        return false;
    if (!*ca)
        return true;
    if (!put(out->ca, from, fault))
        return false;
    out->has_ca = true;
    add_mount(out, out->ca, INSTALL_CA_IN_CAGE);
    return true;
}

/* ---- what is installed for ---- */

static bool spawn_node(const char *node, int answer, pid_t *pid)
{
    static char name[] = "node", print[] = "-p",
                ask[] = "[process.platform, process.arch, process.versions.modules].join('-')";
    char *const argv[] = {name, print, ask, NULL}, *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    bool spawned = posix_spawn_file_actions_adddup2(&actions, answer, STDOUT_FILENO) == 0 &&
                   posix_spawn(pid, node, &actions, NULL, argv, environment) == 0;
    (void) posix_spawn_file_actions_destroy(&actions);
    return spawned;
}

static bool is_kind(const char *at)
{
    return *at && at[strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789-_")] == '\0';
}

static bool ask_node(struct install_host *out, const char *node, struct fault *fault)
{
    int64_t deadline_ms = clock_now_ms() + ASK_NODE_MS;
    int pair[2], status;
    size_t size = 0;
    pid_t pid;

    if (pipe2(pair, O_CLOEXEC) < 0)
        return fault_set(fault, FAULT_internal, "pipe: %s", strerror(errno));
    OWNED(fd) int from = pair[0];
    bool spawned = spawn_node(node, pair[1], &pid);
    (void) close(pair[1]);
    if (!spawned)
        return fault_set(fault, FAULT_internal, "'%s' does not start", node);
    struct pollfd ready = {from, POLLIN, 0};
    ssize_t more = 1;
    while (more > 0 && size + 1 < sizeof out->kind &&
           poll(&ready, 1, (int)clock_left_ms(deadline_ms)) > 0)
        if ((more = read(from, out->kind + size, sizeof out->kind - 1 - size)) > 0)
            size += (size_t)more;
    (void) kill(pid, SIGKILL);          /* it has said all, or too much, or nothing */
    (void) waitpid(pid, &status, 0);
    out->kind[size] = '\0';
    out->kind[strcspn(out->kind, "\n")] = '\0';
    return is_kind(out->kind) ||
           fault_set(fault, FAULT_internal, "'%s' does not say what it is built for", node);
}

bool install_host_open(struct install_host *out, const struct sandbox_settings *settings,
                       const struct cage_host *host, bool for_others, struct fault *fault)
{
    *out = (struct install_host){
        .packages_max = settings->install_packages_max,
        .octets_max = settings->install_mb_max << 20,
        .files_max = settings->install_files_max,
        .cache_octets_max = settings->install_cache_mb << 20,
        .limits = {.memory_mb = settings->install_memory_mb, .cpu_percent = settings->install_cpu_percent,
                   .pids = settings->install_pids, .open_files = settings->install_open_files,
                   .file_mb = settings->install_mb_max,
                   .start_timeout_ms = settings->install_timeout_ms},
        .timeout_ms = (int64_t)settings->install_timeout_ms,
    };
    if (!install_read_registry(out, settings->sandbox_registry, fault) || !out->is_on)
        return !out->is_on;
    if (!put_files(out, host->files, settings->sandbox_registry_ca_file, fault) ||
        !choose_npm(out, settings->sandbox_npm_path, for_others, fault))
        return false;
    if (!*out->why_not)
        place_npm(out);
    return ask_node(out, host->node, fault);
}
