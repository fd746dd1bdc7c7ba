/* preview_head.h - the heads that pass between callers and apps, read strictly and written anew.
 *
 * An app is hostile: its answer is taken apart and only what is understood is passed on. So
 * it cannot split answers, smuggle a second one, or speak for the gateway to a proxy in front.
 *
 * Source:   RFC 9112 sections 4 to 7; RFC 9110 section 7.6.
 * Borrows:  texts point into the octets given.
 * Gives:    heads printed into a buffer of the caller; 0 octets when they do not fit.
 * Fails as: app_unreachable, saying what the app did wrong.
 * Allocates nothing; any thread.
 */
#ifndef ISEKAI_GATEWAY_PREVIEW_HEAD_H
#define ISEKAI_GATEWAY_PREVIEW_HEAD_H

#include "gateway/guard.h"

enum { APP_HEAD_OCTETS_MAX = 32768 };

enum body_framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

struct app_head {
    int status;
    struct http_headers headers;
    enum body_framing framing;
    int64_t length;                 /* of FRAMING_LENGTH */
};

/* The octets up to and with the empty line; 0 while it has not come. */
size_t app_head_size(struct text octets);

/* Read one whole head. `is_head_request`: the answer to HEAD has no body. */
bool app_head_read(struct text octets, bool is_head_request, struct app_head *out,
                   struct fault *fault);

/* Does the app agree to the WebSocket that was asked for? */
bool app_head_is_upgrade(const struct app_head *head);

enum head_way { HEAD_AS_IT_IS, HEAD_OF_UPGRADE, HEAD_OF_TAGGED };

/* The header lines of the answer that go on to the caller, nosniff among them; without status
 * line, framing, Connection and the empty line. Those that would be wrong for a body to which
 * something was added (HEAD_OF_TAGGED) stay behind. 0: they do not fit. */
size_t app_head_print(const struct app_head *head, enum head_way way, char *out, size_t capacity);

struct preview_request {
    struct text verb, path, query;
    const struct http_headers *headers;
    struct guard_verdict framing;
    const char *caller;             /* address */
    bool is_https;
    bool is_upgrade;
    bool is_page;                   /* the app is to answer whole and plain */
};

/* Does the caller ask for a WebSocket? (RFC 6455 section 4.1) */
bool preview_wants_upgrade(const struct preview_request *request);

/* The request's head for the app, with the empty line. 0: it does not fit. */
size_t preview_request_print(const struct preview_request *request, char *out, size_t capacity);

/* ---- chunked bodies ---- */

struct chunks {
    enum { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_SIZE_END, CHUNK_DATA, CHUNK_DATA_CR, CHUNK_DATA_LF,
           CHUNK_TRAILER, CHUNK_TRAILER_LINE, CHUNK_TRAILER_LF, CHUNK_END_LF, CHUNK_DONE } state;
    uint64_t left;
    uint32_t digits;
    uint32_t extra_octets;          /* of extensions and trailers together */
};

/* Read on: sets *payload to the next run of data (may be empty) and *used to the octets taken.
 * Call until *used is all or the state is CHUNK_DONE. */
bool chunks_read(struct chunks *self, struct text octets, size_t *used, struct text *payload,
                 struct fault *fault);

#endif
