/* batch.h - closures that are committed together.
 *
 * Each runs in a savepoint; one that fails undoes its own. When SQLite gives up the whole
 * transaction because of one, that one has failed and the others run again in a new transaction.
 * Fails as: each closure's `failed` and `fault` say what became of it. *trouble says whether the
 *           disk took the batch: FAULT_NONE, or why not.
 */
#ifndef ISEKAI_ACTORS_STORE_BATCH_H
#define ISEKAI_ACTORS_STORE_BATCH_H

#include "actors/store/statements.h"

enum { BATCH_WRITES_MAX = 64 };

typedef bool write_closure(struct connection *connection, void *input, struct fault *fault);

struct closure {
    write_closure *run;
    void *input;
    bool failed;
    struct fault fault;
};

struct batch { struct closure *closures[BATCH_WRITES_MAX]; size_t count; };

void batch_run(struct connection *connection, struct batch *batch, struct fault *trouble);

/* Without running anything: every closure that has not failed fails so. */
void batch_fail_rest(struct batch *batch, const struct fault *fault);

#endif
