/* room.h - an open store and a call in it, made for each test, and what most tests do there.
 *
 * Operations are ann's and held by apps.one.
 */
#ifndef ISEKAI_TESTS_STORE_ROOM_H
#define ISEKAI_TESTS_STORE_ROOM_H

#include "tests/store/fixture.h"

struct room { struct fixture fixture; struct call call; };

int room_open(void **state);        /* setup and teardown of a cmocka test */
int room_close(void **state);
#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_open, room_close)

void must_be(struct text text, const char *wanted);

struct app get_app(struct call *call, const char *app_id);
struct stored_app find_app(struct call *call, const char *app_id);
void begin_well(struct call *call, const char *key, const char *app_id, enum operation_kind kind,
                struct begin_reply *reply);
uint64_t store_version_of(struct call *call, const char *key, const char *name);
struct finish_request finish_of(const char *key);

extern const struct run_end crashed, asked;
struct ended_request ended_of(const char *run_id, const char *app_id, const struct run_end *end);
struct run run_of(const char *run_id, const char *app_id, uint64_t version);
/* An app of ann's whose version 1 runs as `run_id`. */
void make_running(struct call *call, const char *app_id, const char *run_id);

/* Run SQL in the writer. */
void put(struct room *room, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The seed, of 1,000 octets, and `count` like it, all created at the same moment. */
void put_apps(struct room *room, int count);

#endif
