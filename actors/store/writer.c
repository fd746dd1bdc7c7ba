/* writer.c - queue, batch, commit, answer; and keep the WAL in bounds. */
#include "actors/store/writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "actors/store/database.h"
#include "bus/clock.h"

enum {
    CHECKPOINT_WAIT_MS = 500,       /* for readers to let go; commits wait as long */
    CHECKPOINT_AGAIN_MS = 100,      /* after one that failed: writes have so little of the time */
    UNAVAILABLE_RETRY_MS = 1000,
    WAL_FRAME_HEADER_OCTETS = 24,
};

enum write_state { WRITE_WAITING, WRITE_RUNNING, WRITE_DONE };

struct write {
    struct closure closure;         /* the thread's until WRITE_DONE */
    size_t octets;
    enum write_state state;         /* under the writer's mutex, as is all below */
    pthread_cond_t done;
    struct write *next;
};

struct writer {
    struct connection *connection;  /* the thread's alone */
    struct writer_bounds bounds;
    int64_t page_octets, wal_pages;
    int64_t next_checkpoint_ms;

    pthread_t thread;
    pthread_mutex_t mutex;          /* guards everything below */
    pthread_cond_t work;
    struct write *first, *last;
    size_t waiting;
    struct readers *readers;
    bool stopping;
    bool is_stopped;                /* the freeing thread's */
    bool healthy;
    struct fault trouble;
    struct writer_counts counts;
};

/* A batch and who waits for it, in the same order. */
struct round { struct batch batch; struct write *writes[BATCH_WRITES_MAX]; };

static int64_t wal_octets(const struct writer *self)
{
    return self->wal_pages * (self->page_octets + WAL_FRAME_HEADER_OCTETS);
}

static int wal_grew(void *self_, sqlite3 *db, const char *name, int pages)
{
    struct writer *self = self_;

    (void) db;
    (void) name;
    self->wal_pages = pages;
    return SQLITE_OK;
}

/* Most of the work while readers read, then the rest and the cut while they pause. A reader that
 * stays, here or in another process, keeps the file from being cut. */
static bool cut_wal(struct writer *self)
{
    sqlite3 *db = self->connection->db;

    pthread_mutex_lock(&self->mutex);
    struct readers *readers = self->readers;
    pthread_mutex_unlock(&self->mutex);
    (void) sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    bool is_quiet = !readers || readers_pause(readers, clock_now_ms() + CHECKPOINT_WAIT_MS);
    (void) sqlite3_busy_timeout(db, CHECKPOINT_WAIT_MS);
    int result = is_quiet ? sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE,
                                                      NULL, NULL) : SQLITE_BUSY;
    (void) sqlite3_busy_timeout(db, DATABASE_BUSY_MS);
    if (readers)
        readers_resume(readers);
    return result == SQLITE_OK;
}

/* Move the WAL into the database. What failed is tried again soon. */
static bool checkpoint(struct writer *self)
{
    if (!cut_wal(self)) {
        self->next_checkpoint_ms = clock_now_ms() + CHECKPOINT_AGAIN_MS;
        return false;
    }
    self->wal_pages = 0;
    self->next_checkpoint_ms = clock_now_ms() + self->bounds.checkpoint_ms;
    pthread_mutex_lock(&self->mutex);
    self->counts.checkpoints++;
    pthread_mutex_unlock(&self->mutex);
    return true;
}

static void checkpoint_when_due(struct writer *self, bool *retrying)
{
    bool due = clock_now_ms() >= self->next_checkpoint_ms;
    bool large = wal_octets(self) > self->bounds.wal_octets;

    if (due || (large && !*retrying))
        *retrying = !checkpoint(self);
}

/* Nobody may keep the WAL growing for ever. */
static bool wal_has_room(struct writer *self, struct fault *fault)
{
    if (wal_octets(self) <= self->bounds.wal_octets_max || checkpoint(self))
        return true;
    (void) fault_set(fault, FAULT_unavailable, "a reader keeps the WAL from being checkpointed");
    return fault_retry_after(fault, UNAVAILABLE_RETRY_MS);
}

static void run_batch(struct writer *self, struct batch *batch, struct fault *trouble)
{
    *trouble = (struct fault){0};
    if (wal_has_room(self, trouble))
        batch_run(self->connection, batch, trouble);
    else
        batch_fail_rest(batch, trouble);
}

/* ---- the thread ---- */

static void take_round(struct writer *self, struct round *round)
{
    size_t *count = &round->batch.count;
    size_t octets = 0;

    *count = 0;
    while (self->first && *count < BATCH_WRITES_MAX) {
        struct write *write = self->first;
        octets += write->octets;
        if (*count > 0 && octets > BATCH_OCTETS_MAX)
            break;
        self->first = write->next;
        if (!self->first)
            self->last = NULL;
        self->waiting--;
        write->state = WRITE_RUNNING;
        round->writes[*count] = write;
        round->batch.closures[(*count)++] = &write->closure;
    }
}

static void answer_round(struct writer *self, struct round *round, const struct fault *trouble)
{
    self->counts.batches++;
    self->counts.writes += round->batch.count;
    self->healthy = trouble->kind == FAULT_NONE;
    self->trouble = *trouble;
    for (size_t i = 0; i < round->batch.count; i++) {
        round->writes[i]->state = WRITE_DONE;
        pthread_cond_signal(&round->writes[i]->done);
    }
}

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ms)
{
    struct timespec at = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};

    (void) pthread_cond_timedwait(cond, mutex, &at);
}

static void *serve(void *self_)
{
    struct writer *self = self_;
    struct round round;
    struct fault trouble;
    bool retrying = false;

    pthread_mutex_lock(&self->mutex);
    while (self->first || !self->stopping) {
        if (self->first) {
            take_round(self, &round);
            pthread_mutex_unlock(&self->mutex);
            run_batch(self, &round.batch, &trouble);
            pthread_mutex_lock(&self->mutex);
            answer_round(self, &round, &trouble);
        } else {
            wait_until(&self->work, &self->mutex, self->next_checkpoint_ms);
        }
        pthread_mutex_unlock(&self->mutex);
        checkpoint_when_due(self, &retrying);
        pthread_mutex_lock(&self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    (void) checkpoint(self);
    return NULL;
}

/* ---- from other threads ---- */

static void begin_condition(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

static bool enqueue(struct writer *self, struct write *write, struct fault *fault)
{
    if (self->stopping)
        return fault_set(fault, FAULT_unavailable, "the store is about to end");
    if (self->waiting >= WRITES_WAITING_MAX)
        return fault_set(fault, FAULT_overloaded, "%d writes are waiting", WRITES_WAITING_MAX);
    if (self->last)
        self->last->next = write;
    else
        self->first = write;
    self->last = write;
    self->waiting++;
    pthread_cond_signal(&self->work);
    return true;
}

static void remove_waiting(struct writer *self, struct write *write)
{
    struct write *before = NULL;

    for (struct write *at = self->first; at != write; at = at->next)
        before = at;
    if (before)
        before->next = write->next;
    else
        self->first = write->next;
    if (self->last == write)
        self->last = before;
    self->waiting--;
}

/* What has begun is waited for: it may be committed at any moment. */
static bool wait_for(struct writer *self, struct write *write, int64_t deadline_ms,
                     struct fault *fault)
{
    while (write->state != WRITE_DONE) {
        if (write->state == WRITE_RUNNING) {
            pthread_cond_wait(&write->done, &self->mutex);
        } else if (clock_left_ms(deadline_ms) == 0) {
            remove_waiting(self, write);
            return fault_set(fault, FAULT_timed_out, "the write waited for its turn too long");
        } else {
            wait_until(&write->done, &self->mutex, deadline_ms);
        }
    }
    if (write->closure.failed)
        *fault = write->closure.fault;
    return !write->closure.failed;
}

bool writer_do(struct writer *self, write_closure *run, void *input, size_t octets,
               int64_t deadline_ms, struct fault *fault)
{
    struct write write = {.closure = {.run = run, .input = input}, .octets = octets};

    begin_condition(&write.done);
    pthread_mutex_lock(&self->mutex);
    bool done = enqueue(self, &write, fault) && wait_for(self, &write, deadline_ms, fault);
    pthread_mutex_unlock(&self->mutex);
    pthread_cond_destroy(&write.done);
    return done;
}

bool writer_is_healthy(struct writer *self, char level[200])
{
    pthread_mutex_lock(&self->mutex);
    bool healthy = self->healthy;
    (void) snprintf(level, 200, "%s", healthy ? "" : self->trouble.reason);
    pthread_mutex_unlock(&self->mutex);
    return healthy;
}

struct writer_counts writer_counts(struct writer *self)
{
    pthread_mutex_lock(&self->mutex);
    struct writer_counts counts = self->counts;
    counts.waiting = self->waiting;
    pthread_mutex_unlock(&self->mutex);
    return counts;
}

static bool read_page_size(struct writer *self, struct fault *fault)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    sqlite3 *db = self->connection->db;

    if (sqlite3_prepare_v2(db, "PRAGMA page_size", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        return fault_set(fault, FAULT_internal, "page_size: %s", sqlite3_errmsg(db));
    self->page_octets = sqlite3_column_int64(statement, 0);
    return true;
}

/* Signals are main's affair. */
static bool begin_thread(struct writer *self, struct fault *fault)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&self->thread, NULL, serve, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 || fault_set(fault, FAULT_internal, "thread: %s", strerror(error));
}

static void drop(struct writer *self)
{
    pthread_cond_destroy(&self->work);
    pthread_mutex_destroy(&self->mutex);
    connection_close(self->connection);
    free(self);
}

struct writer *writer_new(struct connection *connection, const struct writer_bounds *bounds,
                          struct fault *fault)
{
    struct writer *self = calloc(1, sizeof *self);

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for the writer");
        connection_close(connection);
        return NULL;
    }
    self->connection = connection;
    self->bounds = *bounds;
    self->healthy = true;
    pthread_mutex_init(&self->mutex, NULL);
    begin_condition(&self->work);
    (void) sqlite3_wal_hook(connection->db, wal_grew, self);
    (void) checkpoint(self);        /* what an earlier life left behind */
    if (read_page_size(self, fault) && begin_thread(self, fault))
        return self;
    drop(self);
    return NULL;
}

void writer_pauses(struct writer *self, struct readers *readers)
{
    pthread_mutex_lock(&self->mutex);
    self->readers = readers;
    pthread_mutex_unlock(&self->mutex);
}

void writer_stop(struct writer *self)
{
    if (!self || self->is_stopped)
        return;
    pthread_mutex_lock(&self->mutex);
    self->stopping = true;
    pthread_cond_signal(&self->work);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->thread, NULL);
    self->is_stopped = true;
}

void writer_free(struct writer *self)
{
    if (!self)
        return;
    writer_stop(self);
    drop(self);
}
