/* writer_test - many writers, one transaction: what fails fails alone, what does not fit is told.
 *
 * Method: real SQLite files and real threads. The disk is made to fill by a page limit and by
 * a small tmpfs.
 */
#include "tests/store/bench.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mount.h>

#include "bus/clock.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_one_commit_and_failures_are_alone),
        cmocka_unit_test(what_waited_too_long_never_runs),
        cmocka_unit_test(a_full_queue_refuses_at_once),
        cmocka_unit_test(a_full_database_fails_only_what_does_not_fit),
        cmocka_unit_test(a_full_disk_loses_nothing),
    };

    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
