/* envelope.c - the body of a bus message, read in place and written at the end of a buffer. */
#include "bus/envelope.h"

#include <msgpack.h>

#include "bus/packed.h"
#include "schemas/scan.h"

enum message_type { TYPE_REQUEST = 0, TYPE_ANSWER = 1, TYPE_PROGRESS = 2 };

static bool read_msgid(struct packed *reader, struct envelope *out)
{
    uint64_t msgid;

    if (!packed_count(reader, &msgid) || msgid > UINT32_MAX)
        return false;
    out->msgid = (uint32_t)msgid;
    return true;
}

static bool read_request(struct packed *reader, struct envelope *out, struct fault *fault)
{
    uint64_t count;

    out->kind = ENVELOPE_REQUEST;
    if (!read_msgid(reader, out))
        return fault_set(fault, FAULT_broken_msgpack, "msgid is not a number of 32 bits");
    if (!packed_text(reader, &out->method))
        return fault_set(fault, FAULT_broken_msgpack, "method is not a string");
    if (!packed_array(reader, &count) || count > 1)
        return fault_set(fault, FAULT_broken_msgpack, "params is not an array of one map");
    out->params = TEXT_OF("\x80");
    if (count == 1 && (!packed_value(reader, &out->params) || !packed_is_map(out->params)))
        return fault_set(fault, FAULT_broken_msgpack, "the parameter is not a map");
    return true;
}

static bool read_answer(struct packed *reader, struct envelope *out, struct fault *fault)
{
    out->kind = ENVELOPE_ANSWER;
    if (!read_msgid(reader, out))
        return fault_set(fault, FAULT_broken_msgpack, "msgid is not a number of 32 bits");
    if (!packed_value(reader, &out->error) || !packed_value(reader, &out->result))
        return fault_set(fault, FAULT_broken_msgpack, "error or result is missing");
    if (packed_is_nil(out->error))
        out->error = (struct text){NULL, 0};
    else if (!packed_is_map(out->error))
        return fault_set(fault, FAULT_broken_msgpack, "error is neither nil nor a map");
    return true;
}

static bool read_progress(struct packed *reader, struct envelope *out, struct fault *fault)
{
    struct text name;
    uint64_t count;

    out->kind = ENVELOPE_PROGRESS;
    if (!packed_text(reader, &name) || !text_is(name, "progress"))
        return fault_set(fault, FAULT_broken_msgpack, "not a notification named progress");
    if (!packed_array(reader, &count) || count != 2 || !read_msgid(reader, out) ||
        !packed_value(reader, &out->data))
        return fault_set(fault, FAULT_broken_msgpack, "params is not [msgid, data]");
    return true;
}

bool envelope_read(struct text packed, struct envelope *out, struct fault *fault)
{
    struct packed reader = packed_from(packed);
    uint64_t count, type;

    *out = (struct envelope){0};
    if (!scan_whole(packed, SCAN_DEPTH_MAX, SCAN_NODES_MAX, fault))
        return false;
    if (!packed_array(&reader, &count) || !packed_count(&reader, &type))
        return fault_set(fault, FAULT_broken_msgpack, "not an array that begins with its type");
    if (type == TYPE_REQUEST && count == 4)
        return read_request(&reader, out, fault);
    if (type == TYPE_ANSWER && count == 4)
        return read_answer(&reader, out, fault);
    if (type == TYPE_PROGRESS && count == 3)
        return read_progress(&reader, out, fault);
    return fault_set(fault, FAULT_broken_msgpack, "not a MessagePack-RPC message");
}

bool header_read(struct text packed, struct arena *arena, struct header *out, struct fault *fault)
{
    if (packed.size > HEADER_OCTETS_MAX)
        return fault_set(fault, FAULT_too_large, "header: %zu octets are more than %d",
                         packed.size, HEADER_OCTETS_MAX);
    if (!message_decode(&header_message, packed, LENIENT, arena, out, NULL, fault)) {
        fault->kind = FAULT_malformed;
        return fault_while(fault, "header");
    }
    return true;
}

bool envelope_peek_msgid(struct text packed, uint32_t *msgid)
{
    struct packed reader = packed_from(packed);
    uint64_t count, type, value;

    if (!packed_array(&reader, &count) || count != 4 || !packed_count(&reader, &type) ||
        type != TYPE_REQUEST || !packed_count(&reader, &value) || value > UINT32_MAX)
        return false;
    *msgid = (uint32_t)value;
    return true;
}

/* ---- writing: the packer's verbs give 0, or -1 when there is no memory ---- */

static bool append(msgpack_sbuffer *out, struct text packed)
{
    return msgpack_sbuffer_write(out, packed.at, packed.size) == 0;
}

bool envelope_write_request(uint32_t msgid, const char *method, struct text params,
                            msgpack_sbuffer *out)
{
    size_t length = strlen(method);
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    return msgpack_pack_array(&packer, 4) == 0 && msgpack_pack_uint8(&packer, TYPE_REQUEST) == 0 &&
           msgpack_pack_uint32(&packer, msgid) == 0 && msgpack_pack_str(&packer, length) == 0 &&
           msgpack_pack_str_body(&packer, method, length) == 0 &&
           msgpack_pack_array(&packer, 1) == 0 &&
           append(out, params.at ? params : TEXT_OF("\x80"));
}

static bool begin_answer(uint32_t msgid, msgpack_sbuffer *out)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    return msgpack_pack_array(&packer, 4) == 0 && msgpack_pack_uint8(&packer, TYPE_ANSWER) == 0 &&
           msgpack_pack_uint32(&packer, msgid) == 0;
}

bool envelope_write_result(uint32_t msgid, struct text result, msgpack_sbuffer *out)
{
    return begin_answer(msgid, out) && append(out, TEXT_OF("\xc0")) && append(out, result);
}

bool envelope_write_failure(uint32_t msgid, const struct failure *failure, msgpack_sbuffer *out)
{
    struct fault ignored;

    return begin_answer(msgid, out) && message_encode(&failure_message, failure, out, &ignored) &&
           append(out, TEXT_OF("\xc0"));
}

bool envelope_write_fault(uint32_t msgid, const struct fault *fault, msgpack_sbuffer *out)
{
    struct failure failure = {
        .name = text_from(fault_name(fault->kind)),
        .retry_ms = fault->retry_ms,
    };

    if (fault_may_tell(fault->kind) && fault->reason[0] &&
        text_code_points(text_from(fault->reason)) != SIZE_MAX)
        failure.reason = text_from(fault->reason);
    return envelope_write_failure(msgid, &failure, out);
}

bool envelope_write_progress(uint32_t msgid, const struct progress *progress, msgpack_sbuffer *out)
{
    struct text name = TEXT_OF("progress");
    msgpack_packer packer;
    struct fault ignored;

    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    return msgpack_pack_array(&packer, 3) == 0 && msgpack_pack_uint8(&packer, TYPE_PROGRESS) == 0 &&
           msgpack_pack_str(&packer, name.size) == 0 &&
           msgpack_pack_str_body(&packer, name.at, name.size) == 0 &&
           msgpack_pack_array(&packer, 2) == 0 && msgpack_pack_uint32(&packer, msgid) == 0 &&
           message_encode(&progress_message, progress, out, &ignored);
}

void fault_from_failure(const struct failure *failure, struct fault *fault)
{
    (void) fault_set(fault, fault_from_name(failure->name.at, failure->name.size), "%.*s",
                     TEXT_ARGS(failure->reason));
    (void) fault_retry_after(fault, (uint32_t)failure->retry_ms);
}
