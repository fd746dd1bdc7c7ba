/* probe.c - commit a row, to know that writing works: health asks. */
#include "actors/store/store.h"

bool store_probe(const struct work *work, const struct nothing *request, struct nothing *reply,
                 struct fault *fault)
{
    struct query query = query_of(work->connection, STATEMENT_probe_put);

    (void) request;
    (void) reply;
    query_number(&query, work->now_ms);
    return query_run(&query, fault);
}
