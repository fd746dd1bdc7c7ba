/* preview_relay.h - one request on its way to an app and the answer on its way back. Used by the
 * files of the relay only.
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
    bool is_tagged;                 /* preview_tag.c has something to put behind it */
    unsigned char first[2];         /* octets of a tagged answer */
    uint32_t seen;                  /* how many of them */
};

enum { PREVIEW_TAG_SIZE = 96 };

/* May a tag stand behind the answer with this head? */
bool preview_may_tag(const struct app_head *head);
void preview_note_body(struct relay *self, struct text payload);
/* The tag; 0 octets when the body turned out to be none that it fits. */
size_t preview_tag_print(const struct relay *self, char out[PREVIEW_TAG_SIZE]);

/* Read the app's answer and pass it on. False: nothing was sent when exchange->answer says so,
 * else the answer was cut short and the connection ends. */
bool relay_answer(struct relay *self, struct fault *fault);

#endif
