/* gateway.h - what all requests of this process share.
 *
 * Owns:     main makes and frees every part; requests only borrow them.
 * Constant once main has filled it, before the server serves; each part says itself how it is locked.
 */
#ifndef ISEKAI_GATEWAY_GATEWAY_H
#define ISEKAI_GATEWAY_GATEWAY_H

#include <stdatomic.h>

#include "bus/pipe.h"
#include "gateway/config.h"
#include "gateway/security_headers.h"

struct gateway {
    struct bus_settings bus;
    struct gateway_settings settings;
    struct config config;
    struct fixed_headers fixed;
    struct pipe *pipe;
    struct http_server *server;
    struct rate_table *rates;
    struct health *health;
    struct studio *studio;
    struct preview_routes *previews;
    struct preview_watch *watch;
    struct preview_crowd *crowd;
    struct text openapi;            /* JSON, printed at the start */
    _Atomic int64_t body_octets;    /* request bodies held in memory now */
};

#endif
