/* pipeline.h - one HTTP request on its road, and the stages of that road.
 *
 * Owns:     an exchange owns its arena, its packed request and its answer's body until
 *           exchange_drop().
 * Borrows:  the HTTP request and the gateway, until the road ends.
 * Fails as: a stage returns false with the fault that ends the walk.
 * Units:    octets; times end in _ms or _us.
 * Threads:  an exchange belongs to the thread that serves it, whose stack holds 100 KB.
 */
#ifndef ISEKAI_GATEWAY_PIPELINE_H
#define ISEKAI_GATEWAY_PIPELINE_H

#include <msgpack.h>

#include "gateway/gateway.h"
#include "gateway/http_server.h"
#include "gateway/routes.h"
#include "schemas/json.h"

enum {
    ANSWER_HEADERS_SIZE = 3072,
    EXCHANGE_ARENA_OCTETS = 8 * 1048576,
    EXTRAS_MAX = 16,
    REQUEST_ID_SIZE = 65,
    TRACEPARENT_SIZE = 56,
    ANSWER_MS_MAX = 60000,          /* for a caller to take its answer */
};

enum wire_format { FORMAT_JSON, FORMAT_MSGPACK };

/* Where a value that stands beside the body came from, to say so when it is refused. */
struct extra_place { const char *name; const char *location; };

struct answer {
    int status;                     /* 0: not decided */
    enum audience audience;
    const char *content_type;       /* NULL: no body */
    struct text body;               /* may point into owned, the reply, or be constant */
    msgpack_sbuffer owned;
    char headers[ANSWER_HEADERS_SIZE];      /* beyond the fixed ones; each with CR LF */
    size_t headers_size;
    bool is_sent;                   /* the stage wrote it itself */
};

struct exchange {
    struct gateway *gateway;
    struct http_exchange *http;
    const struct http_request *request;
    int64_t began_us;
    struct arena *arena;

    char request_id[REQUEST_ID_SIZE];
    char traceparent[TRACEPARENT_SIZE];
    struct address caller;
    char caller_text[ADDRESS_TEXT_SIZE];
    bool is_https;
    bool is_head;
    bool is_write;                  /* POST, PUT, PATCH, DELETE */
    struct text host;               /* the Host header as it came */
    bool is_preview;
    char label[APP_LABEL_SIZE];     /* of a preview */
    struct preview_app *app;        /* behind the label */

    const struct route *route;
    struct text params[ROUTE_PARAMS_MAX];
    enum wire_format format;        /* of the answer */
    bool is_packed;                 /* the answer goes out as gzip */
    const char *idempotency_key;
    const struct principal *principal;

    struct text body;               /* as it came */
    char *body_octets;
    int64_t body_reserved;
    msgpack_sbuffer packed;         /* the request on the bus */
    struct json_extra extras[EXTRAS_MAX];
    struct extra_place places[EXTRAS_MAX];
    uint32_t extra_count;
    const void *decoded;            /* the same as the method's request struct */
    bool is_follow;                 /* stream the log instead of reading it once */
    struct pipe_reply reply;

    struct violation_list *violations;      /* of this request, by us; may be NULL */
    const struct failure *failure;          /* what the actor said; may be NULL */
    struct answer answer;
};

typedef bool stage(struct exchange *exchange, struct fault *fault);

stage set_security_headers, check_host, check_origin, find_route, check_site, check_accept, limit_by_address,
    identify_caller, read_body, decode_request, call_actor;

/* The end of the API's road, fault (kind other than FAULT_NONE) or not. */
void write_answer(struct exchange *exchange, const struct fault *fault);
void write_access_log(const struct exchange *exchange, const struct fault *fault);

/* Walk the road that the Host header says: the API's or a preview's. */
void serve_request(struct http_exchange *http, const struct http_request *request, void *gateway);
/* Answer a request that broke HTTP itself. */
void refuse_request(struct http_exchange *http, const struct fault *fault, void *gateway);

void pipeline_run(struct exchange *exchange);

/* ---- exchange.c: what stages do to an exchange ---- */

bool exchange_begin(struct exchange *self, struct gateway *gateway, struct http_exchange *http,
                    const struct http_request *request, struct fault *fault);
void exchange_drop(struct exchange *self);

struct text request_header(const struct exchange *self, const char *name);  /* absent: NULL */

/* Add "name: value" to the answer; a header that does not fit is left out: all of ours
 * are bounded. */
void answer_header(struct answer *answer, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answer with these octets, which outlive the exchange or are in its arena. */
void answer_with(struct answer *answer, int status, const char *content_type, struct text body);

/* Head and body in one write; decides Content-Length, Connection and Date. */
void answer_send(struct exchange *self);
/* Only the head, for a body that the stage writes itself. */
bool answer_send_head(struct exchange *self, const char *framing);

/* Append a log line as a JSON object. */
void log_line_print(const struct log_line *line, msgpack_sbuffer *out);

/* One call of the bus on the caller's behalf within the lane's time: fills reply, or failure. */
bool exchange_ask(struct exchange *self, const struct method *method, struct text packed,
                  struct fault *fault);

/* Note a broken rule of something beside the body; returns false with malformed. */
bool exchange_violation(struct exchange *self, const char *path, const char *location,
                        const char *sentence, struct fault *fault);

#endif
