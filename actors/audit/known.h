/* known.h - which event ids were recorded lately, so that one sent again is recorded once.
 *
 * Owns:     its memory, of one size for ever. Free with known_free(); NULL is welcome.
 * Bounds:   the last KNOWN_MAX ids; an older one sent again would be recorded again.
 * Ids are kept as keyed 128-bit hashes: nobody without the process's key can make two meet.
 * One thread at a time.
 */
#ifndef ISEKAI_ACTORS_AUDIT_KNOWN_H
#define ISEKAI_ACTORS_AUDIT_KNOWN_H

#include "schemas/text.h"

enum { KNOWN_MAX = 100000 };

struct known;
struct known_id { unsigned char at[16]; };

struct known *known_new(void);          /* NULL: no memory */
void known_free(struct known *known);

struct known_id known_id_of(const struct known *known, struct text event_id);
bool known_has(const struct known *known, struct known_id id);
void known_add(struct known *known, struct known_id id);    /* forgets the oldest when full */

#endif
