/* clock.h - the two clocks.
 *
 * Units:    as the names end: _ms milliseconds, _us microseconds. clock_now_ms and _us are CLOCK_MONOTONIC, for deadlines inside one process;
 *           clock_wall_ms is milliseconds since 1970 UTC, for people and rows.
 * Tests own the monotonic clock: clock_set_source_for_test().
 */
#ifndef ISEKAI_BUS_CLOCK_H
#define ISEKAI_BUS_CLOCK_H

#include <stdint.h>

int64_t clock_now_ms(void);
int64_t clock_now_us(void);
int64_t clock_wall_ms(void);
int64_t clock_left_ms(int64_t deadline_ms);         /* never negative */
void    clock_set_source_for_test(int64_t (*now_us)(void));     /* NULL: the real one again */

#endif
