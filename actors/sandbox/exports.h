/* exports.h - archives that are ready and wait to be read.
 *
 * Each is a file without a name: whatever ends the sandbox leaves nothing of it. A place is taken
 * before an archive is made, so that what lies on disk is bounded by EXPORTS_MAX. It is given back by
 * its reader, or when nobody has read for EXPORT_IDLE_MS, or EXPORT_MS_MAX after it was ready.
 *
 * Owns:     its files, from exports_keep() on.
 * Gives:    ids that cannot be guessed; who asks for another's is told that there is none.
 * Units:    octets; clock_now_ms().
 * Fails as: capacity (all places are taken), export_not_found, internal.
 * Threads:  any.
 */
#ifndef ISEKAI_SANDBOX_EXPORTS_H
#define ISEKAI_SANDBOX_EXPORTS_H

#include "schemas/arena.h"
#include "schemas/fault.h"

enum {
    EXPORTS_MAX = 4,
    EXPORT_ID_SIZE = 33,
    EXPORT_PIECE_OCTETS = 1 << 20,
    EXPORT_IDLE_MS = 60000,
    EXPORT_MS_MAX = 900000,
};

struct exports;
struct export;                      /* a place that is taken, and has no archive yet */

/* Which archive, and who asks. */
struct export_key { struct text app_id, export_id, user; };

struct exports *exports_new(void);              /* NULL: no memory */
void exports_free(struct exports *self);        /* NULL is welcome */

/* The last place is for a user who has none. */
struct export *exports_take(struct exports *self, struct text user, struct fault *fault);
/* It came to nothing: the place is free again. */
void exports_give(struct exports *self, struct export *place);
/* The archive in `file` is ready; the file is the exports' from now on, its id in `id`. */
void exports_keep(struct exports *self, struct export *place, const struct export_key *key,
                  int file, char id[EXPORT_ID_SIZE]);

/* A piece from `offset` on, in the arena; empty at the end. */
bool exports_read(struct exports *self, const struct export_key *key, uint64_t offset,
                  struct arena *arena, struct text *out, struct fault *fault);
void exports_end(struct exports *self, const struct export_key *key);
/* The app is removed, and its archives with it. */
void exports_forget(struct exports *self, const char *app_id);
/* Drop what nobody reads any more. */
void exports_tick(struct exports *self);

#endif
