/* request.c - an ask as frames, frames as an answer. */
#include "bus/request.h"

#include <stdlib.h>

static struct text text_or_absent(const char *string)
{
    return string ? text_from(string) : (struct text){NULL, 0};
}

static void free_octets(void *octets, void *hint)
{
    (void)hint;
    free(octets);
}

void message_from_buffer(msgpack_sbuffer *buffer, zmq_msg_t *out)
{
    size_t size = buffer->size;
    char *octets = msgpack_sbuffer_release(buffer);

    if (octets && zmq_msg_init_data(out, octets, size, free_octets, NULL) == 0)
        return;
    free(octets);
    zmq_msg_init(out);
}

static bool write_header(const struct ask *ask, int64_t left_ms, msgpack_sbuffer *out,
                         struct fault *fault)
{
    struct header header = {
        .request_id = text_or_absent(ask->request_id),
        .time_left_ms = left_ms > 86400000 ? 86400000 : (uint64_t)left_ms,
        .traceparent = text_or_absent(ask->traceparent),
        .idempotency_key = text_or_absent(ask->idempotency_key),
        .retry = ask->method->retry == AGAIN,
        .principal = ask->principal,
    };

    if (!message_encode(&header_message, &header, out, fault))
        return fault_while(fault, "header");
    if (out->size > HEADER_OCTETS_MAX)
        return fault_set(fault, FAULT_too_large, "header: %zu octets are more than %d", out->size,
                         HEADER_OCTETS_MAX);
    return true;
}

bool request_fits(size_t octets, uint64_t message_bytes_max, struct fault *fault)
{
    if (octets + MDP_OCTETS_MAX <= message_bytes_max)
        return true;
    return fault_set(fault, FAULT_too_large, "the request is larger than %llu octets",
                     (unsigned long long)message_bytes_max);
}

static bool write_frames(const struct ask *ask, uint32_t msgid, int64_t left_ms,
                         struct text packed, uint64_t message_bytes_max, msgpack_sbuffer *header,
                         msgpack_sbuffer *body, struct fault *fault)
{
    if (!request_fits(packed.size, message_bytes_max, fault))
        return false;
    if (!write_header(ask, left_ms, header, fault))
        return false;
    if (!envelope_write_request(msgid, ask->method->name, packed, body))
        return fault_set(fault, FAULT_internal, "no memory for a request");
    return request_fits(header->size + body->size, message_bytes_max, fault);
}

static void begin_frames(const char *service, struct frames *out)
{
    out->count = 0;
    frames_add_text(out, TEXT_OF("MDPC02"));
    frames_add_text(out, TEXT_OF("\x01"));
    frames_add_text(out, text_from(service));
}

bool request_write(const struct ask *ask, uint32_t msgid, int64_t left_ms, struct text packed,
                   uint64_t message_bytes_max, struct frames *out, struct fault *fault)
{
    msgpack_sbuffer header, body;
    zmq_msg_t frame;

    msgpack_sbuffer_init(&header);
    msgpack_sbuffer_init(&body);
    out->count = 0;
    bool written = write_frames(ask, msgid, left_ms, packed, message_bytes_max, &header, &body,
                                fault);
    if (written) {
        begin_frames(ask->service ? ask->service : ask->method->service, out);
        message_from_buffer(&header, &frame);
        frames_add_message(out, &frame);
        message_from_buffer(&body, &frame);
        frames_add_message(out, &frame);
    }
    msgpack_sbuffer_destroy(&header);
    msgpack_sbuffer_destroy(&body);
    return written;
}

void request_write_raw(const char *service, struct text body, struct frames *out)
{
    begin_frames(service, out);
    frames_add_text(out, body);
}

enum answer_kind answer_kind(const struct frames *frames, struct text *service,
                             size_t *body_frame)
{
    struct text command = frames_text(frames, 1);

    /* A body is one frame, or a header and one. */
    if (frames->count < 4 || frames->count > 5 || !text_is(frames_text(frames, 0), "MDPC02") ||
        command.size != 1)
        return ANSWER_NONE;
    *service = frames_text(frames, 2);
    *body_frame = frames->count - 1;
    return command.at[0] == 2 ? ANSWER_PARTIAL : command.at[0] == 3 ? ANSWER_FINAL : ANSWER_NONE;
}

bool answer_read(const struct envelope *answer, struct text *result, struct text *failure,
                 struct fault *fault)
{
    struct failure said;

    *failure = (struct text){NULL, 0};
    if (answer->error.size == 0) {
        *result = answer->result;
        return true;
    }
    struct arena *arena = arena_new(FAILURE_ARENA_OCTETS);
    if (arena && message_decode(&failure_message, answer->error, LENIENT, arena, &said, NULL,
                                fault)) {
        fault_from_failure(&said, fault);
        *failure = answer->error;
    } else {
        fault_set(fault, FAULT_internal, "the answer's error is no failure");
    }
    arena_free(arena);
    return false;
}

void answer_tell_progress(const struct ask *ask, const struct envelope *answer)
{
    struct progress progress;
    struct fault ignored;
    struct arena *arena = ask->progress ? arena_new(FAILURE_ARENA_OCTETS) : NULL;

    if (arena && message_decode(&progress_message, answer->data, LENIENT, arena, &progress, NULL,
                                &ignored))
        ask->progress(ask->progress_self, &progress);
    arena_free(arena);
}
