/* places.c - where a set of processes keeps its data and its sockets: settings_complete(). */
#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/log.h"
#include "bus/settings.h"

enum { PATH_OCTETS_MAX = 200, RUN_OCTETS_MAX = 48, PLACE_SIZE = 1024 };

/* Text that lives as long as the process; the chain keeps it reachable. */
struct kept { struct kept *next; char text[]; };

static const char *keep(const char *text)
{
    static struct kept *chain;
    size_t size = strlen(text) + 1;
    struct kept *kept = malloc(sizeof *kept + size);

    if (!kept)
        return NULL;
    memcpy(kept->text, text, size);
    kept->next = chain;
    chain = kept;
    return kept->text;
}

static bool print(char out[PLACE_SIZE], struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool print(char out[PLACE_SIZE], struct fault *fault, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int size = vsnprintf(out, PLACE_SIZE, format, args);
    va_end(args);
    if (size < 0 || size >= PLACE_SIZE)
        return fault_set(fault, FAULT_malformed, "a path of %d octets is too long", size);
    return true;
}

/* Drop the last name of out[0..used). */
static size_t without_last_name(const char *out, size_t used)
{
    while (used > 0 && out[used - 1] != '/')
        used--;
    return used > 0 ? used - 1 : 0;
}

/* Write the absolute `path` to `out`, without empty, `.` and `..` names. */
static void tidy_path(const char *path, char out[PLACE_SIZE])
{
    size_t used = 0;

    while (*path) {
        size_t length = strcspn(path, "/");
        if (length == 2 && memcmp(path, "..", 2) == 0) {
            used = without_last_name(out, used);
        } else if (length > 0 && !(length == 1 && *path == '.')) {
            out[used++] = '/';
            memcpy(out + used, path, length);
            used += length;
        }
        path += length + (path[length] == '/');
    }
    if (used == 0)
        out[used++] = '/';
    out[used] = '\0';
}

static bool make_absolute(const char *path, char out[PLACE_SIZE], struct fault *fault)
{
    char here[PLACE_SIZE / 2], whole[PLACE_SIZE];

    if (*path == '/') {
        if (!print(whole, fault, "%s", path))
            return false;
    } else {
        if (!getcwd(here, sizeof here))
            return fault_set(fault, FAULT_internal, "getcwd: %s", strerror(errno));
        if (!print(whole, fault, "%s/%s", here, path))
            return false;
    }
    tidy_path(whole, out);
    return true;
}

/* A directory variable of the XDG specification counts only when it is absolute. */
static const char *directory_from(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value == '/' ? value : NULL;
}

static bool default_data(char out[PLACE_SIZE], struct fault *fault)
{
    const char *state = directory_from("XDG_STATE_HOME");
    const char *home = directory_from("HOME");

    if (geteuid() == 0)
        return print(out, fault, "/var/lib/isekai");
    if (state)
        return print(out, fault, "%s/isekai", state);
    if (home)
        return print(out, fault, "%s/.local/state/isekai", home);
    return fault_set(fault, FAULT_malformed, "isekai_data: give --data; HOME is not set");
}

/* 8 hex digits that stand for the data directory. */
static void name_of(const char *data, char out[9])
{
    unsigned char hash[crypto_generichash_BYTES_MIN];

    (void) crypto_generichash(hash, sizeof hash, (const unsigned char *)data, strlen(data), NULL,
                              0);
    sodium_bin2hex(out, 9, hash, 4);
}

static bool default_run(const char *data, char out[PLACE_SIZE], struct fault *fault)
{
    const char *runtime = directory_from("XDG_RUNTIME_DIR");
    char name[9];

    name_of(data, name);
    if (geteuid() == 0)
        return print(out, fault, "/run/isekai/%s", name);
    if (runtime && strlen(runtime) + sizeof "/isekai/" + sizeof name - 2 <= RUN_OCTETS_MAX)
        return print(out, fault, "%s/isekai/%s", runtime, name);
    return print(out, fault, "/tmp/isekai-%u/%s", (unsigned)geteuid(), name);
}

static bool put(const char *name, const char *text, size_t octets_max, const char **out,
                struct fault *fault)
{
    if (strlen(text) > octets_max)
        return fault_set(fault, FAULT_malformed, "%s: '%.60s...' has %zu octets, more than %zu",
                         name, text, strlen(text), octets_max);
    *out = keep(text);
    return *out || fault_set(fault, FAULT_internal, "no memory");
}

static bool complete_data(struct bus_settings *bus, struct fault *fault)
{
    char place[PLACE_SIZE], whole[PLACE_SIZE];

    if (!*bus->isekai_data && !default_data(place, fault))
        return false;
    return make_absolute(*bus->isekai_data ? bus->isekai_data : place, whole, fault) &&
           put("isekai_data", whole, PATH_OCTETS_MAX, &bus->isekai_data, fault);
}

static bool complete_run(struct bus_settings *bus, struct fault *fault)
{
    char place[PLACE_SIZE], whole[PLACE_SIZE];

    if (!*bus->isekai_run && !default_run(bus->isekai_data, place, fault))
        return false;
    return make_absolute(*bus->isekai_run ? bus->isekai_run : place, whole, fault) &&
           put("isekai_run", whole, RUN_OCTETS_MAX, &bus->isekai_run, fault);
}

static bool complete_endpoints(struct bus_settings *bus, struct fault *fault)
{
    char place[PLACE_SIZE];

    if (*bus->bus_endpoints)
        return true;
    return print(place, fault, "ipc://%s/bus/broker", bus->isekai_run) &&
           put("bus_endpoints", place, PLACE_SIZE, &bus->bus_endpoints, fault);
}

static bool check_words(const struct bus_settings *bus, struct fault *fault)
{
    enum log_level level;

    if (strcmp(bus->isekai_env, "development") != 0 && strcmp(bus->isekai_env, "production") != 0)
        return fault_set(fault, FAULT_malformed,
                         "isekai_env: '%s' is neither development nor production", bus->isekai_env);
    if (!log_level_from_name(bus->log_level, &level))
        return fault_set(fault, FAULT_malformed,
                         "log_level: '%s' is none of error, warn, info, debug", bus->log_level);
    return true;
}

bool settings_complete(struct bus_settings *bus, struct fault *fault)
{
    return check_words(bus, fault) && complete_data(bus, fault) && complete_run(bus, fault) &&
           complete_endpoints(bus, fault);
}
