/* log_read.c - reading an app's log while it may be written; see app_log.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/app_log.h"
#include "actors/sandbox/tree.h"
#include "bus/owned.h"

enum { TRIES_MAX = 3 };

static ino_t inode_of(int dir, const char *name)
{
    struct stat about;

    return fstatat(dir, name, &about, AT_SYMLINK_NOFOLLOW) == 0 ? about.st_ino : 0;
}

/* Both files as they were at one time: once more when a rotation came in between. */
static void open_both(int dir, int *old, int *new)
{
    for (int try = 0; try < TRIES_MAX; try++) {
        fd_drop(old);
        fd_drop(new);
        ino_t before = inode_of(dir, "new");
        *old = openat(dir, "old", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        *new = openat(dir, "new", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (inode_of(dir, "new") == before)
            return;
    }
}

/* The whole lines of a file; what a writer has begun and not ended is left out. */
static struct text load(int fd, struct arena *arena)
{
    struct stat about;

    if (fd < 0 || fstat(fd, &about) < 0 || about.st_size <= 0)
        return (struct text){0};
    char *octets = arena_take(arena, (size_t)about.st_size);
    ssize_t size = octets ? pread(fd, octets, (size_t)about.st_size, 0) : 0;
    while (size > 0 && octets[size - 1] != '\n')
        size--;
    return (struct text){octets, size > 0 ? (size_t)size : 0};
}

/* SEQ TIME STREAM TEXT; false for what is torn. */
static bool parse(struct text line, struct log_line *out)
{
    const char *end = line.at + line.size;
    char *at;

    out->seq = strtoull(line.at, &at, 10);      /* stops at the blank, or at the line's end */
    if (at == line.at || at >= end || *at != ' ')
        return false;
    char *time = at + 1;
    out->at = strtoll(time, &at, 10);
    if (at == time || at >= end || *at != ' ')
        return false;
    const char *stream = at + 1;
    const char *blank = memchr(stream, ' ', (size_t)(end - stream));
    if (!blank || blank == stream || blank - stream > 6)
        return false;
    out->stream = (struct text){stream, (size_t)(blank - stream)};
    out->line = (struct text){blank + 1, (size_t)(end - blank - 1)};
    return true;
}

/* The window of the answer: a ring for a tail, a list that fills up for `after`. */
struct window {
    struct log_line *at;
    uint64_t after;
    uint32_t size, count, first;
    bool is_tail;
};

static bool window_add(struct window *window, const struct log_line *line)
{
    if (!window->is_tail && line->seq <= window->after)
        return true;
    if (window->count < window->size) {
        window->at[window->count++] = *line;
        return true;
    }
    if (!window->is_tail)
        return false;
    window->at[window->first] = *line;
    window->first = (window->first + 1) % window->size;
    return true;
}

static bool walk(struct text file, struct window *window)
{
    while (file.size > 0) {
        const char *end = memchr(file.at, '\n', file.size);
        struct text line = {file.at, (size_t)(end - file.at)};
        struct log_line parsed = {0};
        if (parse(line, &parsed) && !window_add(window, &parsed))
            return false;
        file.at += line.size + 1;
        file.size -= line.size + 1;
    }
    return true;
}

/* A full ring begins anywhere: put it in order. */
static bool unroll(const struct window *window, struct arena *arena, struct logs_reply *out,
                   struct fault *fault)
{
    struct log_line *lines = arena_take(arena, sizeof *lines * (window->count + 1));

    if (!lines)
        return fault_set(fault, FAULT_internal, "no memory for log lines");
    for (uint32_t i = 0; i < window->count; i++)
        lines[i] = window->at[(window->first + i) % window->size];
    *out = (struct logs_reply){.logs = {lines, window->count}};
    return true;
}

bool app_log_read(int app, uint64_t after, uint32_t tail, struct arena *arena,
                  struct logs_reply *out, struct fault *fault)
{
    struct window window = {.after = after, .is_tail = after == 0,
                            .size = tail > 0 && tail < LOG_LINES_MAX ? tail : LOG_LINES_MAX};
    OWNED(fd) int dir = openat(app, "log", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    OWNED(fd) int old = -1;
    OWNED(fd) int new = -1;

    *out = (struct logs_reply){0};
    if (dir < 0)
        return errno == ENOENT || tree_fault(fault, "open log");
    window.at = arena_take(arena, sizeof *window.at * window.size);
    if (!window.at)
        return fault_set(fault, FAULT_internal, "no memory for log lines");
    open_both(dir, &old, &new);
    if (walk(load(old, arena), &window))
        (void) walk(load(new, arena), &window);
    return unroll(&window, arena, out, fault);
}
