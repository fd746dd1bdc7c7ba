/* json_read.c - JSON to MessagePack: outline first, then jansson, then its tree is walked once.
 *
 * jansson recurses and allocates per value, so depth and number of values are counted over the
 * raw octets before it sees them.
 */
#include "schemas/json.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

/* An open array or object of the tree, and what the contract says of its values. */
struct level {
    json_t *container;
    void *pair;                         /* of an object: the next; NULL at its end */
    size_t index;                       /* of an array: the next */
    const struct message *message;      /* of this object's fields, or of this array's items */
};

struct reading {
    msgpack_packer packer;
    bool out_of_memory;
    struct level levels[JSON_DEPTH_MAX + 1];
    uint32_t depth;
};

static void keep(struct reading *self, int outcome)
{
    if (outcome != 0)
        self->out_of_memory = true;
}

/* Behind the string that begins at json.at[at]. */
static size_t behind_string(struct text json, size_t at)
{
    for (at++; at < json.size && json.at[at] != '"'; at++)
        if (json.at[at] == '\\')
            at++;
    return at < json.size ? at + 1 : json.size;
}

/* Every value but the first stands behind one of [ { , : */
bool json_outline_fits(struct text json, struct fault *fault)
{
    uint32_t depth = 0, nodes = 1;

    for (size_t at = 0; at < json.size;) {
        char character = json.at[at];
        if (character == '"') {
            at = behind_string(json, at);
            continue;
        }
        if (character == '[' || character == '{')
            depth++;
        else if ((character == ']' || character == '}') && depth > 0)
            depth--;
        if (character == '[' || character == '{' || character == ',' || character == ':')
            nodes++;
        if (depth > JSON_DEPTH_MAX)
            return fault_set(fault, FAULT_broken_json, "nested deeper than %d", JSON_DEPTH_MAX);
        if (nodes > JSON_NODES_MAX)
            return fault_set(fault, FAULT_too_large, "more than %d values", JSON_NODES_MAX);
        at++;
    }
    return true;
}

/* jansson's own words quote the input; ours do not. */
static bool refuse(const json_error_t *error, struct fault *fault)
{
    const char *what = "syntax error";

    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        return fault_set(fault, FAULT_internal, "no memory to parse JSON");
    case json_error_premature_end_of_input:     what = "ends too early"; break;
    case json_error_end_of_input_expected:      what = "something stands behind the value"; break;
    case json_error_invalid_utf8:               what = "not valid UTF-8"; break;
    case json_error_duplicate_key:              what = "a key is given twice"; break;
    case json_error_numeric_overflow:           what = "a number is too large"; break;
    case json_error_null_byte_in_key:           what = "a key holds NUL"; break;
    default:                                    break;
    }
    return fault_set(fault, FAULT_broken_json, "line %d, column %d: %s", error->line,
                     error->column, what);
}

static json_t *parse(struct text json, struct fault *fault)
{
    json_error_t error;
    json_t *tree;

    if (json.size == 0) {
        tree = json_object();
        if (!tree)
            (void) fault_set(fault, FAULT_internal, "no memory to parse JSON");
        return tree;
    }
    if (!json_outline_fits(json, fault))
        return NULL;
    tree = json_loadb(json.at, json.size,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!tree)
        (void) refuse(&error, fault);
    return tree;
}

static void write_text(struct reading *self, struct text text)
{
    keep(self, msgpack_pack_str(&self->packer, text.size));
    keep(self, msgpack_pack_str_body(&self->packer, text.at, text.size));
}

/* Base64 becomes octets; what is none stays a text and is refused with the rest. */
static void write_bytes(struct reading *self, struct text text)
{
    size_t capacity = text.size / 4 * 3 + 3, size = 0;
    unsigned char *octets = malloc(capacity);

    if (!octets) {
        self->out_of_memory = true;
        return;
    }
    if (sodium_base642bin(octets, capacity, text.at, text.size, /* ignore= */ NULL, &size,
                          /* end= */ NULL, sodium_base64_VARIANT_ORIGINAL) == 0) {
        keep(self, msgpack_pack_bin(&self->packer, size));
        keep(self, msgpack_pack_bin_body(&self->packer, octets, size));
    } else {
        write_text(self, text);
    }
    free(octets);
}

static void write_string(struct reading *self, struct text text, const struct field *field)
{
    int64_t milliseconds;

    if (field && field->kind == FIELD_TIME && json_time_read(text, &milliseconds))
        keep(self, msgpack_pack_int64(&self->packer, milliseconds));
    else if (field && field->kind == FIELD_BYTES)
        write_bytes(self, text);
    else
        write_text(self, text);
}

static void begin_level(struct reading *self, json_t *container, const struct message *message)
{
    self->levels[self->depth++] = (struct level){
        .container = container,
        .pair = json_is_object(container) ? json_object_iter(container) : NULL,
        .message = message,
    };
}

static void write_value(struct reading *self, json_t *value, const struct field *field,
                        const struct message *message)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        keep(self, msgpack_pack_map(&self->packer, json_object_size(value)));
        begin_level(self, value, message);
        break;
    case JSON_ARRAY:
        keep(self, msgpack_pack_array(&self->packer, json_array_size(value)));
        begin_level(self, value, message);
        break;
    case JSON_STRING:
        write_string(self, (struct text){json_string_value(value), json_string_length(value)},
                     field);
        break;
    case JSON_INTEGER:
        keep(self, msgpack_pack_int64(&self->packer, json_integer_value(value)));
        break;
    case JSON_REAL:
        keep(self, msgpack_pack_double(&self->packer, json_real_value(value)));
        break;
    case JSON_TRUE:
        keep(self, msgpack_pack_true(&self->packer));
        break;
    case JSON_FALSE:
        keep(self, msgpack_pack_false(&self->packer));
        break;
    case JSON_NULL:
        keep(self, msgpack_pack_nil(&self->packer));
        break;
    }
}

static void write_next_pair(struct reading *self, struct level *level)
{
    struct text key = {json_object_iter_key(level->pair), 0};
    json_t *value = json_object_iter_value(level->pair);

    key.size = json_object_iter_key_len(level->pair);
    level->pair = json_object_iter_next(level->container, level->pair);
    const struct field *field = level->message ? message_field(level->message, key) : NULL;
    write_text(self, key);
    write_value(self, value, field, field ? field->item : NULL);
}

/* Walk what is open until nothing is: as deep as the outline allowed. */
static void write_levels(struct reading *self)
{
    while (self->depth > 0) {
        struct level *level = &self->levels[self->depth - 1];
        if (level->pair)
            write_next_pair(self, level);
        else if (json_is_array(level->container) &&
                 level->index < json_array_size(level->container))
            write_value(self, json_array_get(level->container, level->index++), NULL,
                        level->message);
        else
            self->depth--;
    }
}

static bool read_number(struct text text, uint64_t *number)
{
    *number = 0;
    if (text.size < 1 || text.size > 20)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text.at[i] - '0';
        if (digit > 9 || *number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static void write_extra(struct reading *self, const struct json_extra *extra)
{
    struct text value = extra->value.at ? extra->value : TEXT_OF("");
    char name[FIELD_NAME_SIZE];
    uint64_t number;

    field_wire_name(extra->field->name, name);
    write_text(self, text_from(name));
    if (extra->field->kind == FIELD_COUNT && read_number(value, &number))
        keep(self, msgpack_pack_uint64(&self->packer, number));
    else if (extra->field->kind == FIELD_FLAG && text_is(value, "true"))
        keep(self, msgpack_pack_true(&self->packer));
    else if (extra->field->kind == FIELD_FLAG && text_is(value, "false"))
        keep(self, msgpack_pack_false(&self->packer));
    else
        write_string(self, value, extra->field);
}

/* The extras first, then the body's own pairs. */
static void write_object(struct reading *self, json_t *tree, const struct message *message,
                         const struct json_extra *extras, size_t extra_count)
{
    keep(self, msgpack_pack_map(&self->packer, json_object_size(tree) + extra_count));
    for (size_t i = 0; i < extra_count; i++)
        write_extra(self, &extras[i]);
    begin_level(self, tree, message);
}

bool json_to_packed(const struct message *message, struct text json,
                    const struct json_extra *extras, size_t extra_count,
                    msgpack_sbuffer *out, struct fault *fault)
{
    struct reading self = {.out_of_memory = false, .depth = 0};
    size_t begin = out->size;
    json_t *tree = parse(json, fault);

    if (!tree)
        return false;
    msgpack_packer_init(&self.packer, out, msgpack_sbuffer_write);
    if (json_is_object(tree))
        write_object(&self, tree, message, extras, extra_count);
    else
        write_value(&self, tree, NULL, NULL);
    write_levels(&self);
    json_decref(tree);
    if (!self.out_of_memory)
        return true;
    out->size = begin;
    return fault_set(fault, FAULT_internal, "no memory for %s", message->name);
}
