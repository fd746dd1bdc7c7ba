/* bench.h - a writer by itself, with bounds of its own, and rows for it to write.
 *
 * Rows go to the outbox: it holds text and octets of any size.
 */
#ifndef ISEKAI_TESTS_STORE_BENCH_H
#define ISEKAI_TESTS_STORE_BENCH_H

#include "tests/store/fixture.h"

struct row { char id[32]; size_t octets; bool fails; };

struct row row_of(const char *prefix, int number, size_t octets);
bool put_row(struct connection *connection, void *row, struct fault *fault);    /* a closure */
bool write_row(struct writer *writer, struct row *row, struct fault *fault);

/* fixture_make() its fixture first. */
struct bench { struct fixture fixture; struct writer *writer; struct connection *connection; };

extern const struct writer_bounds wide;         /* that no test comes near */

void bench_open(struct bench *bench, const struct writer_bounds *bounds);
void bench_close(struct bench *bench);
int64_t count_rows(struct bench *bench, const char *where);

#endif
