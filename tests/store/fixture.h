/* fixture.h - a store in a directory of its own, asked as the bus would ask it.
 *
 * The fixture is the actor loop's other side: it defines the call_ functions of bus/actor.h, so
 * that the store's own method table runs without sockets. Answers live until call_end().
 */
#ifndef ISEKAI_TESTS_STORE_FIXTURE_H
#define ISEKAI_TESTS_STORE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "actors/store/store.h"

enum { TEST_WAIT_MS = 20000 };

struct fixture {
    char directory[64];
    struct bus_settings bus;
    struct store_settings settings;
    struct store store;
};

/* What an ask to the audit log meets. */
typedef bool audit_answer(void *self, const struct append_request *request, struct fault *fault);

struct call {
    struct store *store;
    struct arena *arena;
    const char *user;           /* NULL: an admin */
    audit_answer *audit;
    void *audit_self;
};

void fixture_make(struct fixture *fixture);         /* a directory, nothing in it */
void fixture_open(struct fixture *fixture);         /* asserts that it opens */
void fixture_close(struct fixture *fixture);
void fixture_remove(struct fixture *fixture);       /* closes too */
void directory_remove(const char *path);

struct call call_begin(struct fixture *fixture, const char *user);
void call_end(struct call *call);

/* Ask a method by name: "begin". */
bool ask(struct call *call, const char *method, const void *request, void *reply,
         struct fault *fault);
/* The same, and it must succeed, or fail so. */
void ask_well(struct call *call, const char *method, const void *request, void *reply);
void ask_badly(struct call *call, const char *method, const void *request, void *reply,
               enum fault_kind kind);

/* Requests with the usual values filled in. */
struct begin_request begin_of(const char *operation_id, const char *app_id,
                              enum operation_kind kind, const char *user);
struct text digest_of(char fill);
struct files files_of(struct arena *arena, size_t octets);      /* server.js of that size */

/* From nothing to a version that serves, owned by `user`. */
void make_app(struct call *call, const char *app_id, const char *user);

int64_t file_octets(const char *directory, const char *name);  /* -1: there is none */
int64_t query_count(struct fixture *fixture, const char *sql);  /* on a connection of its own */

#endif
