/* arena.c - a chain of blocks that grows at its head and is freed at once. */
#include "schemas/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGNMENT = 16, BLOCK_SIZE = 8192 };

struct block {
    struct block *next;
    size_t capacity, used;
    alignas(ALIGNMENT) char octets[];
};

struct arena {
    struct block *newest;
    size_t given, octets_max;
    bool exhausted, wipes;
};

struct arena *arena_new(size_t octets_max)
{
    struct arena *self = calloc(1, sizeof *self);

    if (self)
        self->octets_max = octets_max;
    return self;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    while (arena->newest) {
        struct block *oldest_left = arena->newest;
        arena->newest = oldest_left->next;
        if (arena->wipes)
            explicit_bzero(oldest_left->octets, oldest_left->used);
        free(oldest_left);
    }
    free(arena);
}

void arena_wipe(struct arena *arena)
{
    arena->wipes = true;
}

static struct block *block_for(struct arena *arena, size_t size)
{
    size_t capacity = size > BLOCK_SIZE / 2 ? size : BLOCK_SIZE;
    struct block *block = arena->newest;

    if (block && block->capacity - block->used >= size)
        return block;
    block = malloc(sizeof *block + capacity);
    if (!block)
        return NULL;
    block->capacity = capacity;
    block->used = 0;
    if (capacity == size && arena->newest) {        /* a large one: keep filling the newest */
        block->next = arena->newest->next;
        arena->newest->next = block;
    } else {
        block->next = arena->newest;
        arena->newest = block;
    }
    return block;
}

void *arena_take(struct arena *arena, size_t size)
{
    size_t rounded = size == 0 ? ALIGNMENT
                               : (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct block *block = NULL;

    if (size <= SIZE_MAX / 2 && rounded <= arena->octets_max - arena->given)
        block = block_for(arena, rounded);
    if (!block) {
        arena->exhausted = true;
        return NULL;
    }
    char *taken = block->octets + block->used;
    block->used += rounded;
    arena->given += rounded;
    return memset(taken, 0, size);
}

char *arena_copy(struct arena *arena, const void *from, size_t size)
{
    if (size == SIZE_MAX) {
        arena->exhausted = true;
        return NULL;
    }
    char *copy = arena_take(arena, size + 1);       /* zeroed: the NUL is there */
    if (copy && size > 0)
        memcpy(copy, from, size);
    return copy;
}

struct text arena_text(struct arena *arena, struct text from)
{
    char *copy = from.at ? arena_copy(arena, from.at, from.size) : NULL;

    return (struct text){copy, copy ? from.size : 0};
}

struct text arena_print(struct arena *arena, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    char *out = size < 0 ? NULL : arena_take(arena, (size_t)size + 1);
    if (out)
        (void) vsnprintf(out, (size_t)size + 1, format, again);
    va_end(again);
    va_end(args);
    return (struct text){out, out ? (size_t)size : 0};
}

bool arena_is_exhausted(const struct arena *arena) { return arena->exhausted; }
