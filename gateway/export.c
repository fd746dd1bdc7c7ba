/* export.c - an archive of an app as a download: apps makes it, then it is read piece by piece as fast
 * as the caller takes it. Its size is known before its first octet, so one that was cut is seen.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bus/clock.h"
#include "gateway/local.h"
#include "gateway/pipeline.h"

enum { PIECE_ARENA_OCTETS = 65536 };

struct download {
    struct exchange *exchange;
    const struct export_request *request;
    struct export_reply archive;
    uint64_t sent;
};

/* One call beside the route's own. */
static bool ask(struct exchange *exchange, const struct method *method, const void *request,
                struct fault *fault)
{
    msgpack_sbuffer packed;

    msgpack_sbuffer_init(&packed);
    bool asked = message_encode(method->request, request, &packed, fault) &&
                 exchange_ask(exchange, method, (struct text){packed.data, packed.size}, fault);
    msgpack_sbuffer_destroy(&packed);
    return asked;
}

/* ---- the head ---- */

static bool is_zip(const struct download *self)
{
    return text_is(self->request->format, "zip");
}

static void fill_head(struct download *self)
{
    struct answer *answer = &self->exchange->answer;

    http_close(self->exchange->http);   /* nothing may follow an archive that was cut */
    answer_header(answer, "Cache-Control", "no-store");
    if (self->archive.file_name.at)
        answer_header(answer, "Content-Disposition", "attachment; filename=\"%.*s\"",
                      TEXT_ARGS(self->archive.file_name));
    if (self->exchange->traceparent[0])
        answer_header(answer, "traceparent", "%s", self->exchange->traceparent);
    answer_with(answer, 200, is_zip(self) ? "application/zip" : "application/gzip",
                (struct text){NULL, 0});
}

/* What GET would say, but for the size: that is known when the archive is made. */
static bool answer_head(struct download *self, struct fault *fault)
{
    const struct app_ref ref = {.app_id = self->request->app_id};

    if (!ask(self->exchange, &method_store_get, &ref, fault))
        return false;
    fill_head(self);
    (void) answer_send_head(self->exchange, "");
    return true;
}

/* ---- the archive ---- */

static bool make(struct download *self, struct fault *fault)
{
    struct exchange *exchange = self->exchange;

    return exchange_ask(exchange, exchange->route->method,
                        (struct text){exchange->packed.data, exchange->packed.size}, fault) &&
           message_decode(&export_reply_message, exchange->reply.result, LENIENT, exchange->arena,
                          &self->archive, NULL, fault);
}

/* export_id and file_name lie in the reply, which the next call frees. */
static bool keep_names(struct download *self, struct fault *fault)
{
    self->archive.export_id = arena_text(self->exchange->arena, self->archive.export_id);
    self->archive.file_name = arena_text(self->exchange->arena, self->archive.file_name);
    return (self->archive.export_id.at && self->archive.file_name.at) ||
           fault_set(fault, FAULT_internal, "no memory for an export");
}

static bool ask_piece(struct download *self, struct arena *arena, struct export_piece *out,
                      struct fault *fault)
{
    const struct export_piece_request request = {.app_id = self->request->app_id,
                                                 .export_id = self->archive.export_id,
                                                 .offset = self->sent};

    return ask(self->exchange, &method_apps_export_read, &request, fault) &&
           message_decode(&export_piece_message, self->exchange->reply.result, LENIENT, arena, out,
                          NULL, fault);
}

static bool send_piece(struct download *self, struct fault *fault)
{
    struct arena *arena = arena_new(PIECE_ARENA_OCTETS);
    struct export_piece piece;
    bool sent = arena ? ask_piece(self, arena, &piece, fault)
                      : fault_set(fault, FAULT_internal, "no memory for a piece");

    if (sent && (piece.octets.size == 0 ||
                 piece.octets.size > self->archive.octets - self->sent))
        sent = fault_set(fault, FAULT_internal, "an archive is not as large as it was");
    if (sent) {
        struct iovec part = {(void *)(uintptr_t)piece.octets.at, piece.octets.size};
        self->sent += piece.octets.size;
        sent = http_write(self->exchange->http, &part, 1, clock_now_ms() + ANSWER_MS_MAX) ||
               fault_set(fault, FAULT_cancelled, "the caller is gone or does not read");
    }
    arena_free(arena);
    return sent;
}

static bool send_all(struct download *self, struct fault *fault)
{
    char length[48];

    fill_head(self);
    (void) snprintf(length, sizeof length, "Content-Length: %" PRIu64 "\r\n",
                    self->archive.octets);
    if (!answer_send_head(self->exchange, length))
        return fault_set(fault, FAULT_cancelled, "the caller is gone");
    while (self->sent < self->archive.octets) {
        if (http_is_stopping(self->exchange->http))
            return fault_set(fault, FAULT_interrupted, "the gateway stops");
        if (!send_piece(self, fault))
            return false;
    }
    return true;
}

static void end(struct download *self)
{
    const struct export_ref ref = {.app_id = self->request->app_id,
                                   .export_id = self->archive.export_id};
    struct fault ignored;

    (void) ask(self->exchange, &method_apps_export_end, &ref, &ignored);
}

bool send_export(struct exchange *exchange, struct fault *fault)
{
    struct download self = {.exchange = exchange, .request = exchange->decoded};

    if (exchange->is_head)
        return answer_head(&self, fault);
    if (!make(&self, fault) || !keep_names(&self, fault))
        return false;
    bool sent = send_all(&self, fault);
    end(&self);
    return sent;
}
