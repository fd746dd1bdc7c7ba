/* writer_test - many writers, one transaction: what is acknowledged is on disk, what fails fails
 * alone, and the WAL stays in bounds.
 *
 * Method: real SQLite files. Threads put rows of any size into the outbox; the disk is made to
 * fill by SQLite's page limit and by a small tmpfs; a child is killed with SIGKILL.
 */
#include "tests/store/fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/clock.h"

/* ---- rows: outbox holds text and octets of any size ---- */

struct row { char id[32]; size_t octets; bool fails; };

static bool put_row(struct connection *connection, void *row_, struct fault *fault)
{
    static const char zeros[1 << 20];
    const struct row *row = row_;
    struct query query = query_of(connection, STATEMENT_outbox_insert);

    query_string(&query, row->id);
    query_octets(&query, (struct text){zeros, row->octets});
    if (!query_run(&query, fault))
        return false;
    return !row->fails || fault_set(fault, FAULT_conflict, "as asked");
}

static struct row row_of(const char *prefix, int number, size_t octets)
{
    struct row row = {.octets = octets};

    (void) snprintf(row.id, sizeof row.id, "%s-%d", prefix, number);
    return row;
}

static bool write_row(struct writer *writer, struct row *row, struct fault *fault)
{
    return writer_do(writer, put_row, row, row->octets, clock_now_ms() + TEST_WAIT_MS, fault);
}

/* A writer by itself, with bounds of its own. */
struct bench { struct fixture fixture; struct writer *writer; struct connection *connection; };

static void bench_open(struct bench *bench, const struct writer_bounds *bounds)
{
    struct fault fault = {0};

    assert_true(database_open(&bench->fixture.store.database, bench->fixture.directory, &fault));
    bench->connection = connection_open_writer(&bench->fixture.store.database, &fault);
    assert_non_null(bench->connection);
    bench->writer = writer_new(bench->connection, bounds, &fault);
    assert_non_null(bench->writer);
}

static void bench_close(struct bench *bench)
{
    writer_free(bench->writer);
    database_close(&bench->fixture.store.database);
}

static const struct writer_bounds wide = {300000, 16777216, 67108864};

static int64_t count_rows(struct bench *bench, const char *where)
{
    struct fault fault = {0};
    char sql[128];
    sqlite3_stmt *statement = NULL;
    struct connection *reader = connection_open_reader(&bench->fixture.store.database, &fault);

    assert_non_null(reader);
    (void) snprintf(sql, sizeof sql, "SELECT count(*) FROM outbox WHERE %s", where);
    assert_int_equal(sqlite3_prepare_v2(reader->db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(statement, 0);
    statement_drop(&statement);
    connection_close(reader);
    return count;
}

/* ---- a gate: a closure that holds the writer until told ---- */

struct gate { pthread_mutex_t mutex; pthread_cond_t changed; bool entered, open; };

static bool wait_at_gate(struct connection *connection, void *gate_, struct fault *fault)
{
    struct gate *gate = gate_;

    (void) connection;
    (void) fault;
    pthread_mutex_lock(&gate->mutex);
    gate->entered = true;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    return true;
}

struct holder { struct writer *writer; struct gate gate; pthread_t thread; };

static void *hold_writer(void *holder_)
{
    struct holder *holder = holder_;
    struct fault fault = {0};

    assert_true(writer_do(holder->writer, wait_at_gate, &holder->gate, 0,
                          clock_now_ms() + TEST_WAIT_MS, &fault));
    return NULL;
}

static void holder_begin(struct holder *holder, struct writer *writer)
{
    *holder = (struct holder){.writer = writer, .gate = {PTHREAD_MUTEX_INITIALIZER,
                              PTHREAD_COND_INITIALIZER, false, false}};
    assert_int_equal(pthread_create(&holder->thread, NULL, hold_writer, holder), 0);
    pthread_mutex_lock(&holder->gate.mutex);
    while (!holder->gate.entered)
        pthread_cond_wait(&holder->gate.changed, &holder->gate.mutex);
    pthread_mutex_unlock(&holder->gate.mutex);
}

static void holder_end(struct holder *holder)
{
    pthread_mutex_lock(&holder->gate.mutex);
    holder->gate.open = true;
    pthread_cond_broadcast(&holder->gate.changed);
    pthread_mutex_unlock(&holder->gate.mutex);
    pthread_join(holder->thread, NULL);
}

/* ---- threads that write ---- */

struct author {
    struct writer *writer;
    struct row row;
    bool done;
    struct fault fault;
    pthread_t thread;
};

static void *write_one(void *author_)
{
    struct author *author = author_;

    author->done = write_row(author->writer, &author->row, &author->fault);
    return NULL;
}

static void authors_begin(struct author *authors, int count, struct writer *writer,
                          const char *prefix, size_t octets)
{
    pthread_attr_t small;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 262144);
    for (int i = 0; i < count; i++) {
        authors[i] = (struct author){.writer = writer, .row = row_of(prefix, i, octets)};
        authors[i].row.fails = i % 10 == 3;
        assert_int_equal(pthread_create(&authors[i].thread, &small, write_one, &authors[i]), 0);
    }
    pthread_attr_destroy(&small);
}

static void authors_end(struct author *authors, int count)
{
    for (int i = 0; i < count; i++)
        pthread_join(authors[i].thread, NULL);
}

static void wait_until_waiting(struct writer *writer, size_t count)
{
    int64_t deadline_ms = clock_now_ms() + TEST_WAIT_MS;

    while (writer_counts(writer).waiting < count && clock_now_ms() < deadline_ms)
        sched_yield();
    assert_int_equal(writer_counts(writer).waiting, count);
}

/* ---- tests ---- */

static void a_batch_is_one_commit_and_failures_are_alone(void **state)
{
    enum { AUTHORS = 40 };
    struct bench bench;
    struct holder holder;
    static struct author authors[AUTHORS];

    (void) state;
    fixture_make(&bench.fixture);
    bench_open(&bench, &wide);
    holder_begin(&holder, bench.writer);
    authors_begin(authors, AUTHORS, bench.writer, "a", 10);
    wait_until_waiting(bench.writer, AUTHORS);
    uint64_t batches = writer_counts(bench.writer).batches;
    holder_end(&holder);
    authors_end(authors, AUTHORS);

    /* the gate's own batch, and one for all the others */
    assert_int_equal(writer_counts(bench.writer).batches, batches + 2);
    for (int i = 0; i < AUTHORS; i++) {
        assert_int_equal(authors[i].done, !authors[i].row.fails);
        if (authors[i].row.fails)
            assert_int_equal(authors[i].fault.kind, FAULT_conflict);
    }
    assert_int_equal(count_rows(&bench, "1"), AUTHORS - AUTHORS / 10);
    bench_close(&bench);
    assert_int_equal(file_octets(bench.fixture.directory, "isekai.db-wal"), -1);
    directory_remove(bench.fixture.directory);
}

static void what_waited_too_long_never_runs(void **state)
{
    struct bench bench;
    struct holder holder;
    struct fault fault = {0};
    struct row row = row_of("late", 1, 10), after = row_of("after", 1, 10);

    (void) state;
    fixture_make(&bench.fixture);
    bench_open(&bench, &wide);
    holder_begin(&holder, bench.writer);
    assert_false(writer_do(bench.writer, put_row, &row, 0, clock_now_ms() + 20, &fault));
    assert_int_equal(fault.kind, FAULT_timed_out);
    assert_int_equal(writer_counts(bench.writer).waiting, 0);
    holder_end(&holder);
    assert_true(write_row(bench.writer, &after, &fault));
    assert_int_equal(count_rows(&bench, "event_id = 'late-1'"), 0);
    assert_int_equal(count_rows(&bench, "event_id = 'after-1'"), 1);
    bench_close(&bench);
    directory_remove(bench.fixture.directory);
}

static void a_full_queue_refuses_at_once(void **state)
{
    static struct author authors[WRITES_WAITING_MAX];
    struct bench bench;
    struct holder holder;
    struct fault fault = {0};
    struct row row = row_of("one-too-many", 1, 10);

    (void) state;
    fixture_make(&bench.fixture);
    bench_open(&bench, &wide);
    holder_begin(&holder, bench.writer);
    authors_begin(authors, WRITES_WAITING_MAX, bench.writer, "q", 10);
    wait_until_waiting(bench.writer, WRITES_WAITING_MAX);
    assert_false(write_row(bench.writer, &row, &fault));
    assert_int_equal(fault.kind, FAULT_overloaded);
    holder_end(&holder);
    authors_end(authors, WRITES_WAITING_MAX);
    for (int i = 0; i < WRITES_WAITING_MAX; i++)
        assert_int_equal(authors[i].done, !authors[i].row.fails);
    bench_close(&bench);
    directory_remove(bench.fixture.directory);
}

static void set_page_limit(struct bench *bench, int pages)
{
    char sql[64];

    (void) snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", pages);
    assert_int_equal(sqlite3_exec(bench->connection->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* A write that does not fit makes SQLite give up the transaction; its neighbours do not suffer. */
static void a_full_database_fails_only_what_does_not_fit(void **state)
{
    enum { SMALL = 8 };
    struct bench bench;
    struct holder holder;
    struct fault fault = {0};
    static struct author small[SMALL], large[1];
    char level[200];

    (void) state;
    fixture_make(&bench.fixture);
    bench_open(&bench, &wide);
    holder_begin(&holder, bench.writer);
    set_page_limit(&bench, 100);        /* the writer stands at the gate: the connection is free */
    authors_begin(small, SMALL / 2, bench.writer, "s", 10);
    wait_until_waiting(bench.writer, SMALL / 2);
    authors_begin(large, 1, bench.writer, "l", 1 << 20);
    wait_until_waiting(bench.writer, SMALL / 2 + 1);
    holder_end(&holder);
    authors_end(small, SMALL / 2);
    authors_end(large, 1);
    assert_false(large[0].done);
    assert_int_equal(large[0].fault.kind, FAULT_disk_full);
    assert_false(writer_is_healthy(bench.writer, level));
    assert_non_null(strstr(level, "full"));
    for (int i = 0; i < SMALL / 2; i++)
        assert_int_equal(small[i].done, !small[i].row.fails);
    assert_int_equal(count_rows(&bench, "event_id LIKE 's-%'"), SMALL / 2 - 1);
    assert_int_equal(count_rows(&bench, "event_id LIKE 'l-%'"), 0);

    struct row row = row_of("t", 1, 10);
    assert_true(write_row(bench.writer, &row, &fault));
    assert_true(writer_is_healthy(bench.writer, level));
    bench_close(&bench);
    directory_remove(bench.fixture.directory);
}

/* Fill a real, small file system; what was acknowledged stays, and writing works again after. */
static void a_full_disk_loses_nothing(void **state)
{
    struct bench bench;
    struct fault fault = {0};
    char filler[128], zeros[4096] = {0};
    int acknowledged = 0;

    (void) state;
    fixture_make(&bench.fixture);
    if (mount("tmpfs", bench.fixture.directory, "tmpfs", 0, "size=1m") < 0) {
        print_message("skipped: mount: %s\n", strerror(errno));
        directory_remove(bench.fixture.directory);
        skip();
    }
    bench_open(&bench, &wide);
    (void) snprintf(filler, sizeof filler, "%s/filler", bench.fixture.directory);
    FILE *file = fopen(filler, "w");
    for (int i = 0; i < 64; i++)
        fwrite(zeros, sizeof zeros, 1, file);
    fclose(file);
    for (int i = 0; i < 1000; i++) {
        struct row row = row_of("d", i, 3000);
        if (!write_row(bench.writer, &row, &fault))
            break;
        acknowledged++;
    }
    assert_in_range(acknowledged, 10, 900);
    assert_int_equal(fault.kind, FAULT_disk_full);
    assert_int_equal(count_rows(&bench, "1"), acknowledged);
    assert_int_equal(remove(filler), 0);
    struct row row = row_of("again", 1, 3000);
    assert_true(write_row(bench.writer, &row, &fault));
    bench_close(&bench);
    bench_open(&bench, &wide);
    assert_int_equal(count_rows(&bench, "event_id LIKE 'd-%'"), acknowledged);
    assert_int_equal(count_rows(&bench, "event_id LIKE 'again-%'"), 1);
    bench_close(&bench);
    assert_int_equal(umount(bench.fixture.directory), 0);
    directory_remove(bench.fixture.directory);
}

/* ---- the WAL ---- */

struct reading { struct readers *readers; atomic_bool stop; atomic_int reads; pthread_t thread; };

static void *read_always(void *reading_)
{
    struct reading *reading = reading_;

    while (!atomic_load(&reading->stop)) {
        struct fault fault = {0};
        struct connection *connection = readers_take(reading->readers,
                                                     clock_now_ms() + TEST_WAIT_MS, &fault);
        assert_non_null(connection);
        {
            OWNED(query) struct query query = query_of(connection, STATEMENT_outbox_size);
            bool row = false;
            assert_true(query_next(&query, &row, &fault) && row);
        }
        readers_give(reading->readers, connection);
        atomic_fetch_add(&reading->reads, 1);
    }
    return NULL;
}

/* S29-S32: many times the bound is written under readers that never pause. */
static void the_wal_is_bounded_under_readers(void **state)
{
    static const struct writer_bounds narrow = {300000, 262144, 8388608};
    struct bench bench;
    struct fault fault = {0};
    struct reading readings[3];
    int64_t largest = 0;

    (void) state;
    fixture_make(&bench.fixture);
    bench_open(&bench, &narrow);
    struct readers *readers = readers_new(&bench.fixture.store.database, 2, &fault);
    writer_pauses(bench.writer, readers);
    for (int i = 0; i < 3; i++) {
        readings[i] = (struct reading){.readers = readers};
        pthread_create(&readings[i].thread, NULL, read_always, &readings[i]);
    }
    for (int i = 0; i < 600; i++) {
        struct row row = row_of("w", i, 20000);
        if (!write_row(bench.writer, &row, &fault))
            fail_msg("write %d: %s: %s", i, fault_name(fault.kind), fault.reason);
        int64_t octets = file_octets(bench.fixture.directory, "isekai.db-wal");
        largest = octets > largest ? octets : largest;
    }
    for (int i = 0; i < 3; i++) {
        atomic_store(&readings[i].stop, true);
        pthread_join(readings[i].thread, NULL);
        assert_true(atomic_load(&readings[i].reads) > 0);
    }
    print_message("the WAL was %lld octets at most, %llu checkpoints\n", (long long)largest,
                  (unsigned long long)writer_counts(bench.writer).checkpoints);
    assert_in_range(largest, 262144, 4194304);      /* of 14 MB; a busy machine needs room */
    assert_true(writer_counts(bench.writer).checkpoints > 10);
    writer_stop(bench.writer);
    readers_free(readers);
    bench_close(&bench);
    directory_remove(bench.fixture.directory);
}

/* A reader that never lets go stops the writing before the disk is full, and not for ever. */
static void a_reader_that_stays_cannot_grow_the_wal_for_ever(void **state)
{
    static const struct writer_bounds narrow = {300000, 65536, 262144};
    struct bench bench;
    struct fault fault = {0};
    int i = 0;

    (void) state;
    fixture_make(&bench.fixture);
    bench_open(&bench, &narrow);
    struct connection *reader = connection_open_reader(&bench.fixture.store.database, &fault);
    assert_int_equal(sqlite3_exec(reader->db, "BEGIN; SELECT count(*) FROM outbox", NULL, NULL,
                                  NULL), SQLITE_OK);
    for (; i < 100; i++) {
        struct row row = row_of("w", i, 20000);
        if (!write_row(bench.writer, &row, &fault))
            break;
    }
    assert_in_range(i, 1, 99);
    assert_int_equal(fault.kind, FAULT_unavailable);
    assert_true(fault.retry_ms > 0);
    assert_true(file_octets(bench.fixture.directory, "isekai.db-wal") < 262144 + 65536);
    assert_int_equal(sqlite3_exec(reader->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    struct row row = row_of("w", i, 20000);
    assert_true(write_row(bench.writer, &row, &fault));
    assert_true(file_octets(bench.fixture.directory, "isekai.db-wal") < 262144);
    connection_close(reader);
    bench_close(&bench);
    directory_remove(bench.fixture.directory);
}

static void checkpoints_come_by_the_clock(void **state)
{
    static const struct writer_bounds often = {50, 16777216, 67108864};
    struct bench bench;
    struct fault fault = {0};
    struct row row = row_of("c", 1, 20000);
    int64_t deadline_ms = clock_now_ms() + TEST_WAIT_MS;

    (void) state;
    fixture_make(&bench.fixture);
    bench_open(&bench, &often);
    assert_true(write_row(bench.writer, &row, &fault));
    while (file_octets(bench.fixture.directory, "isekai.db-wal") != 0 &&
           clock_now_ms() < deadline_ms)
        sched_yield();
    assert_int_equal(file_octets(bench.fixture.directory, "isekai.db-wal"), 0);
    bench_close(&bench);
    directory_remove(bench.fixture.directory);
}

/* ---- kill -9 ---- */

struct telling { struct writer *writer; int tell; char prefix[8]; pthread_t thread; };

static void *write_and_tell(void *telling_)
{
    struct telling *telling = telling_;

    for (int i = 0;; i++) {
        struct fault fault = {0};
        struct row row = row_of(telling->prefix, i, 500 + (size_t)(i % 7) * 3000);
        if (!write_row(telling->writer, &row, &fault) ||
            write(telling->tell, row.id, sizeof row.id) != (ssize_t)sizeof row.id)
            _exit(1);
    }
}

static void write_until_killed(struct bench *bench, int tell)
{
    static const struct writer_bounds narrow = {300000, 262144, 8388608};
    struct telling tellings[4];

    bench_open(bench, &narrow);
    for (int i = 0; i < 4; i++) {
        tellings[i] = (struct telling){.writer = bench->writer, .tell = tell};
        (void) snprintf(tellings[i].prefix, sizeof tellings[i].prefix, "k%d", i);
        pthread_create(&tellings[i].thread, NULL, write_and_tell, &tellings[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(tellings[i].thread, NULL);
    _exit(1);
}

enum { TOLD_MAX = 4096 };

/* Let a child write until so many rows are told, kill it, and read what else it had told. */
static int kill_in_the_middle(struct bench *bench, char told[][32], int enough)
{
    int pipes[2], count = 0;

    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        close(pipes[0]);
        write_until_killed(bench, pipes[1]);
    }
    close(pipes[1]);
    while (count < enough && read(pipes[0], told[count], 32) == 32)
        count++;
    assert_int_equal(count, enough);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (count < TOLD_MAX && read(pipes[0], told[count], 32) == 32)
        count++;
    close(pipes[0]);
    return count;
}

static void what_was_acknowledged_survives_a_kill(void **state)
{
    static char told[TOLD_MAX][32];

    (void) state;
    for (int round = 0; round < 5; round++) {
        struct bench bench;
        char where[64];

        fixture_make(&bench.fixture);
        int count = kill_in_the_middle(&bench, told, 20 + round * 60);
        bench_open(&bench, &wide);
        for (int i = 0; i < count; i++) {
            (void) snprintf(where, sizeof where, "event_id = '%.40s'", told[i]);
            if (count_rows(&bench, where) != 1)
                fail_msg("%s was acknowledged and is gone", told[i]);
        }
        assert_true(count_rows(&bench, "1") <= count + 4);
        sqlite3_stmt *check = NULL;
        assert_int_equal(sqlite3_prepare_v2(bench.connection->db, "PRAGMA integrity_check", -1,
                                            &check, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(check), SQLITE_ROW);
        assert_string_equal(sqlite3_column_text(check, 0), "ok");
        statement_drop(&check);
        bench_close(&bench);
        directory_remove(bench.fixture.directory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_survives_a_kill),
        cmocka_unit_test(a_batch_is_one_commit_and_failures_are_alone),
        cmocka_unit_test(what_waited_too_long_never_runs),
        cmocka_unit_test(a_full_queue_refuses_at_once),
        cmocka_unit_test(a_full_database_fails_only_what_does_not_fit),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(the_wal_is_bounded_under_readers),
        cmocka_unit_test(a_reader_that_stays_cannot_grow_the_wal_for_ever),
        cmocka_unit_test(checkpoints_come_by_the_clock),
    };

    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
