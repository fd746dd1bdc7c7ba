/* warm_rig.h - a rig whose cages are booted ahead, as the tests of warm starts want them.
 *
 * Everything as rig.h says; one rig per program.
 */
#ifndef ISEKAI_TESTS_SANDBOX_WARM_RIG_H
#define ISEKAI_TESTS_SANDBOX_WARM_RIG_H

#include "tests/sandbox/rig.h"

/* For cmocka: with no, one or two warm cages; *state is the rig. */
int warm_open_none(void **state);
int warm_open_one(void **state);
int warm_open_two(void **state);
int warm_remove(void **state);

void warm_open_again(struct rig *rig);          /* from now on there is one */
bool was_warm(struct rig *rig, const char *app_id);

#endif
