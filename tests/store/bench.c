/* bench.c - a writer by itself, and rows for it to write. */
#include "tests/store/bench.h"

#include "bus/clock.h"

bool put_row(struct connection *connection, void *row_, struct fault *fault)
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

struct row row_of(const char *prefix, int number, size_t octets)
{
    struct row row = {.octets = octets};

    (void) snprintf(row.id, sizeof row.id, "%s-%d", prefix, number);
    return row;
}

bool write_row(struct writer *writer, struct row *row, struct fault *fault)
{
    return writer_do(writer, put_row, row, row->octets, clock_now_ms() + TEST_WAIT_MS, fault);
}

void bench_open(struct bench *bench, const struct writer_bounds *bounds)
{
    struct fault fault = {0};

    assert_true(database_open(&bench->fixture.store.database, bench->fixture.directory, &fault));
    bench->connection = connection_open_writer(&bench->fixture.store.database, &fault);
    assert_non_null(bench->connection);
    bench->writer = writer_new(bench->connection, bounds, &fault);
    assert_non_null(bench->writer);
}

void bench_close(struct bench *bench)
{
    writer_free(bench->writer);
    database_close(&bench->fixture.store.database);
}

const struct writer_bounds wide = {300000, 16777216, 67108864};

int64_t count_rows(struct bench *bench, const char *where)
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
