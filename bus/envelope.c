/* envelope.c - the body of a bus message, read in place and written at the end of a buffer. */
#include "bus/envelope.h"

#include <msgpack.h>

#include "schemas/scan.h"

enum message_type { TYPE_REQUEST = 0, TYPE_ANSWER = 1, TYPE_PROGRESS = 2 };

/* What is left to read. The octets were scanned: every value in them is whole. */
struct reader { const unsigned char *at; size_t left; };

static uint64_t big_endian(const unsigned char *at, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static bool skip_head(struct reader *reader, size_t size)
{
    if (reader->left < size)
        return false;
    reader->at += size;
    reader->left -= size;
    return true;
}

static bool read_array(struct reader *reader, uint64_t *count)
{
    if (reader->left == 0)
        return false;
    unsigned char type = reader->at[0];
    if (type >= 0x90 && type <= 0x9f) {
        *count = type & 0x0fu;
        return skip_head(reader, 1);
    }
    size_t size = type == 0xdc ? 2 : type == 0xdd ? 4 : 0;
    if (size == 0 || reader->left < 1 + size)
        return false;
    *count = big_endian(reader->at + 1, size);
    return skip_head(reader, 1 + size);
}

/* An integer that is not negative, in any of its encodings. */
static bool read_count(struct reader *reader, uint64_t *value)
{
    if (reader->left == 0)
        return false;
    unsigned char type = reader->at[0];
    if (type <= 0x7f) {
        *value = type;
        return skip_head(reader, 1);
    }
    bool is_signed = type >= 0xd0 && type <= 0xd3;
    if (!is_signed && !(type >= 0xcc && type <= 0xcf))
        return false;
    size_t size = (size_t)1 << (type & 3);
    if (reader->left < 1 + size || (is_signed && (reader->at[1] & 0x80)))
        return false;
    *value = big_endian(reader->at + 1, size);
    return skip_head(reader, 1 + size);
}

static bool read_text(struct reader *reader, struct text *out)
{
    if (reader->left == 0)
        return false;
    unsigned char type = reader->at[0];
    size_t head = 1;
    uint64_t size = 0;
    if (type >= 0xa0 && type <= 0xbf) {
        size = type & 0x1fu;
    } else if (type >= 0xd9 && type <= 0xdb) {
        size_t octets = (size_t)1 << (type - 0xd9);
        if (reader->left < 1 + octets)
            return false;
        size = big_endian(reader->at + 1, octets);
        head += octets;
    } else {
        return false;
    }
    if (reader->left - head < size)
        return false;
    *out = (struct text){(const char *)reader->at + head, (size_t)size};
    return skip_head(reader, head + (size_t)size);
}

/* The octets of the next value, whatever it is. */
static bool read_value(struct reader *reader, struct text *out)
{
    struct text left = {(const char *)reader->at, reader->left};
    struct fault ignored;
    size_t size = scan_first(left, SCAN_DEPTH_MAX, SCAN_NODES_MAX, &ignored);

    if (size == 0)
        return false;
    *out = (struct text){left.at, size};
    return skip_head(reader, size);
}

static bool is_map(struct text value)
{
    unsigned char type = value.size ? (unsigned char)value.at[0] : 0;

    return (type >= 0x80 && type <= 0x8f) || type == 0xde || type == 0xdf;
}

static bool is_nil(struct text value)
{
    return value.size == 1 && (unsigned char)value.at[0] == 0xc0;
}

static bool read_msgid(struct reader *reader, struct envelope *out)
{
    uint64_t msgid;

    if (!read_count(reader, &msgid) || msgid > UINT32_MAX)
        return false;
    out->msgid = (uint32_t)msgid;
    return true;
}

static bool read_request(struct reader *reader, struct envelope *out, struct fault *fault)
{
    uint64_t count;

    out->kind = ENVELOPE_REQUEST;
    if (!read_msgid(reader, out))
        return fault_set(fault, FAULT_broken_msgpack, "msgid is not a number of 32 bits");
    if (!read_text(reader, &out->method))
        return fault_set(fault, FAULT_broken_msgpack, "method is not a string");
    if (!read_array(reader, &count) || count > 1)
        return fault_set(fault, FAULT_broken_msgpack, "params is not an array of one map");
    out->params = TEXT_OF("\x80");
    if (count == 1 && (!read_value(reader, &out->params) || !is_map(out->params)))
        return fault_set(fault, FAULT_broken_msgpack, "the parameter is not a map");
    return true;
}

static bool read_answer(struct reader *reader, struct envelope *out, struct fault *fault)
{
    out->kind = ENVELOPE_ANSWER;
    if (!read_msgid(reader, out))
        return fault_set(fault, FAULT_broken_msgpack, "msgid is not a number of 32 bits");
    if (!read_value(reader, &out->error) || !read_value(reader, &out->result))
        return fault_set(fault, FAULT_broken_msgpack, "error or result is missing");
    if (is_nil(out->error))
        out->error = (struct text){NULL, 0};
    else if (!is_map(out->error))
        return fault_set(fault, FAULT_broken_msgpack, "error is neither nil nor a map");
    return true;
}

static bool read_progress(struct reader *reader, struct envelope *out, struct fault *fault)
{
    struct text name;
    uint64_t count;

    out->kind = ENVELOPE_PROGRESS;
    if (!read_text(reader, &name) || !text_is(name, "progress"))
        return fault_set(fault, FAULT_broken_msgpack, "not a notification named progress");
    if (!read_array(reader, &count) || count != 2 || !read_msgid(reader, out) ||
        !read_value(reader, &out->data))
        return fault_set(fault, FAULT_broken_msgpack, "params is not [msgid, data]");
    return true;
}

bool envelope_read(struct text packed, struct envelope *out, struct fault *fault)
{
    struct reader reader = {(const unsigned char *)packed.at, packed.size};
    uint64_t count, type;

    *out = (struct envelope){0};
    if (!scan_whole(packed, SCAN_DEPTH_MAX, SCAN_NODES_MAX, fault))
        return false;
    if (!read_array(&reader, &count) || !read_count(&reader, &type))
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
