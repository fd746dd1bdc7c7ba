/* fixture.c - directories with logs for the tests of the audit room. */
#include "tests/audit/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void place_make(struct place *place)
{
    snprintf(place->path, sizeof place->path, "/tmp/isekai-audit-test-XXXXXX");
    assert_non_null(mkdtemp(place->path));
    place->directory = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(place->directory >= 0);
}

void place_remove(struct place *place)
{
    DIR *entries = fdopendir(place->directory);
    struct dirent *entry;

    assert_non_null(entries);
    rewinddir(entries);
    while ((entry = readdir(entries)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
    assert_int_equal(rmdir(place->path), 0);
}

struct octets place_read(const struct place *place, const char *name)
{
    struct octets octets;
    struct stat about;
    int fd = openat(place->directory, name, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0 && fstat(fd, &about) == 0);
    octets.size = (size_t)about.st_size;
    octets.at = malloc(octets.size + 1);
    assert_non_null(octets.at);
    assert_int_equal(read(fd, octets.at, octets.size + 1), (ssize_t)octets.size);
    close(fd);
    return octets;
}

void place_write(const struct place *place, const char *name, const void *at, size_t size)
{
    int fd = openat(place->directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, at, size), (ssize_t)size);
    close(fd);
}

struct audit_log *log_of(const struct place *place, uint64_t segment_octets_max)
{
    struct fault fault = {0};
    uint64_t torn;
    struct audit_log *log = audit_log_open(place->path, segment_octets_max, &torn, &fault);

    if (!log)
        fail_msg("%s", fault.reason);
    return log;
}

void log_fill(struct audit_log *log, uint64_t count)
{
    struct fault fault = {0};
    char text[32];

    for (uint64_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "entry %" PRIu64, audit_log_point(log).size);
        struct text entry = text_from(text);
        if (!audit_log_append(log, &entry, 1, &fault))
            fail_msg("%s", fault.reason);
    }
}

bool place_is_sound(const struct place *place, uint64_t *size, struct fault *fault)
{
    struct log_point known;
    struct replay replay;

    if (!acknowledged_read(place->directory, &known, fault) ||
        !log_replay(place->directory, &known, 1, &replay, fault))
        return false;
    *size = replay.frontier.size;
    replay_drop(&replay);
    return true;
}

struct audit_event event_of(const char *id)
{
    return (struct audit_event){
        .event_id = text_from(id), .at = 1760108400000, .kind = TEXT_OF("app_generated"),
        .user = TEXT_OF("local"), .app_id = text_from(id), .detail = TEXT_OF("\x80")};
}
