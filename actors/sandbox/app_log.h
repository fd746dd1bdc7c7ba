/* app_log.h - what an app wrote: bounded, numbered, on disk, kept over restarts.
 *
 *   {appId}/log/new, {appId}/log/old     each at most half of the bound; a full `new` becomes `old`
 *   SEQ TIME_MS STREAM TEXT\n            one line each
 *
 * The writer is the supervisor's thread. Octets come in as they were read from a pipe and are cut
 * into lines at LF; a line beyond LOG_LINE_OCTETS_MAX is cut and its rest dropped; invalid
 * UTF-8 and control characters other than tab become U+FFFD. An app that writes faster than
 * LOG_OCTETS_PER_SECOND on average loses what is above, and the log says how much. Values of the
 * secrets that are hidden never reach a file: see secrets_hide().
 *
 * Owns:     app_log owns its files and buffers; app_log_close(). It holds the secrets it hides.
 * Units:    TIME_MS milliseconds since 1970; octets.
 * Fails as: internal, disk_full (opening). A failing write drops its lines and is counted.
 * Threads:  one writer; any number of readers through app_log_read(), which opens the files anew.
 */
#ifndef ISEKAI_SANDBOX_APP_LOG_H
#define ISEKAI_SANDBOX_APP_LOG_H

#include "actors/sandbox/secrets.h"

enum {
    LOG_LINE_OCTETS_MAX = 4096,
    LOG_OCTETS_PER_SECOND = 1 << 20,
    LOG_BURST_OCTETS = 4 << 20,
    LOG_LINES_MAX = 1000,           /* of one read */
    LOG_HIDES_MAX = 4,              /* sets of secrets: of what serves, of a trial, and room */
    LOG_STEPS_PER_OCTET = 32,       /* looking for secrets counts as writing */
};

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_SYSTEM, LOG_STREAMS };

/* A line whose end has not come; broken: a part of it was dropped, and the rest of it is. */
struct app_log_part { char *at; size_t size; bool cut, broken; };

struct app_log {
    int dir, file;
    uint64_t octets_max;
    uint64_t file_octets;
    uint64_t seq;                   /* of the last line */
    struct app_log_part parts[LOG_STREAMS];
    int64_t tokens, tokens_at_ms;   /* octets it may write now */
    uint64_t dropped;               /* octets not written, not yet told */
    uint64_t dropped_ever;
    struct secrets *hides[LOG_HIDES_MAX];       /* NULL: a free place */
    size_t hides_count;
};

/* `app` is the app's directory. */
bool app_log_open(struct app_log *out, int app, uint64_t octets_max, struct fault *fault);
void app_log_close(struct app_log *self);       /* writes unfinished lines; safe when not open */

void app_log_take(struct app_log *self, enum log_stream stream, const char *octets, size_t size);
void app_log_say(struct app_log *self, const char *format, ...)     /* a line of the system */
    __attribute__((format(printf, 2, 3)));
/* From now on, and no more; every hide has its show. The same set may be hidden more than once. False
 * when LOG_HIDES_MAX are hidden. NULL is hidden without a place. */
bool app_log_hide(struct app_log *self, struct secrets *secrets, struct fault *fault);
void app_log_show(struct app_log *self, struct secrets *secrets);
void app_log_end_lines(struct app_log *self);   /* a run is over: what has no end yet ends now */

/* The last `tail` lines (after 0), or the first `tail` lines with a higher seq than `after`, oldest
 * first. No log yet: no lines. */
bool app_log_read(int app, uint64_t after, uint32_t tail, struct arena *arena,
                  struct logs_reply *out, struct fault *fault);

#endif
