/* arena.h - memory that lives as long as one request.
 *
 * Owns:     an arena owns every octet it gave out; arena_free() returns them all at once.
 * Gives:    arena_take() gives zeroed, 16-octet aligned memory, valid until arena_free().
 * Units:    octets; `octets_max` bounds the sum of what is given out.
 * Fails as: arena_take() and its kin return NULL when octets_max or the machine's memory is
 *           used up, and remember it: arena_is_exhausted().
 * One arena belongs to one thread at a time. NULL is welcome to arena_free().
 */
#ifndef ISEKAI_SCHEMAS_ARENA_H
#define ISEKAI_SCHEMAS_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "schemas/text.h"

struct arena;

struct arena *arena_new(size_t octets_max);             /* NULL: no memory */
void  arena_free(struct arena *arena);
void  arena_wipe(struct arena *arena);                  /* what it held is zeroed when it goes */
void *arena_take(struct arena *arena, size_t size);
char *arena_copy(struct arena *arena, const void *from, size_t size);   /* adds a NUL behind */
struct text arena_text(struct arena *arena, struct text from);          /* at is NUL-terminated */
struct text arena_print(struct arena *arena, const char *format, ...)   /* at is NUL-terminated */
    __attribute__((format(printf, 2, 3)));
bool  arena_is_exhausted(const struct arena *arena);

#endif
