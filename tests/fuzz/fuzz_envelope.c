/* fuzz_envelope.c - any octets as a body and as a header: what is read lies within them, and the
 * caller in a header that an actor accepts is always the broker's. */
#include <stdint.h>
#include <stdlib.h>

#include "bus/broker_header.h"
#include "schemas/scan.h"

#define MUST(condition) do { if (!(condition)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static bool is_within(struct text part, struct text whole)
{
    return part.at >= whole.at && part.at + part.size <= whole.at + whole.size;
}

static void try_envelope(struct text packed)
{
    struct envelope envelope;
    struct fault fault;
    uint32_t msgid = 0;
    bool is_peeked = envelope_peek_msgid(packed, &msgid);

    if (!envelope_read(packed, &envelope, &fault)) {
        MUST(fault.kind == FAULT_broken_msgpack || fault.kind == FAULT_too_large);
        return;
    }
    if (envelope.kind == ENVELOPE_REQUEST) {
        MUST(is_peeked && msgid == envelope.msgid);
        MUST(is_within(envelope.method, packed));
        MUST(is_within(envelope.params, packed) || text_is(envelope.params, "\x80"));
    } else if (envelope.kind == ENVELOPE_ANSWER) {
        MUST(!envelope.error.at || is_within(envelope.error, packed));
        MUST(is_within(envelope.result, packed));
    } else {
        MUST(is_within(envelope.data, packed));
    }
}

static void try_header(struct text packed)
{
    const struct text caller =
        TEXT_OF("\xa6" "caller\x83\xa4name\xa4ours\xa4role\xa1r\xa3via\xa3ipc");
    struct header_look look;
    struct header header;
    struct fault fault;

    (void) header_look(packed, &look);
    size_t size = header_size(packed, &look, caller);
    char *spliced = malloc(size);           /* exactly: one octet more is found */
    struct arena *arena = arena_new(1 << 20);
    MUST(spliced && arena);
    header_write(packed, &look, caller, 77, spliced);
    MUST(scan_whole((struct text){spliced, size}, 16, 1024, &fault));
    if (header_read((struct text){spliced, size}, arena, &header, &fault)) {
        MUST(header.caller && text_is(header.caller->name, "ours"));
        MUST(header.time_left_ms == 77);
    } else {
        MUST(look.is_header);
    }
    arena_free(arena);
    free(spliced);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
    struct text packed = {(const char *)octets, size};

    try_envelope(packed);
    try_header(packed);
    return 0;
}
