/* decoding.h - decoding one message in a test, and its violations as lines. */
#ifndef ISEKAI_TESTS_SCHEMAS_DECODING_H
#define ISEKAI_TESTS_SCHEMAS_DECODING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/message.h"

enum { ARENA_OCTETS = 4 << 20, LINES_SIZE = 8192 };

struct decoded { struct arena *arena; void *out; struct violation_list list; struct fault fault; };

static inline bool decode(struct decoded *self, const struct message *message, struct text packed,
                          enum strictness strictness)
{
    self->arena = arena_new(ARENA_OCTETS);
    self->out = malloc(message->size);
    self->fault = (struct fault){FAULT_NONE, 0, ""};
    assert_non_null(self->arena);
    assert_non_null(self->out);
    return message_decode(message, packed, strictness, self->arena, self->out, &self->list,
                          &self->fault);
}

static inline void done(struct decoded *self)
{
    arena_free(self->arena);
    free(self->out);
}

/* The list as lines, for one comparison. */
static inline void write_lines(const struct violation_list *list, char *out, size_t capacity)
{
    size_t size = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < list->count && size < capacity; i++)
        size += (size_t)snprintf(out + size, capacity - size, "%s%.*s: %.*s", i > 0 ? "\n" : "",
                                 TEXT_ARGS(list->at[i].path), TEXT_ARGS(list->at[i].msg));
}

#endif
