/* fuzz_message - octets and JSON from strangers, against every message of the contract.
 *
 * Input: the first octet picks the message, the second the way (even: MessagePack, odd: JSON), the
 * rest is what came. Beyond not crashing: what is accepted can be encoded, and comes back the same
 * from its JSON and its octets.
 */
#include <stdint.h>
#include <stdlib.h>

#include "schemas/json.h"

enum { ARENA_OCTETS = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct text octets_of(const msgpack_sbuffer *buffer)
{
    return (struct text){buffer->data, buffer->size};
}

/* Accepted octets, once encoded by us, are read and encoded the same ever after. */
static void check_accepted(const struct message *message, const void *out, struct arena *arena)
{
    void *again = arena_take(arena, message->size);
    struct fault fault = {FAULT_NONE, 0, ""};
    msgpack_sbuffer first, second, json;

    msgpack_sbuffer_init(&first);
    msgpack_sbuffer_init(&second);
    msgpack_sbuffer_init(&json);
    must(message_encode(message, out, &first, &fault));
    if (again && message_decode(message, octets_of(&first), STRICT, arena, again, NULL, &fault)) {
        must(message_encode(message, again, &second, &fault));
        must(text_equals(octets_of(&first), octets_of(&second)));
    } else {
        must(arena_is_exhausted(arena));
    }
    must(json_from_packed(message, octets_of(&first), &json, &fault));
    must(text_code_points(octets_of(&json)) != SIZE_MAX);
    msgpack_sbuffer_destroy(&first);
    msgpack_sbuffer_destroy(&second);
    msgpack_sbuffer_destroy(&json);
}

static void take_packed(const struct message *message, struct text packed,
                        enum strictness strictness)
{
    struct arena *arena = arena_new(ARENA_OCTETS);
    void *out = arena_take(arena, message->size);
    struct violation_list list;
    struct fault fault = {FAULT_NONE, 0, ""};
    msgpack_sbuffer json;

    must(out != NULL);
    if (message_decode(message, packed, strictness, arena, out, &list, &fault))
        check_accepted(message, out, arena);
    else
        must(fault.kind == FAULT_malformed || fault.kind == FAULT_broken_msgpack ||
             fault.kind == FAULT_too_large);
    msgpack_sbuffer_init(&json);
    (void) json_from_packed(message, packed, &json, &fault);
    msgpack_sbuffer_destroy(&json);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fault fault = {FAULT_NONE, 0, ""};
    msgpack_sbuffer packed;

    if (size < 2)
        return 0;
    const struct message *message = messages[input[0] % message_count];
    struct text rest = {(const char *)input + 2, size - 2};
    if (input[1] % 2 == 0) {
        take_packed(message, rest, input[1] & 2 ? LENIENT : STRICT);
        return 0;
    }
    msgpack_sbuffer_init(&packed);
    if (json_to_packed(message, rest, NULL, 0, &packed, &fault))
        take_packed(message, octets_of(&packed), STRICT);
    else
        must(fault.kind == FAULT_broken_json || fault.kind == FAULT_too_large);
    msgpack_sbuffer_destroy(&packed);
    return 0;
}
