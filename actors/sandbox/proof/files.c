/* files.c - probes of isekai-proof: what it can read, see and write. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "actors/sandbox/proof/probes.h"

extern char **environ;

enum { PIECE_OCTETS = 1 << 20 };

#define COUNT(list) (sizeof (list) / sizeof *(list))

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);

    if (fd >= 0)
        (void) close(fd);
    return fd >= 0;
}

static bool none_opens(const char *const *paths, size_t count, int flags, char detail[DETAIL_SIZE])
{
    for (size_t i = 0; i < count; i++)
        if (opens(paths[i], flags))
            return broke(detail, "opened %s", paths[i]);
    return true;
}

bool probe_host_files(const struct targets *targets, char detail[DETAIL_SIZE])
{
    static const char *const paths[] = {"/etc/shadow", "/root", "/home", "/var", "/run", "/sys",
                                        "/boot", "/proc/1/root/etc", "/proc/kcore"};

    (void) targets;
    return none_opens(paths, COUNT(paths), O_RDONLY, detail);
}

bool probe_own_directories(const struct targets *targets, char detail[DETAIL_SIZE])
{
    const char *paths[] = {target(targets, PROOF_WORD_RUNTIME), target(targets, PROOF_WORD_RUN)};

    for (size_t i = 0; i < COUNT(paths); i++)
        if (access(paths[i], F_OK) == 0)
            return broke(detail, "%.80s is there", paths[i]);
    return true;
}

bool probe_other_app(const struct targets *targets, char detail[DETAIL_SIZE])
{
    static const char *const around[] = {"/app/../other/secret", "/data/../other/secret",
                                         "/proc/1/cwd/../other/secret"};
    const char *path = target(targets, PROOF_WORD_OTHER);
    char through[PATH_MAX];

    (void) snprintf(through, sizeof through, "/proc/1/root%.4000s", path);
    if (opens(path, O_RDONLY) || opens(through, O_RDONLY))
        return broke(detail, "opened %.80s", path);
    return none_opens(around, COUNT(around), O_RDONLY, detail);
}

/* ---- writing ---- */

bool probe_root_write(const struct targets *targets, char detail[DETAIL_SIZE])
{
    static const char *const there[] = {"/isekai/init", "/etc/passwd", "/proc/sysrq-trigger",
                                        "/proc/sys/kernel/core_pattern"};
    static const char *const places[] = {"/", "/etc", "/usr", "/usr/lib", "/isekai", "/dev", "/opt"};
    char path[64];

    (void) targets;
    for (size_t i = 0; i < COUNT(places); i++) {
        (void) snprintf(path, sizeof path, "%s/.proof", places[i]);
        if (!opens(path, O_WRONLY | O_CREAT | O_EXCL))
            continue;
        (void) unlink(path);
        return broke(detail, "made a file in %s", places[i]);
    }
    return none_opens(there, COUNT(there), O_WRONLY, detail);
}

/* The mounts of a cage allow this: only Landlock is in the way. */
bool probe_landlock(const struct targets *targets, char detail[DETAIL_SIZE])
{
    int fd = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);
    bool is_refused = fd < 0 && errno == EACCES;

    if (fd >= 0)
        (void) close(fd);
    return is_refused || target_number(targets, PROOF_WORD_LANDLOCK) == 0 ||
           broke(detail, "opened /proc/self/comm for writing");
}

bool probe_device_files(const struct targets *targets, char detail[DETAIL_SIZE])
{
    static const char *const devices[] = {"/dev/mem", "/dev/kmsg", "/dev/fuse", "/dev/kvm",
                                          "/dev/net/tun", "/dev/loop-control", "/dev/sda",
                                          "/dev/vda", "/dev/nvme0n1"};

    (void) targets;
    if (mknod("/tmp/.proof", S_IFCHR | 0600, makedev(1, 1)) == 0) {
        (void) unlink("/tmp/.proof");
        return broke(detail, "made a device");
    }
    return none_opens(devices, COUNT(devices), O_RDONLY, detail);
}

/* A file without a name in `place`; -1: none can be had. */
static int nameless(const char *place)
{
    char path[64];
    int fd;

    (void) snprintf(path, sizeof path, "%s/.proof", place);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    (void) unlink(path);
    return fd;
}

static bool is_capped(const char *place, unsigned long octets, char detail[DETAIL_SIZE])
{
    static const char piece[PIECE_OCTETS];
    int fd = nameless(place);
    unsigned long taken = 0;
    ssize_t size = 0;

    if (fd < 0)
        return broke(detail, "%s cannot be written: %s", place, strerror(errno));
    while (taken <= octets && (size = write(fd, piece, sizeof piece)) > 0)
        taken += (unsigned long)size;
    bool held = taken <= octets && size < 0 && errno == ENOSPC;
    (void) close(fd);
    return held || broke(detail, "took %lu octets of %lu", taken, octets);
}

bool probe_tmp_fill(const struct targets *targets, char detail[DETAIL_SIZE])
{
    return is_capped("/tmp", target_number(targets, PROOF_WORD_TMP_OCTETS), detail);
}

bool probe_shm_fill(const struct targets *targets, char detail[DETAIL_SIZE])
{
    return is_capped("/dev/shm", target_number(targets, PROOF_WORD_SHM_OCTETS), detail);
}

bool probe_file_size(const struct targets *targets, char detail[DETAIL_SIZE])
{
    off_t octets = (off_t)target_number(targets, PROOF_WORD_FILE_MB) << 20;
    int fd = nameless("/data");
    bool held;

    if (fd < 0)
        return broke(detail, "/data cannot be written: %s", strerror(errno));
    (void) signal(SIGXFSZ, SIG_IGN);
    held = ftruncate(fd, octets + 1) < 0 && errno == EFBIG;
    (void) close(fd);
    return held || broke(detail, "made a file of more than %ld octets", (long)octets);
}

bool probe_open_files(const struct targets *targets, char detail[DETAIL_SIZE])
{
    unsigned long most = target_number(targets, PROOF_WORD_OPEN_FILES), count = 0;
    int fd, last = -1;

    while (count <= most && (fd = dup(STDERR_FILENO)) >= 0) {
        last = fd;
        count++;
    }
    for (fd = 3; fd <= last; fd++)
        (void) close(fd);
    return count < most || broke(detail, "opened %lu files", count);
}

/* ---- what it was given ---- */

bool probe_descriptors(const struct targets *targets, char detail[DETAIL_SIZE])
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    bool held = dir != NULL;

    (void) targets;
    if (!dir)
        return broke(detail, "/proc/self/fd cannot be read: %s", strerror(errno));
    while (held && (entry = readdir(dir))) {
        int fd = entry->d_name[0] == '.' ? 0 : (int)strtol(entry->d_name, NULL, 10);
        if (fd > 2 && fd != dirfd(dir))
            held = broke(detail, "descriptor %d is open", fd);
    }
    (void) closedir(dir);
    return held;
}

static bool was_given(const char *given, const char *name, size_t size)
{
    for (const char *at = given; *at; at += strcspn(at, ",") + 1)
        if (strcspn(at, ",") == size && memcmp(at, name, size) == 0)
            return true;
    return false;
}

bool probe_environment(const struct targets *targets, char detail[DETAIL_SIZE])
{
    for (char **at = environ; *at; at++) {
        int size = (int)strcspn(*at, "=");
        if (!was_given(target(targets, PROOF_WORD_ENVIRONMENT), *at, (size_t)size))
            return broke(detail, "%.*s is set", size < 64 ? size : 64, *at);
    }
    return true;
}
