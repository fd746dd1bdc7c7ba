/* message_encode.c - from a struct of ours to octets.
 *
 * A struct that breaks its own table is a defect of ours and is reported as such, here, where it
 * can be found, and not by the peer that would have to refuse it.
 */
#include "schemas/message.h"

#include "schemas/message_rules.h"
#include "schemas/token.h"

struct encoding {
    msgpack_packer packer;
    const char *message;        /* for the fault */
    bool out_of_memory;
};

typedef bool encode_kind(struct encoding *self, const struct field *field, const void *at,
                         struct fault *fault);

static bool encode_message(struct encoding *self, const struct message *message, const void *in,
                           struct fault *fault);

/* What every MANY looks like in its struct. */
struct many { const void *at; uint32_t count; };

static void keep(struct encoding *self, int outcome)
{
    if (outcome != 0)
        self->out_of_memory = true;
}

static void write_text(struct encoding *self, struct text text)
{
    keep(self, msgpack_pack_str(&self->packer, text.size));
    keep(self, msgpack_pack_str_body(&self->packer, text.at, text.size));
}

static bool defect(const struct encoding *self, const struct field *field, const char *what,
                   struct fault *fault)
{
    return fault_set(fault, FAULT_internal, "our own %s.%s %s", self->message, field->name, what);
}

static bool encode_text(struct encoding *self, const struct field *field, const void *at,
                        struct fault *fault)
{
    struct text text = *(const struct text *)at;

    if (!text.at)
        return defect(self, field, "is missing", fault);
    if (!text_fits(field, &text))
        return defect(self, field, "is out of its form or bounds", fault);
    write_text(self, text);
    return true;
}

static bool encode_bytes(struct encoding *self, const struct field *field, const void *at,
                         struct fault *fault)
{
    const struct text *bytes = at;

    if (!bytes->at)
        return defect(self, field, "is missing", fault);
    if (bytes->size < field->min || bytes->size > field->max)
        return defect(self, field, "is out of bounds", fault);
    keep(self, msgpack_pack_bin(&self->packer, bytes->size));
    keep(self, msgpack_pack_bin_body(&self->packer, bytes->at, bytes->size));
    return true;
}

static bool encode_count(struct encoding *self, const struct field *field, const void *at,
                         struct fault *fault)
{
    uint64_t count = *(const uint64_t *)at;

    if (count < field->min || count > field->max)
        return defect(self, field, "is out of bounds", fault);
    keep(self, msgpack_pack_uint64(&self->packer, count));
    return true;
}

static bool encode_real(struct encoding *self, const struct field *field, const void *at,
                        struct fault *fault)
{
    double real = *(const double *)at;

    if (!(real >= field->real_min && real <= field->real_max))
        return defect(self, field, "is out of bounds", fault);
    keep(self, msgpack_pack_double(&self->packer, real));
    return true;
}

static bool encode_flag(struct encoding *self, const struct field *field, const void *at,
                        struct fault *fault)
{
    (void) field, (void) fault;
    keep(self, *(const bool *)at ? msgpack_pack_true(&self->packer)
                                 : msgpack_pack_false(&self->packer));
    return true;
}

static bool encode_time(struct encoding *self, const struct field *field, const void *at,
                        struct fault *fault)
{
    int64_t time = *(const int64_t *)at;

    if (time < 1 || time > TIME_MS_MAX)
        return defect(self, field, "is no time", fault);
    keep(self, msgpack_pack_int64(&self->packer, time));
    return true;
}

static bool encode_enum(struct encoding *self, const struct field *field, const void *at,
                        struct fault *fault)
{
    const char *name = choice_name(field->choices, *(const int *)at);

    if (!name)
        return defect(self, field, "is none of its choices", fault);
    write_text(self, text_from(name));
    return true;
}

static bool encode_one(struct encoding *self, const struct field *field, const void *at,
                       struct fault *fault)
{
    const void *item = *(const void *const *)at;

    if (!item)
        return defect(self, field, "is missing", fault);
    return encode_message(self, field->item, item, fault);
}

/* An array or map of that many items begins, if the row allows so many. */
static bool begin_items(struct encoding *self, const struct field *field, const void *items,
                        uint32_t count, bool is_map, struct fault *fault)
{
    if (count < field->min || count > field->max)
        return defect(self, field, "has too few or too many items", fault);
    if (count > 0 && !items)
        return defect(self, field, "counts items that are not there", fault);
    keep(self, is_map ? msgpack_pack_map(&self->packer, count)
                      : msgpack_pack_array(&self->packer, count));
    return true;
}

static bool encode_many(struct encoding *self, const struct field *field, const void *at,
                        struct fault *fault)
{
    const struct many *many = at;

    if (!begin_items(self, field, many->at, many->count, false, fault))
        return false;
    for (uint32_t i = 0; i < many->count; i++)
        if (!encode_message(self, field->item, (const char *)many->at + i * field->item->size,
                            fault))
            return false;
    return true;
}

static bool encode_texts(struct encoding *self, const struct field *field, const void *at,
                         struct fault *fault)
{
    const struct texts *texts = at;

    if (!begin_items(self, field, texts->at, texts->count, false, fault))
        return false;
    for (uint32_t i = 0; i < texts->count; i++) {
        if (!texts->at[i].at || !text_is_within(texts->at[i], field->fallback))
            return defect(self, field, "holds a text out of bounds", fault);
        write_text(self, texts->at[i]);
    }
    return true;
}

static bool encode_files(struct encoding *self, const struct field *field, const void *at,
                         struct fault *fault)
{
    const struct files *files = at;

    if (!begin_items(self, field, files->at, files->count, true, fault))
        return false;
    for (uint32_t i = 0; i < files->count; i++) {
        const char *complaint = file_complaint(field, files, i);
        if (complaint)
            return defect(self, field, complaint, fault);
        write_text(self, files->at[i].path);
        if (files->at[i].removed)
            keep(self, msgpack_pack_nil(&self->packer));
        else
            write_text(self, files->at[i].content);
    }
    return true;
}

static bool encode_counts(struct encoding *self, const struct field *field, const void *at,
                          struct fault *fault)
{
    const struct counts *counts = at;

    if (!begin_items(self, field, counts->at, counts->count, true, fault))
        return false;
    for (uint32_t i = 0; i < counts->count; i++) {
        const struct count_of *item = &counts->at[i];
        if (!item->name.at || !text_is_within(item->name, COUNT_NAME_MAX))
            return defect(self, field, "holds a name out of bounds", fault);
        write_text(self, item->name);
        keep(self, msgpack_pack_uint64(&self->packer, item->count));
    }
    return true;
}

static bool encode_free(struct encoding *self, const struct field *field, const void *at,
                        struct fault *fault)
{
    const struct text *value = at;
    const char *complaint = value->at ? free_outline_complaint(field->form, *value) : "is missing";

    if (complaint)
        return defect(self, field, complaint, fault);
    keep(self, msgpack_sbuffer_write(self->packer.data, value->at, value->size));
    return true;
}

static bool encode_either(struct encoding *self, const struct field *field, const void *at,
                          struct fault *fault)
{
    const struct text *value = at;
    struct reader reader = reader_of(*value);
    struct token token;

    if (!token_read(&reader, &token) || token.kind != TOKEN_TEXT)
        return encode_free(self, field, at, fault);
    if (reader.at != reader.end || token.octets.size < field->min ||
        !text_is_within(token.octets, field->max))
        return defect(self, field, "is out of bounds", fault);
    keep(self, msgpack_sbuffer_write(self->packer.data, value->at, value->size));
    return true;
}

static encode_kind *const kinds[FIELD_KINDS] = {
    [FIELD_TEXT] = encode_text,     [FIELD_BYTES] = encode_bytes, [FIELD_COUNT] = encode_count,
    [FIELD_REAL] = encode_real,     [FIELD_FLAG] = encode_flag,   [FIELD_TIME] = encode_time,
    [FIELD_ENUM] = encode_enum,     [FIELD_ONE] = encode_one,     [FIELD_MANY] = encode_many,
    [FIELD_TEXTS] = encode_texts,   [FIELD_FILES] = encode_files, [FIELD_COUNTS] = encode_counts,
    [FIELD_FREE] = encode_free,     [FIELD_EITHER] = encode_either,
};

/* An optional field that holds what its absence would mean. */
static bool is_left_out(const struct field *field, const void *at)
{
    if (field->need == REQUIRED)
        return false;
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_FREE:
    case FIELD_EITHER:
        return !((const struct text *)at)->at;
    case FIELD_COUNT: {
        uint64_t count = *(const uint64_t *)at;
        return count == field->fallback || (count == 0 && field->min > 0);
    }
    case FIELD_REAL:    return *(const double *)at == 0.0;
    case FIELD_FLAG:    return !*(const bool *)at;
    case FIELD_TIME:    return *(const int64_t *)at == 0;
    case FIELD_ENUM:    return *(const int *)at == 0;
    case FIELD_ONE:     return !*(const void *const *)at;
    case FIELD_MANY:
    case FIELD_TEXTS:
    case FIELD_FILES:
    case FIELD_COUNTS:
        return !((const struct many *)at)->at && ((const struct many *)at)->count == 0;
    case FIELD_KINDS:
        break;
    }
    return false;
}

/* Recursion here is as deep as the contract nests. */
static bool encode_message(struct encoding *self, const struct message *message, const void *in,
                           struct fault *fault)
{
    size_t count, present = 0;
    const struct field *fields = message->fields(&count);
    char name[FIELD_NAME_SIZE];

    for (size_t i = 0; i < count; i++)
        present += !is_left_out(&fields[i], (const char *)in + fields[i].offset);
    keep(self, msgpack_pack_map(&self->packer, present));
    for (size_t i = 0; i < count; i++) {
        const void *at = (const char *)in + fields[i].offset;
        if (is_left_out(&fields[i], at))
            continue;
        field_wire_name(fields[i].name, name);
        write_text(self, text_from(name));
        self->message = message->name;
        if (!kinds[fields[i].kind](self, &fields[i], at, fault))
            return false;
    }
    return true;
}

bool message_encode(const struct message *message, const void *in, msgpack_sbuffer *out,
                    struct fault *fault)
{
    struct encoding self = {.message = message->name};
    size_t begin = out->size;

    msgpack_packer_init(&self.packer, out, msgpack_sbuffer_write);
    bool done = encode_message(&self, message, in, fault);
    if (done && self.out_of_memory)
        done = fault_set(fault, FAULT_internal, "no memory for %s", message->name);
    if (!done)
        out->size = begin;
    return done;
}
