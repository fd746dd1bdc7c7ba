/* pipe_lane.h - the inside of a pipe: its slots and its lane thread. For pipe.c and pipe_lane.c.
 *
 * Threads:  a slot's fields are guarded by its lock; free, free_first and free_count by free_lock;
 *           handed and ended by the lane's lock; all else of the lane is its thread's alone.
 */
#ifndef ISEKAI_BUS_PIPE_LANE_H
#define ISEKAI_BUS_PIPE_LANE_H

#include <pthread.h>

#include "bus/brokers.h"
#include "bus/pipe.h"

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_ANSWERED, SLOT_REFUSED };
enum { SLOT_NOT_SENT = -1 };

struct slot {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum slot_state state;
    uint32_t generation;
    int link;                   /* the link its request went out by */
    struct frames answer;       /* ANSWERED */
    struct frames progress;     /* WAITING: the newest not yet told */
    struct fault fault;         /* REFUSED */
};

/* A request on its way to the lane thread. */
struct parcel { struct parcel *next; uint32_t msgid; int64_t handed_ms; struct frames frames; };
struct parcels { struct parcel *first, **last; };

struct pipe_lane {
    struct pipe *pipe;
    pthread_t thread;
    int wake_fd;                /* readable: something was handed over, or it is to end */
    pthread_mutex_t lock;
    struct parcels handed;
    bool ended;
    struct brokers brokers;
    struct parcels unsent;      /* no broker could take them so far, oldest first */
    uint32_t losses[ENDPOINTS_MAX];
    bool told_missing;          /* the log knows that no broker is there */
};

struct pipe {
    struct pipe_lane lane;
    pthread_mutex_t free_lock;
    pthread_cond_t all_free;
    uint32_t free[PIPE_SLOTS];  /* a ring of free slots' places */
    uint32_t free_first, free_count;
    struct slot slots[PIPE_SLOTS];
};

bool pipe_lane_begin(struct pipe_lane *self, struct pipe *pipe, const struct bus_settings *bus,
                     struct fault *fault);
/* End the thread and refuse every waiting call; after that nothing can be handed over. */
void pipe_lane_stop(struct pipe_lane *self);
void pipe_lane_drop(struct pipe_lane *self);
/* The parcel is the lane's from here on, taken or not. */
bool pipe_lane_hand(struct pipe_lane *self, struct parcel *parcel);

#endif
