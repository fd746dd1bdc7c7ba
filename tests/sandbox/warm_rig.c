/* warm_rig.c - a rig with warm cages; see warm_rig.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/sandbox/warm_rig.h"

static int open_with(void **state, uint64_t warm_cages)
{
    static struct rig rig;

    rig_make(&rig);
    rig.settings.sandbox_warm_cages = warm_cages;
    rig.is_warm = false;
    rig_open(&rig);
    *state = &rig;
    return 0;
}

int warm_open_none(void **state)
{
    return open_with(state, 0);
}

void warm_open_again(struct rig *rig)
{
    rig_shut(rig);
    rig->settings.sandbox_warm_cages = 1;
    rig_open(rig);
    rig_wait_warm(rig, 1);
}

int warm_open_one(void **state)
{
    return open_with(state, 1);
}

int warm_open_two(void **state)
{
    return open_with(state, 2);
}

int warm_remove(void **state)
{
    struct rig *rig = *state;

    rig_remove(rig);
    return 0;
}

bool was_warm(struct rig *rig, const char *app_id)
{
    return strstr(rig_log(rig, app_id), "starts, warm") != NULL;
}
