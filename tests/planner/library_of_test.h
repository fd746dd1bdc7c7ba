/* library_of_test.h - the real templates, and small helpers, for the tests of the planner room. */
#ifndef ISEKAI_TESTS_PLANNER_LIBRARY_OF_TEST_H
#define ISEKAI_TESTS_PLANNER_LIBRARY_OF_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "actors/planner/planner.h"

extern struct library *library;         /* read by library_setup() */
extern struct arena *arena;             /* of the running test */

int library_setup(void **state);
int library_teardown(void **state);
int arena_setup(void **state);
int arena_teardown(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, arena_setup, arena_teardown)

struct plan_reply plan_of(const char *prompt);                      /* fails the test on a fault */
struct files files_of(const char *prompt);
/* Revise; true with the reply, or false with the fault. */
bool revise(struct files files, const char *template, const char *prompt,
            struct revise_reply *reply, struct fault *fault);
/* The files with the changes made; fails the test on a fault. */
struct files revised(struct files files, const char *prompt);

const struct file *file_at(struct files files, const char *path);   /* NULL: there is none */
struct files with_change(struct files files, const char *path, struct text content);
bool text_holds(struct text text, const char *part);
struct text text_without(struct text text, struct text part);       /* its first place cut out */

#endif
