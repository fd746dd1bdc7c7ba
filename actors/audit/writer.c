/* writer.c - the queue before the log and the thread behind it.
 *
 * An append belongs to its caller until it is queued, then to the queue, then to the thread, and to
 * the caller again when it is done. A caller whose time is up takes it out of the queue, or
 * leaves it to the thread when that has it already.
 */
#include "actors/audit/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/audit/known.h"

enum append_state { APPEND_QUEUED, APPEND_TAKEN, APPEND_DONE };

struct append {
    struct append *next;
    enum append_state state;
    bool is_left;                   /* its caller has gone */
    size_t count;
    msgpack_sbuffer packed;
    struct text *entries;           /* point into packed */
    struct known_id *ids;
    struct fault fault;             /* FAULT_NONE: recorded */
    struct log_point point;
};

struct writer {
    struct audit_log *log;
    struct known *known;            /* the thread's alone, once it runs */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;           /* holds all below */
    pthread_cond_t work, done;
    struct append *first, **last;
    size_t appends, octets;
    bool is_stopping;
    struct fault trouble;           /* of the last batch; FAULT_NONE: it was written */
};

/* ---- an append ---- */

static void append_free(struct append *append)
{
    if (!append)
        return;
    msgpack_sbuffer_destroy(&append->packed);
    free(append->entries);
    free(append->ids);
    free(append);
}

static bool pack_events(struct append *append, const struct known *known,
                        const struct audit_event *events, struct fault *fault)
{
    size_t begin = 0;

    for (size_t i = 0; i < append->count; i++) {
        if (!message_encode(&audit_event_message, &events[i], &append->packed, fault))
            return fault_while(fault, "events[%zu]", i);
        append->entries[i].size = append->packed.size - begin;
        append->ids[i] = known_id_of(known, events[i].event_id);
        if (append->entries[i].size > ENTRY_OCTETS_MAX)
            return fault_set(fault, FAULT_too_large, "events[%zu]: over %d octets", i,
                             ENTRY_OCTETS_MAX);
        begin = append->packed.size;
    }
    if (begin + append->count * RECORD_EXTRA_SIZE > BATCH_OCTETS_MAX)
        return fault_set(fault, FAULT_too_large, "events: over %d octets", BATCH_OCTETS_MAX);
    for (size_t i = 0, at = 0; i < append->count; at += append->entries[i++].size)
        append->entries[i].at = append->packed.data + at;
    return true;
}

static struct append *append_new(const struct known *known, const struct audit_event *events,
                                 size_t count, struct fault *fault)
{
    struct append *append = calloc(1, sizeof *append);

    if (append) {
        append->count = count;
        msgpack_sbuffer_init(&append->packed);
        append->entries = calloc(count, sizeof *append->entries);
        append->ids = calloc(count, sizeof *append->ids);
    }
    if (!append || !append->entries || !append->ids)
        fault_set(fault, FAULT_internal, "out of memory");
    else if (pack_events(append, known, events, fault))
        return append;
    append_free(append);
    return NULL;
}

/* ---- the thread ---- */

/* What of a batch is not yet in the log. */
struct fresh {
    struct text entries[BATCH_ENTRIES_MAX];
    struct known_id ids[BATCH_ENTRIES_MAX];
    size_t count;
};

static bool is_new(const struct writer *writer, const struct fresh *fresh, struct known_id id)
{
    if (known_has(writer->known, id))
        return false;
    for (size_t i = 0; i < fresh->count; i++)
        if (memcmp(fresh->ids[i].at, id.at, sizeof id.at) == 0)
            return false;
    return true;
}

static void gather(const struct writer *writer, const struct append *batch, struct fresh *fresh)
{
    fresh->count = 0;
    for (; batch; batch = batch->next)
        for (size_t i = 0; i < batch->count; i++)
            if (is_new(writer, fresh, batch->ids[i])) {
                fresh->entries[fresh->count] = batch->entries[i];
                fresh->ids[fresh->count++] = batch->ids[i];
            }
}

static void write_batch(struct writer *writer, struct append *batch, struct fresh *fresh)
{
    struct fault fault = {0};

    gather(writer, batch, fresh);
    if (audit_log_append(writer->log, fresh->entries, fresh->count, &fault))
        for (size_t i = 0; i < fresh->count; i++)
            known_add(writer->known, fresh->ids[i]);
    struct log_point point = audit_log_point(writer->log);
    for (struct append *append = batch; append; append = append->next) {
        append->fault = fault;
        append->point = point;
    }
}

/* As many as fit into one batch; the lock is held. The first always fits. */
static struct append *take_batch(struct writer *writer)
{
    struct append *batch = writer->first, *final = NULL;
    size_t entries = 0, octets = 0;

    for (struct append *append = batch; append; append = append->next) {
        entries += append->count;
        octets += append->packed.size + append->count * RECORD_EXTRA_SIZE;
        if (entries > BATCH_ENTRIES_MAX || octets > BATCH_OCTETS_MAX)
            break;
        append->state = APPEND_TAKEN;
        writer->appends--;
        writer->octets -= append->packed.size;
        final = append;
    }
    writer->first = final->next;
    if (!writer->first)
        writer->last = &writer->first;
    final->next = NULL;
    return batch;
}

static void hand_back(struct writer *writer, struct append *batch)
{
    struct append *next;

    writer->trouble = batch->fault;
    for (; batch; batch = next) {
        next = batch->next;
        batch->state = APPEND_DONE;
        if (batch->is_left)
            append_free(batch);
    }
    pthread_cond_broadcast(&writer->done);
}

static void *write_until_stopped(void *self)
{
    static _Thread_local struct fresh fresh;
    struct writer *writer = self;

    pthread_mutex_lock(&writer->lock);
    while (true) {
        while (!writer->first && !writer->is_stopping)
            pthread_cond_wait(&writer->work, &writer->lock);
        if (!writer->first)
            break;
        struct append *batch = take_batch(writer);
        pthread_mutex_unlock(&writer->lock);
        write_batch(writer, batch, &fresh);
        pthread_mutex_lock(&writer->lock);
        hand_back(writer, batch);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* ---- starting and ending ---- */

static bool learn_entry(struct known *known, struct text entry, struct fault *fault)
{
    struct arena *arena = arena_new(4 * ENTRY_OCTETS_MAX);
    struct audit_event event;
    bool read = arena || fault_set(fault, FAULT_internal, "out of memory");

    read = read &&
           message_decode(&audit_event_message, entry, LENIENT, arena, &event, NULL, fault);
    if (read)
        known_add(known, known_id_of(known, event.event_id));
    arena_free(arena);
    return read;
}

static bool learn_tail(struct writer *writer, struct fault *fault)
{
    uint64_t size = audit_log_point(writer->log).size;
    struct log_cursor cursor = {.index = size > KNOWN_MAX ? size - KNOWN_MAX : 0};
    bool end = false, read = true;
    struct text entry;

    while (read && !end) {
        read = audit_log_read(writer->log, &cursor, &entry, &end, fault);
        if (read && !end && !learn_entry(writer->known, entry, fault))
            read = fault_while(fault, "audit log, entry %llu",
                               (unsigned long long)cursor.index - 1);
    }
    log_cursor_drop(&cursor);
    return read;
}

/* Signals are for the thread that runs the actor. */
static bool start_thread(struct writer *writer, struct fault *fault)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&writer->thread, NULL, write_until_stopped, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    writer->has_thread = error == 0;
    return error == 0 || fault_set(fault, FAULT_internal, "start a thread: %s", strerror(error));
}

static void make_conditions(struct writer *writer)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->work, &monotonic);
    pthread_cond_init(&writer->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&writer->lock, NULL);
}

struct writer *writer_new(struct audit_log *log, struct fault *fault)
{
    struct writer *writer = calloc(1, sizeof *writer);

    if (!writer) {
        fault_set(fault, FAULT_internal, "out of memory");
        return NULL;
    }
    writer->log = log;
    writer->last = &writer->first;
    make_conditions(writer);
    writer->known = known_new();
    if (!writer->known)
        fault_set(fault, FAULT_internal, "out of memory");
    else if (learn_tail(writer, fault) && start_thread(writer, fault))
        return writer;
    writer_free(writer);
    return NULL;
}

void writer_free(struct writer *writer)
{
    if (!writer)
        return;
    if (writer->has_thread) {
        pthread_mutex_lock(&writer->lock);
        writer->is_stopping = true;
        pthread_cond_signal(&writer->work);
        pthread_mutex_unlock(&writer->lock);
        pthread_join(writer->thread, NULL);
    }
    known_free(writer->known);
    pthread_cond_destroy(&writer->work);
    pthread_cond_destroy(&writer->done);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

/* ---- callers ---- */

static bool enqueue(struct writer *writer, struct append *append, struct fault *fault)
{
    if (writer->appends >= QUEUE_APPENDS_MAX ||
        writer->octets + append->packed.size > QUEUE_OCTETS_MAX) {
        fault_set(fault, FAULT_overloaded, "%zu appends wait for the disk", writer->appends);
        return fault_retry_after(fault, 1000);
    }
    *writer->last = append;
    writer->last = &append->next;
    writer->appends++;
    writer->octets += append->packed.size;
    pthread_cond_signal(&writer->work);
    return true;
}

static void take_out(struct writer *writer, struct append *append)
{
    struct append **link = &writer->first;

    while (*link != append)
        link = &(*link)->next;
    *link = append->next;
    if (!*link)
        writer->last = link;
    writer->appends--;
    writer->octets -= append->packed.size;
}

/* The lock is held. False: time is up, and the append is no longer the caller's to look at. */
static bool wait_until_done(struct writer *writer, struct append *append, int64_t deadline_ms)
{
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    int error = 0;

    while (append->state != APPEND_DONE && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&writer->done, &writer->lock, &until);
    if (append->state == APPEND_DONE)
        return true;
    if (append->state == APPEND_TAKEN) {
        append->is_left = true;
        return false;
    }
    take_out(writer, append);
    append_free(append);
    return false;
}

bool writer_append(struct writer *writer, const struct audit_event *events, uint32_t count,
                   int64_t deadline_ms, struct log_point *point, struct fault *fault)
{
    struct append *append = append_new(writer->known, events, count, fault);

    if (!append)
        return false;
    pthread_mutex_lock(&writer->lock);
    bool queued = enqueue(writer, append, fault);
    bool done = queued && wait_until_done(writer, append, deadline_ms);
    pthread_mutex_unlock(&writer->lock);
    if (queued && !done)
        return fault_set(fault, FAULT_timed_out, "the disk did not answer in time");
    if (done && append->fault.kind == FAULT_NONE)
        *point = append->point;
    else if (done)
        *fault = append->fault;
    done = done && append->fault.kind == FAULT_NONE;
    append_free(append);
    return done;
}

bool writer_is_well(struct writer *writer, char level[200])
{
    pthread_mutex_lock(&writer->lock);
    bool well = writer->trouble.kind == FAULT_NONE;
    snprintf(level, 200, "%s", writer->trouble.reason);
    pthread_mutex_unlock(&writer->lock);
    return well;
}
