/* broker_requests.c - requests in chunks that never move, found again by their token.
 *
 * A token is index and generation. The generation rises each time the place is used again, so
 * that a late reply cannot meet another client's request.
 */
#include <stdlib.h>
#include <string.h>

#include "bus/broker_inside.h"

static bool add_chunk(struct broker *self)
{
    if (self->chunk_count == CHUNKS_MAX)
        return false;
    struct request *chunk = calloc(REQUESTS_CHUNK, sizeof *chunk);
    if (!chunk)
        return false;
    for (uint32_t i = 0; i < REQUESTS_CHUNK; i++) {
        chunk[i].index = self->chunk_count * REQUESTS_CHUNK + i;
        chunk[i].frames = chunk[i].few;
        TAILQ_INSERT_TAIL(&self->free_requests, &chunk[i], place);
    }
    self->chunks[self->chunk_count++] = chunk;
    return true;
}

struct request *request_new(struct broker *self)
{
    if (TAILQ_EMPTY(&self->free_requests) && !add_chunk(self))
        return NULL;
    /* Last in, first out: its memory is still in the cache. */
    struct request *request = TAILQ_FIRST(&self->free_requests);
    TAILQ_REMOVE(&self->free_requests, request, place);
    request->state = REQUEST_NEW;
    request->generation++;
    request->client = NULL;
    request->service = NULL;
    request->flow = NULL;
    request->worker = NULL;
    request->due_in = NULL;
    request->user_hash = 0;
    request->sends = 0;
    request->is_partial = false;
    request->frame_count = 0;
    return request;
}

void request_free(struct broker *self, struct request *request)
{
    request_disarm(self, request);
    request_drop_frames(request);
    if (request->client)
        request->client->requests--;
    request->client = NULL;
    request->state = REQUEST_FREE;
    TAILQ_INSERT_HEAD(&self->free_requests, request, place);
}

bool request_take_frames(struct request *self, struct parcel *parcel)
{
    uint32_t count = parcel->count - parcel->at;

    if (count > BODY_INLINE) {
        zmq_msg_t *frames = calloc(count, sizeof *frames);
        if (!frames)
            return false;
        self->frames = frames;
    }
    self->bytes = REQUEST_OVERHEAD;
    for (uint32_t i = 0; i < count; i++) {
        zmq_msg_t *frame = parcel_next(parcel);
        self->bytes += zmq_msg_size(frame);
        zmq_msg_init(&self->frames[i]);
        zmq_msg_move(&self->frames[i], frame);
    }
    self->frame_count = count;
    return true;
}

void request_drop_frames(struct request *self)
{
    for (uint32_t i = 0; i < self->frame_count; i++)
        zmq_msg_close(&self->frames[i]);
    self->frame_count = 0;
    if (self->frames != self->few) {
        free(self->frames);
        self->frames = self->few;
    }
}

void request_token(const struct request *self, unsigned char out[TOKEN_SIZE])
{
    memcpy(out, &self->index, 4);
    memcpy(out + 4, &self->generation, 4);
}

struct request *request_from_token(struct broker *self, struct text token)
{
    uint32_t index, generation;

    if (token.size != TOKEN_SIZE)
        return NULL;
    memcpy(&index, token.at, 4);
    memcpy(&generation, token.at + 4, 4);
    if (index / REQUESTS_CHUNK >= self->chunk_count)
        return NULL;
    struct request *request = &self->chunks[index / REQUESTS_CHUNK][index % REQUESTS_CHUNK];
    return request->state != REQUEST_FREE && request->generation == generation ? request : NULL;
}

void requests_drop(struct broker *self)
{
    for (uint32_t c = 0; c < self->chunk_count; c++) {
        for (uint32_t i = 0; i < REQUESTS_CHUNK; i++)
            request_drop_frames(&self->chunks[c][i]);
        free(self->chunks[c]);
    }
    self->chunk_count = 0;
}
