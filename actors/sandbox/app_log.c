/* app_log.c - writing an app's log; see app_log.h. */
#include "actors/sandbox/app_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/tree.h"
#include "actors/sandbox/utf8.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum {
    HEAD_OCTETS_MAX = 64,
    LAST_LINE_OCTETS = 16384,
    LINE_ROOM = 3 * LOG_LINE_OCTETS_MAX,
    PART_OCTETS = LOG_LINE_OCTETS_MAX + SECRET_VALUE_OCTETS_MAX,    /* a value that begins in the
                                                                     * line ends in the part */
};

static const char *const stream_names[LOG_STREAMS] = {"stdout", "stderr", "system"};

/* ---- opening ---- */

/* The number of the last whole line in `name`; 0 when there is none. */
static uint64_t last_seq(int dir, const char *name)
{
    OWNED(fd) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char tail[LAST_LINE_OCTETS + 1];
    struct stat about;

    if (fd < 0 || fstat(fd, &about) < 0)
        return 0;
    off_t from = about.st_size > LAST_LINE_OCTETS ? about.st_size - LAST_LINE_OCTETS : 0;
    ssize_t size = pread(fd, tail, LAST_LINE_OCTETS, from);
    while (size > 0 && tail[size - 1] != '\n')
        size--;
    if (size <= 0)
        return 0;
    tail[--size] = '\0';                /* the last line's end */
    while (size > 0 && tail[size - 1] != '\n')
        size--;
    return strtoull(tail + size, NULL, 10);
}

static bool open_file(struct app_log *self, struct fault *fault)
{
    struct stat about;

    self->file = openat(self->dir, "new", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                        0600);
    if (self->file < 0 || fstat(self->file, &about) < 0)
        return tree_fault(fault, "open the log");
    self->file_octets = (uint64_t)about.st_size;
    return true;
}

/* A crash may have cut the last line: without this the next one would be glued to it. */
static void end_torn_line(struct app_log *self)
{
    OWNED(fd) int fd = openat(self->dir, "new", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char last = '\n';

    if (fd >= 0 && self->file_octets > 0 &&
        pread(fd, &last, 1, (off_t)self->file_octets - 1) == 1 && last != '\n')
        self->file_octets += write(self->file, "\n", 1) == 1;
}

bool app_log_open(struct app_log *out, int app, uint64_t octets_max, struct fault *fault)
{
    *out = (struct app_log){.dir = -1, .file = -1, .octets_max = octets_max,
                            .tokens = LOG_BURST_OCTETS, .tokens_at_ms = clock_now_ms()};
    if (mkdirat(app, "log", 0700) < 0 && errno != EEXIST)
        return tree_fault(fault, "mkdir log");
    out->dir = openat(app, "log", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out->dir < 0)
        return tree_fault(fault, "open log");
    out->seq = last_seq(out->dir, "new");
    if (out->seq == 0)
        out->seq = last_seq(out->dir, "old");
    if (!open_file(out, fault)) {
        app_log_close(out);
        return false;
    }
    end_torn_line(out);
    return true;
}

/* ---- writing ---- */

static void rotate(struct app_log *self)
{
    struct fault ignored;

    (void) renameat(self->dir, "new", self->dir, "old");
    fd_drop(&self->file);
    (void) open_file(self, &ignored);
}

static void drop_octets(struct app_log *self, size_t size)
{
    self->dropped += size;
    self->dropped_ever += size;
}

static void write_line(struct app_log *self, enum log_stream stream, const char *text, size_t size)
{
    char line[HEAD_OCTETS_MAX + LINE_ROOM + 1];
    uint64_t half = self->octets_max / 2 - HEAD_OCTETS_MAX - 1;
    size_t room = half < LINE_ROOM ? (size_t)half : LINE_ROOM;
    int head = snprintf(line, HEAD_OCTETS_MAX, "%" PRIu64 " %" PRId64 " %s ", self->seq + 1,
                        clock_wall_ms(), stream_names[stream]);
    size_t length = (size_t)head + utf8_repair(text, size, line + head, room);

    line[length++] = '\n';
    if (self->file_octets + length > self->octets_max / 2)
        rotate(self);
    if (self->file < 0 || write(self->file, line, length) != (ssize_t)length) {
        drop_octets(self, size);
        return;
    }
    self->file_octets += length;
    self->seq++;
}

static bool may_write(struct app_log *self, size_t size)
{
    int64_t now = clock_now_ms();

    self->tokens += (now - self->tokens_at_ms) * LOG_OCTETS_PER_SECOND / 1000;
    self->tokens_at_ms = now;
    if (self->tokens > LOG_BURST_OCTETS)
        self->tokens = LOG_BURST_OCTETS;
    if (self->tokens < (int64_t)size)
        return false;
    self->tokens -= (int64_t)size;
    return true;
}

static void tell_dropped(struct app_log *self)
{
    uint64_t dropped = self->dropped;

    self->dropped = 0;
    app_log_say(self, "%" PRIu64 " octets of log were dropped: too many at once", dropped);
}

/* Keep the start of a line until its end comes. */
static void keep(struct app_log_part *part, const char *octets, size_t size)
{
    size_t room = PART_OCTETS - part->size;

    if (!part->at)
        part->at = malloc(PART_OCTETS);
    if (!part->at)
        return;
    if (size > room) {
        size = room;
        part->cut = true;
    }
    memcpy(part->at + part->size, octets, size);
    part->size += size;
}

/* Looking for secrets is paid for like writing, so that no app can have more than its share. */
static void write_without_secrets(struct app_log *self, enum log_stream stream,
                                  const struct app_log_part *part)
{
    size_t size = part->size < LOG_LINE_OCTETS_MAX ? part->size : LOG_LINE_OCTETS_MAX;
    char line[LOG_LINE_OCTETS_MAX];
    uint64_t steps;

    if (self->hides_count == 0) {
        write_line(self, stream, part->at, size);
        return;
    }
    size = secrets_hide(self->hides, LOG_HIDES_MAX, part->at, size, part->size, line, sizeof line,
                        &steps);
    self->tokens -= (int64_t)(steps / LOG_STEPS_PER_OCTET);
    write_line(self, stream, line, size);
}

static void end_line(struct app_log *self, enum log_stream stream)
{
    struct app_log_part *part = &self->parts[stream];

    if (part->size > 0 && part->at[part->size - 1] == '\r' && !part->cut)
        part->size--;
    write_without_secrets(self, stream, part);
    part->size = 0;
    part->cut = false;
}

/* A value that has lost a part of itself would not be known: what is left of its line goes too. */
static void drop(struct app_log *self, struct app_log_part *part, const char *octets, size_t size)
{
    drop_octets(self, size);
    if (self->hides_count == 0)
        return;
    drop_octets(self, part->size);
    part->size = 0;
    part->cut = false;
    part->broken = octets[size - 1] != '\n';
}

/* Behind the end of a line that was broken; false when it has not come yet. */
static bool pass_broken(struct app_log *self, struct app_log_part *part, const char **octets,
                        size_t *size)
{
    const char *end;

    if (!part->broken)
        return true;
    end = memchr(*octets, '\n', *size);
    size_t passed = end ? (size_t)(end + 1 - *octets) : *size;
    part->broken = !end;
    drop_octets(self, passed);
    *octets += passed;
    *size -= passed;
    return end;
}

void app_log_take(struct app_log *self, enum log_stream stream, const char *octets, size_t size)
{
    struct app_log_part *part = &self->parts[stream];

    if (size == 0)
        return;
    if (!may_write(self, size)) {
        drop(self, part, octets, size);
        return;
    }
    if (!pass_broken(self, part, &octets, &size))
        return;
    if (self->dropped > 0)
        tell_dropped(self);
    while (size > 0) {
        const char *end = memchr(octets, '\n', size);
        size_t length = end ? (size_t)(end - octets) : size;
        keep(part, octets, length);
        if (!end)
            return;
        end_line(self, stream);
        octets += length + 1;
        size -= length + 1;
    }
}

void app_log_say(struct app_log *self, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size > 0)
        write_line(self, LOG_SYSTEM, text, strnlen(text, sizeof text));
}

bool app_log_hide(struct app_log *self, struct secrets *secrets, struct fault *fault)
{
    for (int i = 0; secrets && i < LOG_HIDES_MAX; i++)
        if (!self->hides[i]) {
            self->hides[i] = secrets_hold(secrets);
            self->hides_count++;
            return true;
        }
    return !secrets || fault_set(fault, FAULT_internal, "%d sets of secrets are hidden already",
                                 LOG_HIDES_MAX);
}

void app_log_show(struct app_log *self, struct secrets *secrets)
{
    for (int i = 0; secrets && i < LOG_HIDES_MAX; i++)
        if (self->hides[i] == secrets) {
            secrets_drop(&self->hides[i]);
            self->hides_count--;
            break;
        }
    for (int stream = 0; self->hides_count == 0 && stream < LOG_STREAMS; stream++)
        self->parts[stream].broken = false;     /* whoever wrote it is gone */
}

void app_log_end_lines(struct app_log *self)
{
    for (int stream = 0; stream < LOG_STREAMS; stream++)
        if (self->parts[stream].size > 0)
            end_line(self, (enum log_stream)stream);
    if (self->dropped > 0)
        tell_dropped(self);
}

void app_log_close(struct app_log *self)
{
    if (self->file >= 0)
        app_log_end_lines(self);
    for (int stream = 0; stream < LOG_STREAMS; stream++) {
        free(self->parts[stream].at);
        self->parts[stream] = (struct app_log_part){0};
    }
    for (int i = 0; i < LOG_HIDES_MAX; i++)
        secrets_drop(&self->hides[i]);
    self->hides_count = 0;
    fd_drop(&self->file);
    fd_drop(&self->dir);
}
