/* preview_relay.h - one request on its way to an app and the answer on its way back. Used by the
 * two files of the relay only.
 *
 * Owns:     nothing: the socket is relay_app()'s, the buffers are the exchange's arena's.
 */
#ifndef ISEKAI_GATEWAY_PREVIEW_RELAY_H
#define ISEKAI_GATEWAY_PREVIEW_RELAY_H

#include "gateway/preview.h"
#include "gateway/preview_head.h"

enum { RELAY_OCTETS = APP_HEAD_OCTETS_MAX + 16384 };

struct relay {
    struct exchange *exchange;
    int app;
    char *buffer;                   /* RELAY_OCTETS: from the app, or of the body to it */
    struct text unread;             /* in buffer, behind what was used */
    struct app_head *head;
    struct preview_request request;
    bool is_chunked_out;            /* the answer to the caller is */
};

/* Read the app's answer and pass it on. False: nothing was sent when exchange->answer says so,
 * else the answer was cut short and the connection ends. */
bool relay_answer(struct relay *self, struct fault *fault);

#endif
