/* packed.h - reading MessagePack in place, one value after the other.
 *
 * Source:   MessagePack specification, "Formats".
 * Borrows:  the octets; a text that is given points into them.
 * Fails as: false, when the next value is of another kind or cut short; then the reader stands
 *           where it stood. Nothing is allocated. Nesting is bounded by scan.h.
 */
#ifndef ISEKAI_BUS_PACKED_H
#define ISEKAI_BUS_PACKED_H

#include "schemas/text.h"

struct packed { const unsigned char *at; size_t left; };

struct packed packed_from(struct text octets);
bool packed_array(struct packed *self, uint64_t *count);        /* its head only */
bool packed_map(struct packed *self, uint64_t *count);          /* its head only */
bool packed_count(struct packed *self, uint64_t *value);        /* in any encoding; not negative */
bool packed_text(struct packed *self, struct text *out);
bool packed_value(struct packed *self, struct text *out);       /* any; the octets of all of it */

bool packed_is_map(struct text value);
bool packed_is_nil(struct text value);

#endif
