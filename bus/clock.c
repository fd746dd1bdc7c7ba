/* clock.c - the two clocks, and the door by which a test puts its own in. */
#include "bus/clock.h"

#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

typedef int64_t clock_source(void);

static _Atomic(clock_source *) test_source;

static int64_t read_us(clockid_t id)
{
    struct timespec now;

    (void) clock_gettime(id, &now);     /* cannot fail for these two clocks */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    clock_source *source = atomic_load_explicit(&test_source, memory_order_relaxed);

    return source ? source() : read_us(CLOCK_MONOTONIC);
}

int64_t clock_now_ms(void)
{
    return clock_now_us() / 1000;
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_left_ms(int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - clock_now_ms();

    return left_ms > 0 ? left_ms : 0;
}

void clock_set_source_for_test(int64_t (*now_us)(void))
{
    atomic_store_explicit(&test_source, now_us, memory_order_relaxed);
}
