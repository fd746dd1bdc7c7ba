/* cage_state.c - the life of one cage, as a table; see the drawing in cage_state.h.
 *
 * cage_state_after() is the only place that moves a cage. No client can cause a pair that is not in
 * the table: requests become events only after they were checked.
 */
#include "actors/sandbox/cage_state.h"

#include <assert.h>
#include <stddef.h>

static const struct { enum cage_state from; enum cage_event on; enum cage_state to; } moves[] = {
    {CAGE_STARTING, CAGE_ANSWERED, CAGE_RUNNING},
    {CAGE_STARTING, CAGE_STOP,     CAGE_STOPPING},
    {CAGE_STARTING, CAGE_LATE,     CAGE_KILLING},
    {CAGE_STARTING, CAGE_ENDED,    CAGE_CLEARING},
    {CAGE_RUNNING,  CAGE_STOP,     CAGE_STOPPING},
    {CAGE_RUNNING,  CAGE_ENDED,    CAGE_CLEARING},
    {CAGE_STOPPING, CAGE_STOP,     CAGE_STOPPING},      /* asked twice */
    {CAGE_STOPPING, CAGE_LATE,     CAGE_KILLING},
    {CAGE_STOPPING, CAGE_ENDED,    CAGE_CLEARING},
    {CAGE_KILLING,  CAGE_STOP,     CAGE_KILLING},
    {CAGE_KILLING,  CAGE_LATE,     CAGE_KILLING},       /* killed again */
    {CAGE_KILLING,  CAGE_ENDED,    CAGE_CLEARING},
    {CAGE_CLEARING, CAGE_STOP,     CAGE_CLEARING},
    {CAGE_CLEARING, CAGE_LATE,     CAGE_CLEARING},      /* not empty yet */
    {CAGE_CLEARING, CAGE_EMPTY,    CAGE_GONE},
};

enum cage_state cage_state_after(enum cage_state from, enum cage_event on)
{
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (moves[i].from == from && moves[i].on == on)
            return moves[i].to;
    assert(!"a cage cannot do that here");
    return CAGE_GONE;
}
