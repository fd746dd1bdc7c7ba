/* batch.c - many writes, one transaction, a savepoint each. */
#include "actors/store/batch.h"

enum { TRANSACTIONS_MAX = 4 };      /* for one batch, when SQLite gives up in the middle */

static bool transaction_is_gone(struct connection *connection)
{
    return sqlite3_get_autocommit(connection->db) != 0;
}

static void undo_batch(struct connection *connection)
{
    struct fault ignored = {0};

    if (!transaction_is_gone(connection))
        (void) statement_run(connection, STATEMENT_batch_undo, &ignored);
}

static void fail_closure(struct closure *closure, const struct fault *fault)
{
    closure->failed = true;
    closure->fault = *fault;
}

void batch_fail_rest(struct batch *batch, const struct fault *fault)
{
    for (size_t i = 0; i < batch->count; i++)
        if (!batch->closures[i]->failed)
            fail_closure(batch->closures[i], fault);
}

/* Run one write in its savepoint. False: the whole transaction is lost by it. */
static bool run_closure(struct connection *connection, struct closure *closure)
{
    struct fault fault = {0};

    if (!statement_run(connection, STATEMENT_write_begin, &fault)) {
        fail_closure(closure, &fault);
        return false;
    }
    bool done = closure->run(connection, closure->input, &fault);
    if (transaction_is_gone(connection)) {
        if (done)
            (void) fault_set(&fault, FAULT_internal, "the transaction was given up");
        fail_closure(closure, &fault);
        return false;
    }
    if (done && statement_run(connection, STATEMENT_write_keep, &fault))
        return true;
    fail_closure(closure, &fault);
    return statement_run(connection, STATEMENT_write_undo, &fault) &&
           statement_run(connection, STATEMENT_write_keep, &fault);
}

enum attempt { BATCH_ENDED, BATCH_AGAIN };

/* One transaction over all writes that have not failed. */
static enum attempt try_batch(struct connection *connection, struct batch *batch,
                              struct fault *trouble)
{
    if (!statement_run(connection, STATEMENT_batch_begin, trouble)) {
        batch_fail_rest(batch, trouble);
        return BATCH_ENDED;
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->closures[i]->failed || run_closure(connection, batch->closures[i]))
            continue;
        undo_batch(connection);
        *trouble = batch->closures[i]->fault;
        return BATCH_AGAIN;
    }
    if (!statement_run(connection, STATEMENT_batch_commit, trouble)) {
        undo_batch(connection);
        batch_fail_rest(batch, trouble);
    }
    return BATCH_ENDED;
}

static void run_transactions(struct connection *connection, struct batch *batch,
                             struct fault *trouble)
{
    for (int i = 0; i < TRANSACTIONS_MAX; i++) {
        *trouble = (struct fault){0};
        if (try_batch(connection, batch, trouble) == BATCH_ENDED)
            return;
    }
    batch_fail_rest(batch, trouble);
}

void batch_run(struct connection *connection, struct batch *batch, struct fault *trouble)
{
    run_transactions(connection, batch, trouble);
    for (size_t i = 0; i < batch->count; i++)
        if (batch->closures[i]->failed && batch->closures[i]->fault.kind == FAULT_disk_full)
            *trouble = batch->closures[i]->fault;
}
