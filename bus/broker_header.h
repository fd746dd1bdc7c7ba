/* broker_header.h - what the broker reads of a request's header, and what it writes there.
 *
 * The broker changes two entries: `caller`, which it writes from the connection whatever stood
 * there, and `timeLeftMs`, from which it takes the time spent waiting here. All other entries
 * are passed on octet by octet, broken ones too: the actor refuses those.
 *
 * Borrows:  the header's octets, during each call; `user` points into them.
 * Allocates nothing.
 */
#ifndef ISEKAI_BUS_BROKER_HEADER_H
#define ISEKAI_BUS_BROKER_HEADER_H

#include "bus/envelope.h"

enum { HEADER_CUTS_MAX = 4, CALLER_OCTETS_MAX = 256 };

struct header_look {
    bool is_header;             /* a whole map of at most HEADER_OCTETS_MAX octets */
    bool retry;
    bool keeps_time;            /* its timeLeftMs is broken: leave it for the actor to refuse */
    bool has_time;
    uint32_t time_left_ms;
    uint32_t entries;
    uint32_t head_size;         /* octets of the map's own head */
    uint32_t cut_count;         /* entries to leave out, in rising order */
    struct { uint32_t from, to; } cuts[HEADER_CUTS_MAX];
    struct text user;           /* the principal's; absent: none */
};

/* False, and *out says `not a header`, when `packed` is none. */
bool header_look(struct text packed, struct header_look *out);

/* The size of the header to send; `packed` may be absent when look says `not a header`. */
size_t header_size(struct text packed, const struct header_look *look, struct text caller);

/* Write that many octets. `caller` is a whole entry, key and value. */
void header_write(struct text packed, const struct header_look *look, struct text caller,
                  uint32_t time_left_ms, char *out);

#endif
