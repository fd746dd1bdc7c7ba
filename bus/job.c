/* job.c - a request's frames as a job, its answers, and the outbox between the threads. */
#include "bus/actor_inside.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/clock.h"
#include "bus/packed.h"
#include "bus/request.h"

enum { FRAME_CLIENT = 2, FRAME_DELIMITER = 3, FRAME_BODY = 4 };

static void move_frame(zmq_msg_t *to, zmq_msg_t *from)
{
    zmq_msg_init(to);
    zmq_msg_move(to, from);
}

static struct job *allocate(void)
{
    struct job *job = calloc(1, sizeof *job);

    if (job)
        job->final = calloc(1, sizeof *job->final);
    if (job && !job->final) {
        free(job);
        job = NULL;
    }
    return job;
}

static void fill(struct job *job, struct registration *registration, struct frames *frames)
{
    size_t body = frames->count - FRAME_BODY;

    job->registration = registration;
    job->generation = atomic_load(&registration->generation);
    job->received_ms = clock_now_ms();
    job->has_header = body == 2;
    job->is_broken = body > 2;
    move_frame(&job->client, &frames->at[FRAME_CLIENT]);
    move_frame(&job->message, &frames->at[frames->count - 1]);
    zmq_msg_init(&job->header);
    if (job->has_header)
        zmq_msg_move(&job->header, &frames->at[FRAME_BODY]);
}

struct job *job_new(struct registration *registration, struct frames *frames)
{
    bool is_request = frames->count > FRAME_BODY && frames_text(frames, FRAME_DELIMITER).size == 0;
    struct job *job = is_request ? allocate() : NULL;

    if (job)
        fill(job, registration, frames);
    frames_clear(frames);
    return job;
}

void job_free(struct job *job)
{
    free(job->final);
    zmq_msg_close(&job->client);
    zmq_msg_close(&job->header);
    zmq_msg_close(&job->message);
    free(job);
}

struct text job_look(struct job *job)
{
    struct packed reader = packed_from(message_text(&job->message));
    struct text method = {NULL, 0};
    uint64_t count, type, msgid;

    if (packed_array(&reader, &count) && packed_count(&reader, &type) &&
        packed_count(&reader, &msgid) && msgid <= UINT32_MAX) {
        job->msgid = (uint32_t)msgid;
        if (!packed_text(&reader, &method))
            method = (struct text){NULL, 0};
    }
    return method;
}

struct answer *answer_new(struct job *job, msgpack_sbuffer *body, bool is_final)
{
    struct answer *answer = is_final ? job->final : calloc(1, sizeof *answer);

    if (!answer)
        return NULL;
    if (is_final)
        job->final = NULL;
    answer->registration = job->registration;
    answer->generation = job->generation;
    answer->is_final = is_final;
    zmq_msg_init(&answer->client);
    zmq_msg_copy(&answer->client, &job->client);
    message_from_buffer(body, &answer->body);
    return answer;
}

void answer_free(struct answer *answer)
{
    zmq_msg_close(&answer->client);
    zmq_msg_close(&answer->body);
    free(answer);
}

/* ---- the outbox ---- */

bool outbox_init(struct outbox *self, struct fault *fault)
{
    self->first = NULL;
    self->last = &self->first;
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->wake_fd < 0)
        return fault_set(fault, FAULT_internal, "no descriptor for the outbox");
    pthread_mutex_init(&self->lock, NULL);
    return true;
}

void outbox_drop(struct outbox *self)
{
    for (struct answer *next, *answer = self->first; answer; answer = next) {
        next = answer->next;
        answer_free(answer);
    }
    pthread_mutex_destroy(&self->lock);
    close(self->wake_fd);
}

void outbox_wake(struct outbox *self)
{
    uint64_t one = 1;

    if (write(self->wake_fd, &one, sizeof one) < 0)
        return;         /* the counter is full: it is readable already */
}

void outbox_put(struct outbox *self, struct answer *answer)
{
    pthread_mutex_lock(&self->lock);
    bool was_empty = !self->first;
    answer->next = NULL;
    *self->last = answer;
    self->last = &answer->next;
    pthread_mutex_unlock(&self->lock);
    if (was_empty)
        outbox_wake(self);
}

struct answer *outbox_take_all(struct outbox *self)
{
    uint64_t count;

    if (read(self->wake_fd, &count, sizeof count) < 0)
        count = 0;      /* nobody has called */
    pthread_mutex_lock(&self->lock);
    struct answer *first = self->first;
    self->first = NULL;
    self->last = &self->first;
    pthread_mutex_unlock(&self->lock);
    return first;
}
