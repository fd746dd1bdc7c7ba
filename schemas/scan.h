/* scan.h - look over MessagePack from a stranger before anything is allocated for it.
 *
 * Source:   MessagePack specification, "Formats".
 * Borrows:  octets, during the call. Allocates nothing, does not recurse.
 * Units:    depth counts nested arrays and maps; nodes counts every value, keys included.
 * Fails as: broken_msgpack (cut short, trailing octets, reserved type 0xc1, a declared length
 *           larger than what is left, too deep: as JSON is refused), too_large (too many nodes).
 */
#ifndef ISEKAI_SCHEMAS_SCAN_H
#define ISEKAI_SCHEMAS_SCAN_H

#include "schemas/fault.h"
#include "schemas/text.h"

enum { SCAN_DEPTH_MAX = 32, SCAN_NODES_MAX = 1000000 };

/* True when packed holds exactly one complete value within the bounds. */
bool scan_whole(struct text packed, uint32_t depth_max, uint32_t nodes_max, struct fault *fault);

/* The size of the first complete value of `packed`; 0 and a fault when there is none. */
size_t scan_first(struct text packed, uint32_t depth_max, uint32_t nodes_max, struct fault *fault);

#endif
