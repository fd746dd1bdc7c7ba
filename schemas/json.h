/* json.h - JSON to MessagePack and back, guided by the tables of the contract.
 *
 * Source:   RFC 8259; times are RFC 3339, octets are base64 (RFC 4648 section 4).
 * Borrows:  the JSON text, during the call.
 * Gives:    appended octets in the caller's buffers.
 * Fails as: broken_json (syntax, duplicate keys, bad UTF-8, deeper than JSON_DEPTH_MAX,
 *           anything behind the value), too_large (more than JSON_NODES_MAX values). Types are
 *           not judged here: a value of the wrong type passes as it is and message_decode() lists
 *           it with the rest.
 * Stack:    parsing is bounded to JSON_DEPTH_MAX levels before the parser sees the text, so it
 *           may run on a 100 KB stack.
 */
#ifndef ISEKAI_SCHEMAS_JSON_H
#define ISEKAI_SCHEMAS_JSON_H

#include <msgpack.h>

#include "schemas/message.h"

enum { JSON_DEPTH_MAX = 32, JSON_NODES_MAX = 100000 };

/* Count depth and values before a parser that recurses and allocates sees the text. */
bool json_outline_fits(struct text json, struct fault *fault);

/* A value from outside the body (path or query), placed into the top-level object. */
struct json_extra { const struct field *field; struct text value; };

/* Append the object `json` (absent or empty: {}) as MessagePack, with `extras` added as further
 * keys: their text becomes a number, flag or time where the field is one and the text reads as
 * one. A field that is both in json and in extras appears twice and is refused later as
 * a duplicate. */
bool json_to_packed(const struct message *message, struct text json,
                    const struct json_extra *extras, size_t extra_count,
                    msgpack_sbuffer *out, struct fault *fault);

/* Append `packed`, one valid message, as compact JSON. Fields not in the table are written as
 * they are. */
bool json_from_packed(const struct message *message, struct text packed, msgpack_sbuffer *out,
                      struct fault *fault);

/* Append text as a JSON string with its quotes. */
void json_write_text(struct text text, msgpack_sbuffer *out);

/* RFC 3339 with milliseconds, "2025-10-10T15:00:00.000Z". */
enum { JSON_TIME_SIZE = 25 };
void json_time(int64_t milliseconds, char out[JSON_TIME_SIZE]);

/* The other way: RFC 3339 with any fraction and offset, 1970 to 9999; false when it is not one. */
bool json_time_read(struct text text, int64_t *milliseconds);

#endif
