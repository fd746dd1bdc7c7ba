/* wal_test - what was acknowledged is on disk, and the WAL stays in bounds.
 *
 * Method: real SQLite files, readers that never pause or never let go, a child that is killed with
 * SIGKILL while it writes.
 */
#include "tests/store/bench.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/clock.h"

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
            OWNED(query) struct query query = query_of(connection, STATEMENT_app_count_all);
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
        cmocka_unit_test(the_wal_is_bounded_under_readers),
        cmocka_unit_test(a_reader_that_stays_cannot_grow_the_wal_for_ever),
        cmocka_unit_test(checkpoints_come_by_the_clock),
    };

    return cmocka_run_group_tests_name("wal", tests, NULL, NULL);
}
