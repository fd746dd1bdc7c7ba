/* rate_table.h - how often each caller came in the present window; fixed windows, bounded memory.
 *
 * The table has a fixed number of places. A caller falls into one bucket of eight; when all are
 * taken by windows still open, the one used longest ago gives way. So a caller who is being
 * refused stays (he keeps his place by trying), memory never grows, and nobody can lock others
 * out by coming from many addresses, which refusing when full would allow; he who has that many
 * addresses has as many allowances anyway.
 *
 * Owns:     its places.
 * Units:    milliseconds of clock_now_ms().
 * Any thread: places are locked by the bucket.
 */
#ifndef ISEKAI_GATEWAY_RATE_TABLE_H
#define ISEKAI_GATEWAY_RATE_TABLE_H

#include "gateway/address.h"

struct rate_table;

struct rate_limit { uint32_t count_max; uint32_t window_s; };
struct rate_state {
    bool is_over;
    uint32_t remaining;
    uint32_t reset_s;           /* until the window ends, rounded up */
    uint32_t reset_ms;
};

struct rate_table *rate_table_new(void);            /* NULL: no memory */
void rate_table_free(struct rate_table *self);

/* Count one more of `what` (a family, a preview's label) by this caller. */
struct rate_state rate_table_count(struct rate_table *self, struct text what,
                                   const struct address *caller, struct rate_limit limit);

#endif
